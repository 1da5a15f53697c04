"""Which rows a sample has: for a block of users, each row's user, batch and, for a repeat, the row it repeats.

A block holds all rows of its users in all batches, so that everything that depends on a user's whole story
(duplicates, versions, churn) is known inside one block, and memory does not grow with the sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from splitter.sample_plan import Plan
from splitter.sample_random import Flags, Ints

BLOCK_USERS = 8192
_BATCH_SHIFT = 40
_PURCHASES = (25, 17, 13, 10, 8, 6, 5, 4, 3, 2, 2, 1, 1, 0, 1, 0, 0, 0, 0, 1)  # weights of 1, 2, 3 ... rows a user
_NEWCOMER_PURCHASES = (7, 2, 1)

# Kinds of rows in a later batch, taking turns.
NEW, REPEAT, LATE, MOVED, CHANGED = range(5)
_TURNS = np.array([NEW, REPEAT, MOVED, NEW, LATE, CHANGED, NEW, REPEAT, NEW, NEW], dtype=np.int64)


@dataclass(frozen=True)
class Layout:
    """Rows of one block. `user` counts within the block, `seat` is the position of the row's batch in `batches`."""

    users: Ints  # number of each user in the whole sample
    purchases: Ints  # rows of each user in the user's first batch
    batches: tuple[int, ...]
    extracts: Ints  # extract day of each seat
    previous: int  # the day before the first one that newcomers may sign up on
    user: Ints
    seat: Ints
    row_id: Ints  # batch and number in it; places the random numbers
    ordinal: Ints  # 0 for a user's first row
    source: Ints  # the row whose purchase this one repeats, else the row itself
    kind: Ints

    @property
    def story(self) -> Ints:
        """Row's position in arrays of user and seat."""
        return self.seat * len(self.users) + self.user

    @property
    def batch(self) -> Ints:
        return np.asarray(self.batches, dtype=np.int64)[self.seat]


def layouts(plan: Plan) -> Iterator[Layout]:
    """All blocks: first the users of the full load, then each later batch's newcomers."""
    users = rows = 0
    while rows < plan.rows:
        block = _full_load_block(plan, users, rows)
        yield block
        users += len(block.users)
        rows += int(block.purchases.sum())
    for batch in range(1, plan.batches):
        yield from _newcomer_blocks(plan, batch, users)
        users += plan.newcomer_rows  # more than there are: numbers may have gaps, as in any shop


def _counts(plan: Plan, name: str, users: Ints, weights: tuple[int, ...], rows: int) -> Ints:
    """Rows of each user until `rows` are given out; the last user gets what is left."""
    counts = 1 + plan.dice.pick(name, users, weights)
    ends = np.cumsum(counts)
    used = min(int(np.searchsorted(ends, rows, side="left")) + 1, len(users))
    counts = counts[:used]
    counts[-1] -= max(0, int(ends[used - 1]) - rows)
    return counts


def _full_load_block(plan: Plan, first_user: int, first_row: int) -> Layout:
    users = first_user + np.arange(BLOCK_USERS, dtype=np.int64)
    counts = _counts(plan, "purchases", users, _PURCHASES, plan.rows - first_row)
    load = _load(plan, users[: len(counts)], counts, 0, first_row, tuple(range(plan.batches)))
    last_row = first_row + int(counts.sum())
    for batch in range(1, plan.batches):
        load = _with_later(plan, load, batch, (first_row, last_row))
    return load


def _newcomer_blocks(plan: Plan, batch: int, first_user: int) -> Iterator[Layout]:
    done = 0
    while done < plan.newcomer_rows:
        users = first_user + np.arange(min(BLOCK_USERS, plan.newcomer_rows - done), dtype=np.int64)
        counts = _counts(plan, "newcomer_purchases", users, _NEWCOMER_PURCHASES, plan.newcomer_rows - done)
        first_row = plan.later_rows - plan.newcomer_rows + done
        yield _load(plan, users[: len(counts)], counts, batch, first_row, (batch,))
        first_user += len(counts)
        done += int(counts.sum())


def _load(plan: Plan, users: Ints, counts: Ints, batch: int, first_row: int, batches: tuple[int, ...]) -> Layout:
    """The rows of users in their first batch; some repeat the row before."""
    total = int(counts.sum())
    place = np.arange(total, dtype=np.int64)
    ordinal = place - np.repeat(np.cumsum(counts) - counts, counts)
    row_id = (batch << _BATCH_SHIFT) + first_row + place
    return Layout(
        users=users,
        purchases=counts,
        batches=batches,
        extracts=plan.extracts[list(batches)],
        previous=int(plan.extracts[batch - 1]) if batch else plan.calendar.first - 1,
        user=np.repeat(np.arange(len(users), dtype=np.int64), counts),
        seat=np.zeros(total, dtype=np.int64),
        row_id=row_id,
        ordinal=ordinal,
        source=_repeats(plan, row_id, (ordinal > 0), place),
        kind=np.full(total, NEW, dtype=np.int64),
    )


def _repeats(plan: Plan, row_id: Ints, follows: Flags, place: Ints) -> Ints:
    planted = plan.dice.planted("duplicate", row_id, plan.every("duplicate")) > 0
    source = np.where(planted & follows, place - 1, place)
    return source[source]  # a repeat of a repeat leads to its root


def _with_later(plan: Plan, load: Layout, batch: int, rows: tuple[int, int]) -> Layout:
    """The block's share of a later batch: rows of users it already has."""
    quota = plan.later_rows - plan.newcomer_rows
    first, last = (quota * row // plan.rows for row in rows)
    number = np.arange(first, last, dtype=np.int64)
    row_id = (batch << _BATCH_SHIFT) + number
    kind = _TURNS[number % len(_TURNS)]
    if plan.defects == 0:
        kind = np.where(kind == REPEAT, NEW, kind)
    anchor = plan.dice.below("anchor", row_id, rows[1] - rows[0])
    place = len(load.user) + np.arange(len(number), dtype=np.int64)
    return Layout(
        users=load.users,
        purchases=load.purchases,
        batches=load.batches,
        extracts=load.extracts,
        previous=load.previous,
        user=np.concatenate((load.user, load.user[anchor])),
        seat=np.concatenate((load.seat, np.full(len(number), batch, dtype=np.int64))),
        row_id=np.concatenate((load.row_id, row_id)),
        ordinal=np.concatenate((load.ordinal, np.ones(len(number), dtype=np.int64))),
        source=np.concatenate((load.source, np.where(kind == REPEAT, load.source[anchor], place))),
        kind=np.concatenate((load.kind, kind)),
    )
