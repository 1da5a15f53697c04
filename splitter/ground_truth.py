"""Counts what a sample contains while it is being planted: the figures a lakehouse must show after loading it.

Works on the numbers that the rows are written from, never on the written text, with integers throughout (money in
cents). The rules are those of the design's row rules and of docs/definitions.md, written here a second time on
purpose: no engine of the lakehouse takes part.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from splitter.sample_catalogue import CATEGORIES, CATEGORIES_OUTSIDE, COUNTRY_REGIONS, PRODUCTS, REGIONS, UNKNOWN_REGION
from splitter.sample_plan import EPOCH, MARGIN_DAYS, Plan
from splitter.sample_purchases import NAME_CARD, Purchases
from splitter.sample_users import INACTIVE_DAYS, SEGMENT_CARD, Stories

if TYPE_CHECKING:
    from splitter.sample_layout import Layout
    from splitter.sample_random import Flags, Ints
    from splitter.sample_rows import Block

REASONS = (
    "row_malformed",
    "user_id_missing",
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
QUARANTINE = REASONS[:7]
COLUMNS_OUTSIDE = ("category", "segment", "status")
OPERAND_MISSING = ("price_not_positive", "quantity_not_positive", "purchase_before_sign_up")
_CATEGORY_NAMES = (*CATEGORIES, *CATEGORIES_OUTSIDE)
_SUBCATEGORIES = tuple(dict.fromkeys(product.subcategory for product in PRODUCTS))
YOUNGEST, ADULT, OLDEST, BEST_RATING = 15, 18, 110, 5
_NEVER = np.int64(2**40)
_NEVER_YET = np.int64(-(2**40))
_FIRST_COPY, _COPY, _NO_PURCHASE = 0, 1, 2


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
        found = {**self._of_purchases(), **self._of_users(), "user_id_missing": self.block.id_missing > 0}
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
        outcome = np.where(quarantined, _NO_PURCHASE, _FIRST_COPY)
        rows = np.flatnonzero(~quarantined)
        keys = [column[rows] for column in self._content()]
        order = np.lexsort((self.layout.row_id[rows], *keys))
        same = np.logical_and.reduce([key[order][1:] == key[order][:-1] for key in keys])
        outcome[rows[order[1:][same]]] = _COPY
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
_CATEGORY_OF = np.array([CATEGORIES.index(product.category) for product in PRODUCTS], dtype=np.int64)


class GroundTruth:
    """Running sums over blocks: `add` each block once, then `report`."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._first_day = plan.calendar.first - MARGIN_DAYS
        self._month_of, self._months = _months(self._first_day, int(plan.extracts[-1]))
        count, months = plan.batches, len(self._months)
        self.rows_so_far = 0
        # First index: the batch in which it was seen.
        self._reasons = _zeros(count, len(REASONS))
        self._outside = _zeros(count, len(COLUMNS_OUTSIDE))
        self._operand_missing = _zeros(count, len(OPERAND_MISSING))
        self._outcomes = _zeros(count, 3)
        self._cards = _zeros(count)
        self._with_reason = _zeros(count)
        self._before_sign_up_accepted = _zeros(count)
        self._sales = _zeros(3, count, months, len(REGIONS), len(_CATEGORY_NAMES))  # cents, lines, units
        self._ratings = _zeros(2, count)  # sum, number
        # First index: after which batch it holds.
        self._buyers = _zeros(count)
        self._users = _zeros(len(_USER_FIGURES), count)
        self._users_by_region = _zeros(count, len(REGIONS))
        self._sign_ups = _zeros(count, months)

    def add(self, block: Block) -> None:
        checked = Checked(block)
        self.rows_so_far += len(block.layout.user)
        self._add_rows(checked)
        accepted = np.flatnonzero(checked.outcome == _FIRST_COPY)
        self._add_sales(checked, accepted)
        self._add_users(checked, accepted)

    def _add_rows(self, checked: Checked) -> None:
        batch = checked.layout.batch
        for counts, flags in (
            (self._reasons, checked.reasons),
            (self._outside, checked.outside),
            (self._operand_missing, checked.operand_missing),
        ):
            for place, found in enumerate(flags.values()):
                counts[:, place] += np.bincount(batch[found], minlength=self._plan.batches)
        np.add.at(self._outcomes, (batch, checked.outcome), 1)
        np.add.at(self._cards, batch[checked.card], 1)
        np.add.at(self._with_reason, batch[np.logical_or.reduce(list(checked.reasons.values()))], 1)
        early = checked.reasons["purchase_before_sign_up"] & (checked.outcome == _FIRST_COPY)
        np.add.at(self._before_sign_up_accepted, batch[early], 1)

    def _add_sales(self, checked: Checked, rows: Ints) -> None:
        bought, batch = checked.bought, checked.layout.batch[rows]
        outside = bought.category_bad[rows]
        category = np.where(outside > 0, len(CATEGORIES) + outside - 1, _CATEGORY_OF[bought.product[rows]])
        month = self._month_of[bought.day[rows] - self._first_day]
        cell = (batch, month, checked.region_of_sales(rows), category)
        quantity = bought.quantity[rows]
        for place, measure in enumerate((bought.price[rows] * quantity, np.ones_like(quantity), quantity)):
            np.add.at(self._sales[place], cell, measure)
        rating = checked.rating[rows]
        np.add.at(self._ratings[0], batch, rating)
        np.add.at(self._ratings[1], batch[rating > 0], 1)
        first = np.full(len(checked.layout.users), self._plan.batches, dtype=np.int64)
        np.minimum.at(first, checked.layout.user[rows], batch)
        self._buyers += np.cumsum(np.bincount(first, minlength=self._plan.batches + 1)[:-1])

    def _add_users(self, checked: Checked, accepted: Ints) -> None:
        """Walks through the batches with what is known of each user so far."""
        known = _Known(len(checked.layout.users))
        bought_first, bought_last = _accepted_days(checked, accepted)
        for after in range(checked.layout.batches[0], self._plan.batches):
            if after in checked.layout.batches:
                seat = checked.layout.batches.index(after)
                known.see(checked, seat, bought_first[seat], bought_last[seat])
            self._count_users(after, known)

    def _count_users(self, after: int, known: _Known) -> None:
        churn_day = np.where(known.last_bought >= known.sign_up, known.last_bought, known.sign_up) + INACTIVE_DAYS
        signed_up = known.seen & (known.sign_up < _NEVER)
        flags = (
            known.seen,
            signed_up,
            signed_up & (churn_day <= self._plan.extracts[after]),
            signed_up & known.churned,
            known.seen & known.minor,
        )
        self._users[:, after] += [int(flag.sum()) for flag in flags]
        self._users_by_region[after] += np.bincount(known.region[known.seen], minlength=len(REGIONS))
        months = self._month_of[known.sign_up[signed_up] - self._first_day]
        self._sign_ups[after] += np.bincount(months, minlength=len(self._months))

    def report(self, files: list[str]) -> dict[str, object]:
        """The truth file: keys stand in docs/sample.md."""
        return {
            "format": 1,
            "options": _options(self._plan),
            "batches": [self._batch(number, file) for number, file in enumerate(files)],
            "overall": self._counts(slice(None)),
            "after": [self._after(number) for number in range(len(files))],
        }

    def _batch(self, number: int, file: str) -> dict[str, object]:
        extract = _iso(int(self._plan.extracts[number]))
        return {"file": file, "extract_date": extract, **self._counts(slice(number, number + 1))}

    def _counts(self, batches: slice) -> dict[str, object]:
        accepted, duplicates, quarantined = self._outcomes[batches].sum(axis=0).tolist()
        return {
            "rows": accepted + duplicates + quarantined,
            "accepted": accepted,
            "quarantined": quarantined,
            "duplicates": duplicates,
            "rows_with_a_reason": int(self._with_reason[batches].sum()),
            "reasons": _named(REASONS, self._reasons[batches].sum(axis=0)),
            "operand_missing": _named(OPERAND_MISSING, self._operand_missing[batches].sum(axis=0)),
            "value_not_in_contract": _named(COLUMNS_OUTSIDE, self._outside[batches].sum(axis=0)),
            "card_number_rows": int(self._cards[batches].sum()),
            "purchase_before_sign_up_accepted": int(self._before_sign_up_accepted[batches].sum()),
        }

    def _after(self, number: int) -> dict[str, object]:
        sales = self._sales[:, : number + 1].sum(axis=1)
        rating_sum, rating_count = self._ratings[:, : number + 1].sum(axis=1).tolist()
        return {
            "batches": number + 1,
            "as_of": _iso(int(self._plan.extracts[number])),
            **_measures(sales.sum(axis=(1, 2, 3))),
            "buyers": int(self._buyers[number]),
            "rating_sum": rating_sum,
            "rating_count": rating_count,
            **_named(_USER_FIGURES, self._users[:, number]),
            "users_by_region": _named(REGIONS, self._users_by_region[number]),
            "sign_ups_by_month": _nonzero(_named(self._months, self._sign_ups[number])),
            "sales_by_month": _cells(self._months, sales.sum(axis=(2, 3))),
            "sales_by_region": _cells(REGIONS, sales.sum(axis=(1, 3))),
            "sales_by_category": _cells(_CATEGORY_NAMES, sales.sum(axis=(1, 2))),
            "sales_by_month_and_region": {
                month: _cells(REGIONS, sales[:, place].sum(axis=2))
                for place, month in enumerate(self._months)
                if sales[1, place].any()
            },
        }


