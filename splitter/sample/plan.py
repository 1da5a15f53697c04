"""The plan of a sample: sizes, days of the batches, defect rates, and the weight of each day."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from splitter.sample.draws import Dice, Ints

EPOCH = dt.date(1970, 1, 1)
HISTORY_DAYS = 1095
MARGIN_DAYS = 400  # days before the first sale and after the last extract that a date may name

# One row (or user and batch) in this number carries the defect at `--defects 1`.
EVERY_ROW = {
    "row_malformed": 250,
    "user_id_missing": 250,
    "purchase_date_invalid": 100,
    "price_invalid": 250,
    "price_not_positive": 100,
    "quantity_invalid": 250,
    "quantity_not_positive": 100,
    "product_name_missing": 100,
    "rating_out_of_range": 100,
    "purchase_before_sign_up": 125,
    "category_outside": 250,
    "card_in_product": 400,
    "several": 250,
    "duplicate": 90,
}
EVERY_USER = {
    "age_out_of_range": 100,
    "country_unknown": 120,
    "sign_up_date_invalid": 150,
    "last_login_invalid": 150,
    "last_purchase_invalid": 150,
    "segment_outside": 150,
    "status_outside": 150,
    "card_in_segment": 150,
}

_MONTHS = (85, 80, 92, 95, 98, 100, 94, 90, 98, 106, 138, 150)
_RUSH = ((11, 20), (11, 30))  # the sales at the end of November
_WEEKDAYS = (105, 98, 96, 100, 108, 118, 112)


@dataclass(frozen=True)
class Plan:
    """Options of one sample; `rows` are those of the full load, the rows of later batches are added."""

    rows: int
    seed: int = 1
    batches: int = 1
    later_fraction: float = 0.01
    defects: float = 1.0
    multiline: bool = False
    extract_date: dt.date = dt.date(2023, 8, 25)
    step_days: int = 7

    @cached_property
    def dice(self) -> Dice:
        return Dice(self.seed)

    @cached_property
    def extracts(self) -> Ints:
        """Extract day of each batch, in days since 1970-01-01."""
        return (self.extract_date - EPOCH).days + self.step_days * np.arange(self.batches, dtype=np.int64)

    @property
    def later_rows(self) -> int:
        return max(1, round(self.rows * self.later_fraction))

    @property
    def newcomer_rows(self) -> int:
        """Rows of each later batch about users who signed up since the batch before."""
        return self.later_rows // 4

    def every(self, defect: str) -> int:
        """Group size in which the defect is planted once; 0 = never."""
        if self.defects == 0:
            return 0
        base = EVERY_ROW.get(defect) or EVERY_USER[defect]
        return max(2, round(base / self.defects))

    @cached_property
    def calendar(self) -> Calendar:
        first = int(self.extracts[0]) - HISTORY_DAYS
        days = range(first, int(self.extracts[-1]) + 1)
        return Calendar(
            first=first,
            sales=_edges([_sales_weight(EPOCH + dt.timedelta(day), day - first) for day in days]),
            sign_ups=_edges([_sign_up_weight(EPOCH + dt.timedelta(day), day - first) for day in days]),
        )


@dataclass(frozen=True)
class Calendar:
    """Running sums of the days' weights: a draw between two of them hits a day in proportion to its weight."""

    first: int
    sales: Ints
    sign_ups: Ints

    def draw(self, dice: Dice, name: str, index: Ints, start: Ints, end: Ints) -> Ints:
        """A day from start to end, both inclusive; `name` chooses the weights too."""
        edges = self.sign_ups if name == "sign_up" else self.sales
        low, high = edges[start - self.first], edges[end + 1 - self.first]
        drawn = low + dice.below(name, index, high - low)
        return self.first + np.searchsorted(edges, drawn, side="right").astype(np.int64) - 1


def _edges(weights: list[int]) -> Ints:
    return np.concatenate(([0], np.cumsum(np.asarray(weights, dtype=np.int64))))


def _sales_weight(day: dt.date, age: int) -> int:
    """Growth, the season, the week, and the sales at the end of November."""
    rush = 140 if _RUSH[0] <= (day.month, day.day) <= _RUSH[1] else 100
    return (600 + age * 500 // HISTORY_DAYS) * _MONTHS[day.month - 1] * _WEEKDAYS[day.weekday()] * rush // 1_000_000


def _sign_up_weight(day: dt.date, age: int) -> int:
    """Growth with a launch campaign in the first months; the season counts half."""
    launch = max(0, 150 - age) * 3
    season = (100 + _MONTHS[day.month - 1]) // 2
    return (500 + launch + age * 500 // HISTORY_DAYS) * season * _WEEKDAYS[day.weekday()] // 10_000
