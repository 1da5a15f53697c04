"""The purchase of each row: when, what, at what price; then the defects planted into it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from splitter.sample.catalogue import CATEGORIES_OUTSIDE, PRODUCTS
from splitter.sample.layout import LATE, Layout

if TYPE_CHECKING:
    from splitter.sample.draws import Ints
    from splitter.sample.plan import Plan

NAME_EMPTY, NAME_BLANK, NAME_CARD = 1, 2, 3
DATES_INVALID = ("", "not a date", "2023-02-30", "1999-12-31", "31/12/2022", "2022-13-01", "9999-12-31")
PRICES_INVALID = ("", "free", "NaN", '"12,50"', "N/A")
QUANTITIES_INVALID = ("", "two", "x3")
DEAR_CENTS = 30_000  # what costs more is bought once, rarely twice
_QUANTITIES = (520, 210, 100, 60, 40, 25, 15, 12, 8, 10)
_RATINGS = (5, 8, 17, 34, 36)
_RATINGS_OUT = np.array([0, 6, -1, 0], dtype=np.int64)
_RATING_EMPTY = 3  # the last of them stands for an empty field
_DISCOUNTS = np.array([100, 90, 80, 95], dtype=np.int64)


@dataclass(frozen=True)
class Purchases:
    """One value per row. `*_bad` is 0 for a sound field, else the number of the text that stands in its place."""

    day: Ints
    day_bad: Ints
    product: Ints
    name_bad: Ints
    card: Ints  # number from which the card typed into the name is made
    category_bad: Ints
    price: Ints  # cents
    price_bad: Ints
    quantity: Ints
    quantity_bad: Ints
    rating: Ints
    rating_bad: Ints
    comment: Ints

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
    """Purchases with their defects. A repeat is its source to the last field, but for a rating that is repaired anyway:
    two copies are the same purchase after repair, not before.
    """
    sound = _sound(plan, layout, days)
    spoiled = _spoiled(plan, layout, sound)
    copied = spoiled.taken(layout.source)
    repeat = layout.source != np.arange(len(layout.source))
    out = (copied.rating < 1) | (copied.rating > len(_RATINGS))
    return replace(copied, rating=np.where(repeat & out, 6 - copied.rating, copied.rating))


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
    )


def _spoiled(plan: Plan, layout: Layout, sound: Purchases) -> Purchases:
    several = _planted(plan, layout, "several")
    day, day_bad = spoiled_days(
        _before_sign_up(plan, layout, sound.day),
        _planted(plan, layout, "purchase_date_invalid"),
        layout.extracts[layout.seat],
    )
    missing = np.maximum(_planted(plan, layout, "product_name_missing"), several)
    card = _planted(plan, layout, "card_in_product")
    rating = np.maximum(_planted(plan, layout, "rating_out_of_range"), several)
    return Purchases(
        day=day,
        day_bad=day_bad,
        product=sound.product,
        name_bad=np.where(missing > 0, 1 + missing % 2, np.where(card > 0, NAME_CARD, 0)),
        card=sound.card,
        category_bad=kinds(_planted(plan, layout, "category_outside"), len(CATEGORIES_OUTSIDE)),
        price=_prices(sound.price, np.maximum(_planted(plan, layout, "price_not_positive"), several)),
        price_bad=kinds(_planted(plan, layout, "price_invalid"), len(PRICES_INVALID)),
        quantity=_quantities(sound.quantity, np.maximum(_planted(plan, layout, "quantity_not_positive"), several)),
        quantity_bad=kinds(_planted(plan, layout, "quantity_invalid"), len(QUANTITIES_INVALID)),
        rating=np.where(rating > 0, _RATINGS_OUT[rating % len(_RATINGS_OUT)], sound.rating),
        rating_bad=np.where(rating % len(_RATINGS_OUT) == _RATING_EMPTY, 1, 0),
        comment=sound.comment,
    )


def _planted(plan: Plan, layout: Layout, defect: str) -> Ints:
    return plan.dice.planted(defect, layout.row_id, plan.every(defect))


def kinds(planted: Ints, count: int) -> Ints:
    """1 to count in turn where the defect is planted, else 0."""
    return np.where(planted > 0, 1 + (planted - 1) % count, 0)


def spoiled_days(days: Ints, planted: Ints, extract: Ints) -> tuple[Ints, Ints]:
    """Days and the numbers of the texts in their place; the first kind is a day soon after the extract."""
    turn = kinds(planted, len(DATES_INVALID) + 1)
    return np.where(turn == 1, extract + 1 + planted % 60, days), np.maximum(turn - 1, 0)


def _before_sign_up(plan: Plan, layout: Layout, days: Ints) -> Ints:
    """Never long before the shop opened: the months of the marts begin with the first sale."""
    planted = _planted(plan, layout, "purchase_before_sign_up")
    sign_up = layout.sign_up[layout.user]
    early = np.maximum(sign_up - 1 - planted * 7 % 200, np.minimum(plan.calendar.first, sign_up - 1))
    return np.where(planted > 0, early, days)


def _prices(cents: Ints, planted: Ints) -> Ints:
    """Zero, or some whole amount below it, as in the original export."""
    return np.where(planted > 0, -100 * (planted * 13 % 101), cents)


def _quantities(quantity: Ints, planted: Ints) -> Ints:
    return np.where(planted > 0, -(planted % 6), quantity)