_USER_FIGURES = ("users", "users_with_sign_up", "users_churned", "users_declared_churned", "minors")


class _Known:
    """What the batches so far say of each user of a block."""

    def __init__(self, users: int) -> None:
        self.seen = np.zeros(users, dtype=np.bool_)
        self.stated = np.full(users, _NEVER)
        self.first_activity = np.full(users, _NEVER)
        self.last_bought = np.full(users, _NEVER_YET)
        self.region = np.full(users, UNKNOWN_REGION, dtype=np.int64)
        self.minor = np.zeros(users, dtype=np.bool_)
        self.churned = np.zeros(users, dtype=np.bool_)

    @property
    def sign_up(self) -> Ints:
        """The earliest stated, else the first activity."""
        return np.where(self.stated < _NEVER, self.stated, self.first_activity)

    def see(self, checked: Checked, seat: int, bought_first: Ints, bought_last: Ints) -> None:
        """Takes in one batch: what it states counts for the users it observes."""
        now = checked.observed[seat]
        part = slice(seat * len(now), (seat + 1) * len(now))
        told = checked.told
        sign_up = np.where(now & checked.sign_up_valid[part], told.sign_up[part], _NEVER)
        declared = now & checked.last_purchase_valid[part]
        login = np.where(now & checked.login_valid[part], told.login[part], _NEVER)
        purchase = np.where(declared, told.last_purchase[part], _NEVER)
        activities = (self.first_activity, sign_up, login, purchase, bought_first)
        self.stated = np.minimum(self.stated, sign_up)
        self.first_activity = np.minimum.reduce(activities)
        last_declared = np.where(declared, told.last_purchase[part], _NEVER_YET)
        self.last_bought = np.maximum.reduce((self.last_bought, last_declared, bought_last))
        self._set_current(checked, seat, part, now)

    def _set_current(self, checked: Checked, seat: int, part: slice, now: Flags) -> None:
        told = checked.told
        minor = checked.age_valid[part] & (told.age[part] < ADULT)
        churned = (told.status_bad[part] == 0) & (told.status[part] == 1)
        self.region = np.where(now, checked.region_told[seat], self.region)
        self.minor = np.where(now, minor, self.minor)
        self.churned = np.where(now, churned, self.churned)
        self.seen = self.seen | now


