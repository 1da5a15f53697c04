"""Counts what a sample contains while it is being planted: the figures a lakehouse must show after loading it.

Works on the numbers that the rows are written from, never on the written text, with integers throughout (money in
cents). The rules are those of the design's row rules and of docs/definitions.md, written here a second time on
purpose: no engine of the lakehouse takes part.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np

from splitter.sample.catalogue import CATEGORIES, CATEGORIES_OUTSIDE, PRODUCTS, REGIONS
from splitter.sample.checks import COLUMNS_OUTSIDE, FIRST_COPY, OPERAND_MISSING, REASONS, Checked
from splitter.sample.known import NEVER, Known, accepted_days
from splitter.sample.plan import EPOCH, MARGIN_DAYS, Plan
from splitter.sample.users import INACTIVE_DAYS

if TYPE_CHECKING:
    from splitter.sample.draws import Ints
    from splitter.sample.rows import Block

CATEGORY_NAMES = (*CATEGORIES, *CATEGORIES_OUTSIDE)
USER_FIGURES = ("users", "users_with_sign_up", "users_churned", "users_declared_churned", "minors")
CATEGORY_OF = np.array([CATEGORIES.index(product.category) for product in PRODUCTS], dtype=np.int64)


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
        self._sales = _zeros(3, count, months, len(REGIONS), len(CATEGORY_NAMES))  # cents, lines, units
        self._ratings = _zeros(2, count)  # sum, number
        # First index: after which batch it holds.
        self._buyers = _zeros(count)
        self._users = _zeros(len(USER_FIGURES), count)
        self._users_by_region = _zeros(count, len(REGIONS))
        self._sign_ups = _zeros(count, months)

    def add(self, block: Block) -> None:
        checked = Checked(block)
        self.rows_so_far += len(block.layout.user)
        self._add_rows(checked)
        accepted = np.flatnonzero(checked.outcome == FIRST_COPY)
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
        early = checked.reasons["purchase_before_sign_up"] & (checked.outcome == FIRST_COPY)
        np.add.at(self._before_sign_up_accepted, batch[early], 1)

    def _add_sales(self, checked: Checked, rows: Ints) -> None:
        bought, batch = checked.bought, checked.layout.batch[rows]
        outside = bought.category_bad[rows]
        category = np.where(outside > 0, len(CATEGORIES) + outside - 1, CATEGORY_OF[bought.product[rows]])
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
        known = Known(len(checked.layout.users))
        bought_first, bought_last = accepted_days(checked, accepted)
        for after in range(checked.layout.batches[0], self._plan.batches):
            if after in checked.layout.batches:
                seat = checked.layout.batches.index(after)
                known.see(checked, seat, bought_first[seat], bought_last[seat])
            self._count_users(after, known)

    def _count_users(self, after: int, known: Known) -> None:
        churn_day = np.where(known.last_bought >= known.sign_up, known.last_bought, known.sign_up) + INACTIVE_DAYS
        signed_up = known.seen & (known.sign_up < NEVER)
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
            **_named(USER_FIGURES, self._users[:, number]),
            "users_by_region": _named(REGIONS, self._users_by_region[number]),
            "sign_ups_by_month": _nonzero(_named(self._months, self._sign_ups[number])),
            "sales_by_month": _cells(self._months, sales.sum(axis=(2, 3))),
            "sales_by_region": _cells(REGIONS, sales.sum(axis=(1, 3))),
            "sales_by_category": _cells(CATEGORY_NAMES, sales.sum(axis=(1, 2))),
            "sales_by_month_and_region": {
                month: _cells(REGIONS, sales[:, place].sum(axis=2))
                for place, month in enumerate(self._months)
                if sales[1, place].any()
            },
        }


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
