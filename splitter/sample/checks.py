"""The row rules, told of planted rows: which rows fail what, which purchase counts, and in which region.

The design's rules written a second time on purpose: no engine of the lakehouse takes part.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from splitter.sample.catalogue import COUNTRY_REGIONS, PRODUCTS, UNKNOWN_REGION
from splitter.sample.purchases import NAME_CARD, Purchases
from splitter.sample.users import SEGMENT_CARD, Stories

if TYPE_CHECKING:
    from splitter.sample.draws import Flags, Ints
    from splitter.sample.layout import Layout
    from splitter.sample.rows import Block

REASONS = (
    "row_malformed",
    "user_id_missing",
    "user_id_spoilt",
    "purchase_date_invalid",
    "price_invalid",
    "price_not_positive",
    "quantity_invalid",
    "quantity_not_positive",
    "product_name_missing",
    "rating_out_of_range",
    "age_out_of_range",
    "country_unknown",
    "sign_up_date_invalid",
    "last_login_invalid",
    "last_purchase_invalid",
    "purchase_before_sign_up",
    "value_not_in_contract",
)
QUARANTINE = REASONS[:8]
COLUMNS_OUTSIDE = ("category", "segment", "status")
OPERAND_MISSING = ("price_not_positive", "quantity_not_positive", "purchase_before_sign_up")
FIRST_COPY, COPY, NO_PURCHASE = 0, 1, 2
YOUNGEST, ADULT, OLDEST, BEST_RATING = 15, 18, 110, 5
_SUBCATEGORIES = tuple(dict.fromkeys(product.subcategory for product in PRODUCTS))


@dataclass(frozen=True)
class Checked:
    """What the row rules say of each row and each user's statement of one block."""

    block: Block

    @cached_property
    def extract(self) -> Ints:
        return self.layout.extracts[self.layout.seat]

    @property
    def layout(self) -> Layout:
        return self.block.layout

    @property
    def told(self) -> Stories:
        return self.block.stories

    @property
    def bought(self) -> Purchases:
        return self.block.purchases

    @cached_property
    def whole(self) -> Flags:
        whole: Flags = np.equal(self.block.malformed, 0)
        return whole

    @cached_property
    def named(self) -> Flags:
        """Rows that speak of a user."""
        named: Flags = np.logical_and(self.whole, self.block.id_missing == 0)
        return named

    @cached_property
    def day_valid(self) -> Flags:
        valid: Flags = np.logical_and(self.bought.day_bad == 0, self.bought.day <= self.extract)
        return valid

    def told_day_valid(self, days: Ints, bad: Ints) -> Flags:
        """Validity of a date of the user, per seat and user."""
        valid: Flags = np.logical_and(bad == 0, days <= np.repeat(self.layout.extracts, len(self.layout.users)))
        return valid

    @cached_property
    def sign_up_valid(self) -> Flags:
        return self.told_day_valid(self.told.sign_up, self.told.sign_up_bad)

    @cached_property
    def login_valid(self) -> Flags:
        return self.told_day_valid(self.told.login, self.told.login_bad)

    @cached_property
    def last_purchase_valid(self) -> Flags:
        return self.told_day_valid(self.told.last_purchase, self.told.last_purchase_bad)

    @cached_property
    def outside(self) -> dict[str, Flags]:
        story = self.layout.story
        found = (self.bought.category_bad > 0, self.told.segment_bad[story] > 0, self.told.status_bad[story] > 0)
        return dict(zip(COLUMNS_OUTSIDE, (self.whole & flags for flags in found), strict=True))

    @cached_property
    def reasons(self) -> dict[str, Flags]:
        """Per reason code the rows that fail it; a malformed row fails nothing else."""
        spoilt = np.zeros_like(self.whole)  # no spreadsheet has written these files
        ids = {"user_id_missing": self.block.id_missing > 0, "user_id_spoilt": spoilt}
        found = {**self._of_purchases(), **self._of_users(), **ids}
        return {
            "row_malformed": ~self.whole,
            **{reason: found[reason] & self.whole for reason in REASONS[1:]},
        }

    def _of_purchases(self) -> dict[str, Flags]:
        bought = self.bought
        return {
            "purchase_date_invalid": ~self.day_valid,
            "price_invalid": bought.price_bad > 0,
            "price_not_positive": (bought.price_bad == 0) & (bought.price <= 0),
            "quantity_invalid": bought.quantity_bad > 0,
            "quantity_not_positive": (bought.quantity_bad == 0) & (bought.quantity <= 0),
            "product_name_missing": (bought.name_bad > 0) & (bought.name_bad != NAME_CARD),
            "rating_out_of_range": self.rating == 0,
            "value_not_in_contract": np.logical_or.reduce(list(self.outside.values())),
        }

    def _of_users(self) -> dict[str, Flags]:
        told, story = self.told, self.layout.story
        sign_up_valid = self.sign_up_valid[story]
        return {
            "age_out_of_range": ~self.age_valid[story],
            "country_unknown": told.country_bad[story] > 0,
            "sign_up_date_invalid": ~sign_up_valid,
            "last_login_invalid": ~self.login_valid[story],
            "last_purchase_invalid": ~self.last_purchase_valid[story],
            "purchase_before_sign_up": self.day_valid & sign_up_valid & (self.bought.day < told.sign_up[story]),
        }

    @cached_property
    def operand_missing(self) -> dict[str, Flags]:
        """Rows for which a comparison has nothing to compare, since an operand is missing or no number or date."""
        comparable = self.day_valid & self.sign_up_valid[self.layout.story]
        found = (self.bought.price_bad > 0, self.bought.quantity_bad > 0, ~comparable)
        return dict(zip(OPERAND_MISSING, (self.whole & flags for flags in found), strict=True))

    @cached_property
    def age_valid(self) -> Flags:
        stated = (self.told.age >= YOUNGEST) & (self.told.age <= OLDEST)
        valid: Flags = np.logical_and(self.told.age_bad == 0, stated)
        return valid

    @cached_property
    def rating(self) -> Ints:
        """The rating after repair; 0 = none."""
        rating = self.bought.rating
        return np.where((self.bought.rating_bad == 0) & (rating >= 1) & (rating <= BEST_RATING), rating, 0)

    @cached_property
    def card(self) -> Flags:
        in_segment = self.told.segment_bad[self.layout.story] == SEGMENT_CARD
        found: Flags = np.logical_and(self.whole, in_segment | (self.bought.name_bad == NAME_CARD))
        return found

    @cached_property
    def outcome(self) -> Ints:
        """Accepted (0), duplicate (1) or quarantined (2), per row. The first copy in the order of batches counts."""
        quarantined = np.logical_or.reduce([self.reasons[reason] for reason in QUARANTINE])
        outcome = np.where(quarantined, NO_PURCHASE, FIRST_COPY)
        rows = np.flatnonzero(~quarantined)
        keys = [column[rows] for column in self._content()]
        order = np.lexsort((self.layout.row_id[rows], *keys))
        same = np.logical_and.reduce([key[order][1:] == key[order][:-1] for key in keys])
        outcome[rows[order[1:][same]]] = COPY
        return outcome

    def _content(self) -> tuple[Ints, ...]:
        """What makes two purchases the same, after repair: a missing name is one name per subcategory."""
        bought = self.bought
        name = np.where(self.reasons["product_name_missing"], -1 - _SUBCATEGORY_OF[bought.product], bought.product)
        name = np.where(bought.name_bad == NAME_CARD, 1000 + bought.card * len(PRODUCTS) + bought.product, name)
        return self.layout.user, bought.day, name, bought.category_bad, bought.price, bought.quantity, self.rating

    @cached_property
    def observed(self) -> Flags:
        """Seat x user: some row of that batch speaks of the user."""
        seen = np.zeros((len(self.layout.batches), len(self.layout.users)), dtype=np.bool_)
        seen[self.layout.seat[self.named], self.layout.user[self.named]] = True
        return seen

    @cached_property
    def region_told(self) -> Ints:
        """Seat x user: region of the country that is stated."""
        region = np.where(self.told.country_bad > 0, UNKNOWN_REGION, _REGION_OF[self.told.country])
        return region.reshape(self.observed.shape)

    def region_of_sales(self, rows: Ints) -> Ints:
        """Region of the user's version on the day of the purchase: the last observed until then, else the first."""
        user, day = self.layout.user[rows], self.bought.day[rows]
        seat = np.argmax(self.observed, axis=0)[user]
        for later in range(1, len(self.layout.batches)):
            holds = self.observed[later, user] & (self.layout.extracts[later] <= day)
            seat = np.where(holds, later, seat)
        region: Ints = self.region_told[seat, user]
        return region


_REGION_OF = np.asarray(COUNTRY_REGIONS, dtype=np.int64)
_SUBCATEGORY_OF = np.array([_SUBCATEGORIES.index(product.subcategory) for product in PRODUCTS], dtype=np.int64)