def _accepted_days(checked: Checked, accepted: Ints) -> tuple[Ints, Ints]:
    """Seat x user: first and last day of the purchases accepted from that batch."""
    place = (checked.layout.seat[accepted], checked.layout.user[accepted])
    first, last = np.full(checked.observed.shape, _NEVER), np.full(checked.observed.shape, _NEVER_YET)
    np.minimum.at(first, place, checked.bought.day[accepted])
    np.maximum.at(last, place, checked.bought.day[accepted])
    return first, last


def _zeros(*shape: int) -> Ints:
    return np.zeros(shape, dtype=np.int64)


def _iso(day: int) -> str:
    return (EPOCH + dt.timedelta(day)).isoformat()


def _months(first: int, last: int) -> tuple[Ints, tuple[str, ...]]:
    """The month's place of each day from first to last, and the months' names."""
    names = [_iso(day)[:7] for day in range(first, last + 1)]
    months = tuple(dict.fromkeys(names))
    places = {month: place for place, month in enumerate(months)}
    return np.array([places[name] for name in names], dtype=np.int64), months


def _named(names: tuple[str, ...], counts: Ints) -> dict[str, int]:
    return dict(zip(names, counts.tolist(), strict=True))


def _nonzero(counts: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}


def _measures(cell: Ints) -> dict[str, object]:
    cents, lines, units = cell.tolist()
    return {"revenue": f"{cents // 100}.{cents % 100:02d}", "order_lines": lines, "units": units}


def _cells(names: tuple[str, ...], measures: Ints) -> dict[str, dict[str, object]]:
    """Measures (first index) by name, cells without a line left out."""
    return {name: _measures(measures[:, place]) for place, name in enumerate(names) if measures[1, place]}


def _options(plan: Plan) -> dict[str, object]:
    return {
        "rows": plan.rows,
        "seed": plan.seed,
        "batches": plan.batches,
        "later_fraction": plan.later_fraction,
        "defects": plan.defects,
        "multiline": plan.multiline,
        "extract_date": plan.extract_date.isoformat(),
        "step_days": plan.step_days,
    }
