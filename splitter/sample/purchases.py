"""The purchase of each row: its day, product and price; then the defects planted into it.

A defect leaves a mark, `*_bad`: 0 for a sound field, otherwise the number of the kind. Kinds with their own text come
first, and this text replaces the field; a higher number means that the value itself is odd.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from splitter.sample.catalogue import CATEGORIES_OUTSIDE, PRODUCTS
from splitter.sample.layout import LATE, Layout
from splitter.sample.plan import EVERY_ROW, Plan

if TYPE_CHECKING:
    from splitter.sample.draws import Ints

BLANKS = ("", "  ")
DATES_INVALID = ("", "not a date", "2023-02-30", "1999-12-31", "31/12/2022", "2022-13-01", "9999-12-31")
PRICES_INVALID = ("", "free", "NaN", '"12,50"', "N/A")
QUANTITIES_INVALID = ("", "two", "x3")
RATINGS_OUT = ("0", "6", "-1", "", "7")
NAME_CARD = len(BLANKS) + 1
AFTER_EXTRACT, BEFORE_SIGN_UP = len(DATES_INVALID) + 1, len(DATES_INVALID) + 2
PRICE_LOW, QUANTITY_LOW = len(PRICES_INVALID) + 1, len(QUANTITIES_INVALID) + 1
DEAR_CENTS = 30_000  # a dearer product is bought once, rarely twice
_QUANTITIES = (520, 210, 100, 60, 40, 25, 15, 12, 8, 10)
_RATINGS = (5, 8, 17, 34, 36)
_RATINGS_PLANTED = 4  # in turns; only repeats have the last one
_OTHER_RATING = np.array([0, 2, 1, 5, 4], dtype=np.int64)  # the replacement of each in a repeat: 6 for 0, 7 for -1 ...
_SEVERAL = ("product_name_missing", "rating_out_of_range", "price_not_positive", "quantity_not_positive")
_DISCOUNTS = np.array([100, 90, 80, 95], dtype=np.int64)


@dataclass(frozen=True)
class Purchases:
    """One value per row."""

    day: Ints
    day_bad: Ints
    product: Ints
    name_bad: Ints
    card: Ints  # the card number typed into the name is made from this number
    category_bad: Ints
    price: Ints  # cents
    price_bad: Ints
    quantity: Ints
    quantity_bad: Ints
    rating: Ints
    rating_bad: Ints
    comment: Ints
    several: Ints  # 1 if price, quantity, rating and name are spoiled together

    def taken(self, rows: Ints) -> Purchases:
        return Purchases(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def purchase_days(plan: Plan, layout: Layout) -> Ints:
    """Sound days: in the first batch within the user's active time, later since the batch before (or late)."""
    first = np.where(
        layout.ordinal == 0, np.minimum(layout.sign_up + 14, layout.end)[layout.user], layout.end[layout.user]
    )
    start = layout.sign_up[layout.user]
    extract, before = layout.extracts[layout.seat], plan.extracts[np.maximum(layout.batch - 1, 0)]
    later, late = layout.seat > 0, layout.kind == LATE
    low = np.where(later & ~late, before + 1, start)
    high = np.where(later, np.where(late, before, extract), first)
    return plan.calendar.draw(plan.dice, "purchase_day", layout.row_id, low, high)


def purchases(plan: Plan, layout: Layout, days: Ints) -> Purchases:
    """Purchases with their defects. A repeat equals its source in every field, except for a rating that is repaired
    anyway: two copies are the same purchase after repair, not before.
    """
    sound = _sound(plan, layout, days)
    spoiled = _spoiled(plan, layout, sound)
    copied = spoiled.taken(layout.source)
    # A day after one extract is past when a later batch repeats it.
    past = (copied.day_bad == AFTER_EXTRACT) & (copied.day <= layout.extracts[layout.seat])
    return replace(
        copied,
        day_bad=np.where(past, 0, copied.day_bad),
        rating_bad=np.where(layout.repeats, _OTHER_RATING[copied.rating_bad], copied.rating_bad),
    )


