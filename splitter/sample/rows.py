"""From numbers to lines: the 25 columns of the export, as CSV text, one block of users at a time."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from splitter.sample import catalogue
from splitter.sample.layout import Layout, layouts
from splitter.sample.plan import EPOCH, MARGIN_DAYS, Plan
from splitter.sample.pools import Pools, Texts, texts
from splitter.sample.purchases import (
    BLANKS,
    DATES_INVALID,
    NAME_CARD,
    PRICES_INVALID,
    QUANTITIES_INVALID,
    RATINGS_OUT,
    Purchases,
    purchase_days,
    purchases,
)
from splitter.sample.users import AGES_OUT, SEGMENT_CARD, People, Stories, people, stories

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from splitter.sample.draws import Flags, Ints

HEADER = (
    "ID,Name,Age,Gender,City,Country,CreditCard,FullAddress,UserSignUpDate,UserLastPurchaseDate,UserStatus,"
    "UserTotalPurchases,UserSegment,UserLocation,UserSourceType,UserLastLoginDate,UserPurchaseFrequency,"
    "Product Name,Category,Subcategory,Price,Date_Purchase,Quantity,Rating,Comment"
)
_COLUMNS = HEADER.split(",")
_NOT_UTF8 = "\udce9"  # written with surrogateescape: the lone byte E9, a Latin-1 e with an acute accent
_CARD_PREFIXES = np.array([411111, 424242, 400000, 555555, 222300, 520082], dtype=np.int64)


@dataclass(frozen=True)
class Block:
    """All data of a block of users: for the counts, and for the lines."""

    layout: Layout
    people: People
    stories: Stories
    purchases: Purchases
    malformed: Ints  # these two are marks, as in Purchases
    id_missing: Ints


def blocks(plan: Plan) -> Iterator[Block]:
    return (_block(plan, layout) for layout in layouts(plan))


def _block(plan: Plan, layout: Layout) -> Block:
    who = people(plan, layout)
    days = purchase_days(plan, layout)
    told = stories(plan, layout, who, days)
    broken, missing = (
        plan.dice.planted(defect, layout.row_id, plan.every(defect)) for defect in ("row_malformed", "user_id_missing")
    )
    return Block(
        layout=layout,
        people=who,
        stories=told,
        purchases=purchases(plan, layout, days),
        # A malformed row hides its other defects, so users with a defect in their first batch get no malformed row:
        # a small sample keeps each kind.
        malformed=np.where((broken > 0) & ~told.spoiled[layout.user], 1 + broken % len(MALFORMED), 0),
        id_missing=np.where(missing > 0, 1 + missing % len(BLANKS), 0),
    )


def luhn_cards(number: Ints) -> Ints:
    """16-digit numbers from test ranges with a valid check digit; `number` has at most 9 digits."""
    body = _CARD_PREFIXES[number % len(_CARD_PREFIXES)] * 10**9 + number
    total = np.zeros_like(number)
    for place in range(15):
        digit = body // 10**place % 10 * (2 - place % 2)
        total += digit // 10 + digit % 10
    return body * 10 + (10 - total % 10) % 10


class Writer:
    """Turns blocks into lines; holds the pools and the texts of all dates."""

    def __init__(self, plan: Plan, pools: Pools) -> None:
        self._pools = pools
        self._dice = plan.dice
        self._first_day = plan.calendar.first - MARGIN_DAYS
        days = range(self._first_day, int(plan.extracts[-1]) + MARGIN_DAYS)
        self._dates = texts([*((EPOCH + dt.timedelta(day)).isoformat() for day in days), *DATES_INVALID])
        self._days = len(days)

    def lines(self, block: Block) -> list[tuple[int, bytes]]:
        """For each batch its number and its lines, in an order that mixes the block's users."""
        order = np.lexsort((self._dice.bits("order", block.layout.row_id), block.layout.seat))
        columns = self._columns(block, order)
        written = list(map(",".join, zip(*columns, strict=True)))
        for row in np.flatnonzero(block.malformed[order]).tolist():
            fields = [column[row] for column in columns]
            way = MALFORMED[int(block.malformed[order[row]]) - 1]
            written[row] = ",".join(_WAYS[way](fields))
        ends = np.searchsorted(block.layout.seat[order], np.arange(len(block.layout.batches) + 1)).tolist()
        return [
            (batch, "".join(line + "\n" for line in written[start:end]).encode("utf-8", "surrogateescape"))
            for batch, (start, end) in zip(block.layout.batches, pairwise(ends), strict=True)
        ]

    def _columns(self, block: Block, order: Ints) -> list[list[str]]:
        user, story = block.layout.user[order], block.layout.story[order]
        before, after = self._user_columns(block, user, story)
        return [_ids(block, user, order), *before, *after, *self._purchase_columns(block.purchases.taken(order))]

    def _user_columns(self, block: Block, user: Ints, story: Ints) -> tuple[list[list[str]], list[list[str]]]:
        told, pools, seat = block.stories, self._pools, block.people.text[user]
        identity = [
            _cycled(pools.names, seat),
            _numbers(told.age[story], told.age_bad[story], AGES_OUT),
            _chosen(("F", "M"), block.people.gender[user]),
            _cycled(pools.cities, seat + 1),
            _words(catalogue.COUNTRIES, catalogue.COUNTRIES_UNKNOWN, told.country[story], told.country_bad[story]),
            list(map(str, luhn_cards(block.people.card)[user].tolist())),
            _cycled(pools.addresses, seat + 2),
        ]
        behaviour = [
            self._dated(told.sign_up[story], told.sign_up_bad[story]),
            self._dated(told.last_purchase[story], told.last_purchase_bad[story]),
            _words(catalogue.STATUSES, catalogue.STATUSES_OUTSIDE, told.status[story], told.status_bad[story]),
            list(map(str, told.total[story].tolist())),
            _segments(told.segment[story], told.segment_bad[story], block.people.card[user]),
            _cycled(pools.cities, seat + 3),
            _chosen(catalogue.CHANNELS, told.channel[story]),
            self._dated(told.login[story], told.login_bad[story]),
            _chosen(catalogue.FREQUENCIES, told.frequency[story]),
        ]
        return identity, behaviour

    def _purchase_columns(self, bought: Purchases) -> list[list[str]]:
        return [
            _product_names(bought),
            _words(
                [product.category for product in catalogue.PRODUCTS],
                catalogue.CATEGORIES_OUTSIDE,
                bought.product,
                bought.category_bad,
            ),
            _chosen([product.subcategory for product in catalogue.PRODUCTS], bought.product),
            _prices(bought.price, bought.price_bad),
            self._dated(bought.day, bought.day_bad),
            _numbers(bought.quantity, bought.quantity_bad, QUANTITIES_INVALID),
            _numbers(bought.rating, bought.rating_bad, RATINGS_OUT),
            _cycled(self._pools.comments, bought.comment),
        ]

    def _dated(self, day: Ints, bad: Ints) -> list[str]:
        text = self._days + bad - 1
        return _listed(self._dates, np.where(_replaced(bad, DATES_INVALID), text, day - self._first_day))


