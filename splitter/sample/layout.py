"""The rows of a sample: for a block of users, each row's user, batch and, for a repeat, the row it repeats.

A block holds all rows of its users in all batches. So everything that depends on a user's whole story (repeats, moves,
the status that the shop states) is known inside one block, and memory does not grow with the sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from splitter.sample.draws import Flags, Ints
    from splitter.sample.plan import Plan

BLOCK_USERS = 8192
_BATCH_SHIFT = 40
_PURCHASES = (16, 15, 13, 11, 9, 7, 6, 5, 4, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 2)  # weights of 1, 2, 3 ... rows a user
_LIFETIME = (0, 10, 45, 90, 150, 230, 330, 460, 620, 820, 1095)  # days as a customer at each tenth of the users
_NEWCOMER_PURCHASES = (7, 2, 1)

# The kinds of rows. In a later batch the first five take turns; the rows of batch 1 are all new.
NEW, REPEAT, LATE, MOVED, CHANGED, NEWCOMER = range(6)
_TURNS = np.array([NEW, REPEAT, MOVED, NEW, LATE, CHANGED, NEW, REPEAT, NEW, NEW], dtype=np.int64)


@dataclass(frozen=True)
class Layout:
    """Rows of one block. `user` counts within the block, `seat` is the position of the row's batch in `batches`."""

    users: Ints  # number of each user in the whole sample
    purchases: Ints  # rows of each user in the user's first batch
    sign_up: Ints
    end: Ints  # last day on which a user's purchase of the first batch may lie
    batches: tuple[int, ...]
    extracts: Ints  # extract day of each seat
    user: Ints
    seat: Ints
    row_id: Ints  # batch and number in it; places the random numbers
    ordinal: Ints  # 0 for a user's first row
    source: Ints  # the row whose purchase this one repeats, otherwise the row itself
    kind: Ints

    @property
    def story(self) -> Ints:
        """Row's position in arrays of user and seat."""
        return self.seat * len(self.users) + self.user

    @property
    def batch(self) -> Ints:
        return np.asarray(self.batches, dtype=np.int64)[self.seat]

    @property
    def repeats(self) -> Flags:
        flags: Flags = self.source != np.arange(len(self.source))
        return flags


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
        users += plan.newcomer_rows  # more than exist: numbers may have gaps, as in any shop


@dataclass(frozen=True)
class _Shoppers:
    """Users of a block in their first batch: one value per user."""

    users: Ints
    counts: Ints
    sign_up: Ints
    end: Ints


def _shoppers(plan: Plan, users: Ints, batch: int, rows: int) -> _Shoppers:
    """Users with their sign-up and number of rows, as many as share `rows`; the last one gets the rest."""
    first = int(plan.extracts[batch - 1]) + 1 if batch else plan.calendar.first
    days = (np.full_like(users, first), np.full_like(users, plan.extracts[batch]))
    sign_up = plan.calendar.draw(plan.dice, "sign_up", users, *days)
    wanted = 1 + plan.dice.pick("purchases", users, _NEWCOMER_PURCHASES if batch else _PURCHASES)
    lifetime = 1 + between(_LIFETIME, plan.dice.below("lifetime", users, 1000)) + 25 * (wanted - 1)
    end = np.minimum(sign_up + lifetime, days[1])
    if not batch:
        # Recent users have not made all their purchases yet: otherwise the last months would swell.
        wanted = 1 + ((wanted - 1) * (end - sign_up) + plan.dice.below("lived", users, lifetime)) // lifetime
    counts = _shared_out(wanted, rows)
    used = slice(len(counts))
    return _Shoppers(users[used], counts, sign_up[used], end[used])


def _shared_out(wanted: Ints, rows: int) -> Ints:
    ends = np.cumsum(wanted)
    used = min(int(np.searchsorted(ends, rows, side="left")) + 1, len(wanted))
    counts = wanted[:used]
    counts[-1] -= max(0, int(ends[used - 1]) - rows)
    return counts


def between(tenths: tuple[int, ...], thousandth: Ints) -> Ints:
    """The value at a thousandth of a distribution that is given by its tenths."""
    steps = np.asarray(tenths, dtype=np.int64)
    cell, rest = thousandth // 100, thousandth % 100
    value: Ints = steps[cell] + (steps[cell + 1] - steps[cell]) * rest // 100
    return value


def _full_load_block(plan: Plan, first_user: int, first_row: int) -> Layout:
    users = first_user + np.arange(BLOCK_USERS, dtype=np.int64)
    load = _load(plan, _shoppers(plan, users, 0, plan.rows - first_row), 0, first_row)
    last_row = first_row + len(load.user)
    for batch in range(1, plan.batches):
        load = _with_later(plan, load, batch, (first_row, last_row))
    return load


def _newcomer_blocks(plan: Plan, batch: int, first_user: int) -> Iterator[Layout]:
    done = 0
    while done < plan.newcomer_rows:
        users = first_user + np.arange(min(BLOCK_USERS, plan.newcomer_rows - done), dtype=np.int64)
        shoppers = _shoppers(plan, users, batch, plan.newcomer_rows - done)
        yield _load(plan, shoppers, batch, plan.later_rows - plan.newcomer_rows + done)
        first_user += len(shoppers.users)
        done += int(shoppers.counts.sum())


def _load(plan: Plan, shoppers: _Shoppers, batch: int, first_row: int) -> Layout:
    """The rows of users in their first batch; newcomers of a later batch appear in no other."""
    batches = (batch,) if batch else tuple(range(plan.batches))
    counts = shoppers.counts
    total = int(counts.sum())
    place = np.arange(total, dtype=np.int64)
    ordinal = place - np.repeat(np.cumsum(counts) - counts, counts)
    row_id = (batch << _BATCH_SHIFT) + first_row + place
    return Layout(
        users=shoppers.users,
        purchases=counts,
        sign_up=shoppers.sign_up,
        end=shoppers.end,
        batches=batches,
        extracts=plan.extracts[list(batches)],
        user=np.repeat(np.arange(len(counts), dtype=np.int64), counts),
        seat=np.zeros(total, dtype=np.int64),
        row_id=row_id,
        ordinal=ordinal,
        source=_repeats(plan, row_id, (ordinal > 0), place),
        kind=np.full(total, NEWCOMER if batch else NEW, dtype=np.int64),
    )


def _repeats(plan: Plan, row_id: Ints, follows: Flags, place: Ints) -> Ints:
    planted = plan.dice.planted("duplicate", row_id, plan.every("duplicate")) > 0
    source = np.where(planted & follows, place - 1, place)
    root: Ints = source[source]
    return root  # a repeat of a repeat leads to its root


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
        sign_up=load.sign_up,
        end=load.end,
        batches=load.batches,
        extracts=load.extracts,
        user=np.concatenate((load.user, load.user[anchor])),
        seat=np.concatenate((load.seat, np.full(len(number), batch, dtype=np.int64))),
        row_id=np.concatenate((load.row_id, row_id)),
        ordinal=np.concatenate((load.ordinal, np.ones(len(number), dtype=np.int64))),
        source=np.concatenate((load.source, np.where(kind == REPEAT, load.source[anchor], place))),
        kind=np.concatenate((load.kind, kind)),
    )