def _sound(plan: Plan, layout: Layout, days: Ints) -> Purchases:
    dice, row = plan.dice, layout.row_id
    product = dice.pick("product", row, [product.weight for product in PRODUCTS])
    list_price = np.array([product.cents for product in PRODUCTS], dtype=np.int64)[product]
    discount = _DISCOUNTS[dice.pick("discount", row, (70, 12, 8, 10))]
    quantity = 1 + dice.pick("quantity", row, _QUANTITIES)
    none = np.zeros_like(row)
    return Purchases(
        day=days,
        day_bad=none,
        product=product,
        name_bad=none,
        card=dice.below("card_in_product", row, 10**9),
        category_bad=none,
        price=list_price * discount // 100,
        price_bad=none,
        quantity=np.where(list_price > DEAR_CENTS, (quantity + 5) // 6, quantity),
        quantity_bad=none,
        rating=1 + dice.pick("rating", row, _RATINGS),
        rating_bad=none,
        comment=dice.below("comment", row, 2**30),
        several=none,
    )


def _spoiled(plan: Plan, layout: Layout, sound: Purchases) -> Purchases:
    turns = {defect: plan.dice.planted(defect, layout.row_id, plan.every(defect)) for defect in EVERY_ROW}
    several = turns["several"]
    missing, rating, price, quantity = (np.maximum(turns[defect], several) for defect in _SEVERAL)
    early = turns["purchase_before_sign_up"]
    day, day_bad = spoiled_days(
        _before_sign_up(plan, layout, sound.day, early), turns["purchase_date_invalid"], layout.extracts[layout.seat]
    )
    return replace(
        sound,
        day=day,
        day_bad=_or_else(day_bad, early, BEFORE_SIGN_UP),
        name_bad=_or_else(np.where(missing > 0, 1 + missing % 2, 0), turns["card_in_product"], NAME_CARD),
        category_bad=kinds(turns["category_outside"], len(CATEGORIES_OUTSIDE)),
        price=np.where(price > 0, _low_prices(price), sound.price),
        price_bad=_or_else(kinds(turns["price_invalid"], len(PRICES_INVALID)), price, PRICE_LOW),
        quantity=np.where(quantity > 0, -(quantity % 6), sound.quantity),
        quantity_bad=_or_else(kinds(turns["quantity_invalid"], len(QUANTITIES_INVALID)), quantity, QUANTITY_LOW),
        rating_bad=np.where(rating > 0, 1 + rating % _RATINGS_PLANTED, 0),
        several=np.minimum(several, 1),
    )


def _or_else(bad: Ints, planted: Ints, kind: int) -> Ints:
    """The marks of a field with two defects: the first one hides the second."""
    return np.where(bad > 0, bad, np.where(planted > 0, kind, 0)).astype(np.int64)


def kinds(planted: Ints, count: int) -> Ints:
    """1 to count in turn if the defect is planted, otherwise 0."""
    return np.where(planted > 0, 1 + (planted - 1) % count, 0)


def spoiled_days(days: Ints, planted: Ints, extract: Ints) -> tuple[Ints, Ints]:
    """Days and their marks; the first kind to take its turn is a day soon after the extract."""
    turn = kinds(planted, len(DATES_INVALID) + 1)
    bad = np.where(turn == 1, AFTER_EXTRACT, np.maximum(turn - 1, 0))
    return np.where(turn == 1, extract + 1 + planted % 60, days), bad


def _before_sign_up(plan: Plan, layout: Layout, days: Ints, planted: Ints) -> Ints:
    """Days before the sign-up, but never long before the shop opened: the marts' months begin with the first sale."""
    sign_up = layout.sign_up[layout.user]
    early = np.maximum(sign_up - 1 - planted * 7 % 200, np.minimum(plan.calendar.first, sign_up - 1))
    return np.where(planted > 0, early, days)


def _low_prices(planted: Ints) -> Ints:
    """Zero, or a whole amount below it, as in the original export."""
    cents: Ints = -100 * (planted * 13 % 101)
    return cents