def _replaced(bad: Ints, odd: Sequence[str]) -> Flags:
    """Where a text replaces the field."""
    flags: Flags = np.logical_and(bad > 0, bad <= len(odd))
    return flags


def _listed(pool: Texts, index: Ints) -> list[str]:
    taken: list[str] = pool[index].tolist()
    return taken


def _cycled(pool: Texts, index: Ints) -> list[str]:
    return _listed(pool, index % len(pool))


def _chosen(words: Sequence[str], index: Ints) -> list[str]:
    return _listed(texts(words), index)


def _words(sound: Sequence[str], odd: Sequence[str], index: Ints, bad: Ints) -> list[str]:
    return _listed(texts([*sound, *odd]), np.where(bad > 0, len(sound) + bad - 1, index))


def _with_odd(column: list[str], bad: Ints, odd: Sequence[str]) -> list[str]:
    for row in np.flatnonzero(_replaced(bad, odd)).tolist():
        column[row] = odd[int(bad[row]) - 1]
    return column


def _numbers(value: Ints, bad: Ints, odd: Sequence[str]) -> list[str]:
    return _with_odd(list(map(str, value.tolist())), bad, odd)


def _prices(cents: Ints, bad: Ints) -> list[str]:
    """Cents as a decimal number; whole amounts without decimals, as the original writes them."""
    column = [f"{c // 100}.{c % 100:02d}" if c % 100 else str(c // 100) for c in cents.tolist()]
    return _with_odd(column, bad, PRICES_INVALID)


def _ids(block: Block, user: Ints, order: Ints) -> list[str]:
    column = list(map(str, block.layout.users[user].tolist()))
    return _with_odd(column, block.id_missing[order], BLANKS)


def typed_card(number: int) -> str:
    """A card number as people type it: plain, with spaces, with dashes."""
    digits = str(int(luhn_cards(np.array([number], dtype=np.int64))[0]))
    return ("", " ", "-")[number // 7 % 3].join(digits[start : start + 4] for start in range(0, 16, 4))


def _product_names(bought: Purchases) -> list[str]:
    column = _chosen([product.name for product in catalogue.PRODUCTS], bought.product)
    for row in np.flatnonzero(bought.name_bad == NAME_CARD).tolist():
        column[row] += " " + typed_card(int(bought.card[row]))
    return _with_odd(column, bought.name_bad, BLANKS)


def _segments(segment: Ints, bad: Ints, card: Ints) -> list[str]:
    column = _words(catalogue.SEGMENTS, (*catalogue.SEGMENTS_OUTSIDE, ""), segment, bad)
    for row in np.flatnonzero(bad == SEGMENT_CARD).tolist():
        column[row] = typed_card(int(card[row]))
    return column


def _not_utf8(fields: list[str], column: str) -> list[str]:
    place = _COLUMNS.index(column)
    return [*fields[:place], "Caf" + _NOT_UTF8, *fields[place + 1 :]]


# The ways in which exports break a row: too short, too long, or not UTF-8.
_WAYS: dict[str, Callable[[list[str]], list[str]]] = {
    "(one field short)": lambda fields: fields[:-1],
    "(cut after 12 fields)": lambda fields: fields[:12],
    "(one field too many)": lambda fields: [*fields, "extra"],
    "(three fields too many)": lambda fields: [*fields, "", "", "7"],
    "(Comment not UTF-8)": lambda fields: _not_utf8(fields, "Comment"),
    "(City not UTF-8)": lambda fields: _not_utf8(fields, "City"),
    "(Product Name not UTF-8)": lambda fields: _not_utf8(fields, "Product Name"),
}
MALFORMED = tuple(_WAYS)
