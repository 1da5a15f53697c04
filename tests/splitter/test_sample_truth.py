"""The truth file against a recount of the written CSV: plain Python, row by row, from docs/definitions.md."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import pytest

from splitter.sample import layout
from splitter.sample.catalogue import COUNTRIES, COUNTRY_REGIONS, REGIONS
from splitter.sample.export import write_sample
from splitter.sample.plan import Plan

if TYPE_CHECKING:
    from pathlib import Path

CONTRACT = {
    "Category": {"Books", "Clothing", "Electronics", "Furniture", "Grocery"},
    "UserSegment": {"Frequent Shopper", "High Value", "Occasional Shopper"},
    "UserStatus": {"Active", "Churned"},
}
QUARANTINE = {
    "row_malformed",
    "user_id_missing",
    "user_id_spoilt",
    "purchase_date_invalid",
    "price_invalid",
    "price_not_positive",
    "quantity_invalid",
    "quantity_not_positive",
}
REGION = {country: REGIONS[place] for country, place in zip(COUNTRIES, COUNTRY_REGIONS, strict=True)}


@dataclass
class Observation:
    region: str
    sign_up: dt.date | None
    login: dt.date | None
    last_purchase: dt.date | None
    age: int | None
    status: str


@dataclass
class Recount:
    """What a reader of the files finds; observations by user and extract date."""

    outcomes: list[Counter[str]] = field(default_factory=list)
    reasons: list[Counter[str]] = field(default_factory=list)
    outside: list[Counter[str]] = field(default_factory=list)
    sales: list[tuple[str, dt.date, Decimal, int, int | None]] = field(default_factory=list)
    seen: set[tuple[object, ...]] = field(default_factory=set)
    observations: dict[str, dict[dt.date, Observation]] = field(default_factory=lambda: defaultdict(dict))


def date(text: str, extract: dt.date) -> dt.date | None:
    try:
        day = dt.date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
    return day if day and dt.date(2000, 1, 1) <= day <= extract else None


def number(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def between(text: str, low: int, high: int) -> int | None:
    value = number(text)
    return int(value) if value is not None and low <= value <= high else None


def malformed(cells: list[str]) -> bool:
    return len(cells) != 25 or any("\udc80" <= sign <= "\udcff" for cell in cells for sign in cell)


def fails(row: dict[str, str], extract: dt.date) -> dict[str, bool]:
    bought, signed_up = date(row["Date_Purchase"], extract), date(row["UserSignUpDate"], extract)
    price, quantity = number(row["Price"]), number(row["Quantity"])
    return {
        "user_id_missing": not row["ID"].strip(),
        "user_id_spoilt": re.fullmatch(r"[0-9.,]+E[+][0-9]+", row["ID"].strip()) is not None,
        "purchase_date_invalid": bought is None,
        "price_invalid": price is None,
        "price_not_positive": price is not None and price <= 0,
        "quantity_invalid": quantity is None,
        "quantity_not_positive": quantity is not None and quantity <= 0,
        "product_name_missing": not row["Product Name"].strip(),
        "rating_out_of_range": between(row["Rating"], 1, 5) is None,
        "age_out_of_range": between(row["Age"], 15, 110) is None,
        "country_unknown": row["Country"] not in REGION,
        "sign_up_date_invalid": signed_up is None,
        "last_login_invalid": date(row["UserLastLoginDate"], extract) is None,
        "last_purchase_invalid": date(row["UserLastPurchaseDate"], extract) is None,
        "purchase_before_sign_up": bool(bought and signed_up and bought < signed_up),
        "value_not_in_contract": any(row[column] not in values for column, values in CONTRACT.items()),
    }


def recount_batch(found: Recount, path: Path, extract: dt.date) -> None:
    for counters in (found.outcomes, found.reasons, found.outside):
        counters.append(Counter())
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    header = next(rows)
    for cells in rows:
        if malformed(cells):
            found.reasons[-1]["row_malformed"] += 1
            found.outcomes[-1]["quarantined"] += 1
        else:
            found.outcomes[-1][recount_row(found, dict(zip(header, cells, strict=True)), extract)] += 1


def recount_row(found: Recount, row: dict[str, str], extract: dt.date) -> str:
    reasons = {reason for reason, failed in fails(row, extract).items() if failed}
    found.reasons[-1].update(reasons)
    found.outside[-1].update(column for column, values in CONTRACT.items() if row[column] not in values)
    if "user_id_missing" not in reasons:
        found.observations[row["ID"]][extract] = observation(row, extract)
    if reasons & QUARANTINE:
        return "quarantined"
    day, price, quantity = date(row["Date_Purchase"], extract), Decimal(row["Price"]), int(row["Quantity"])
    assert day
    rating = between(row["Rating"], 1, 5)
    content = (
        row["ID"],
        day,
        row["Product Name"].strip(),
        row["Category"],
        row["Subcategory"],
        price,
        quantity,
        rating,
    )
    if content in found.seen:
        return "duplicates"
    found.seen.add(content)
    found.sales.append((row["ID"], day, price * quantity, quantity, rating))
    return "accepted"


def observation(row: dict[str, str], extract: dt.date) -> Observation:
    return Observation(
        region=REGION.get(row["Country"], "Unknown"),
        sign_up=date(row["UserSignUpDate"], extract),
        login=date(row["UserLastLoginDate"], extract),
        last_purchase=date(row["UserLastPurchaseDate"], extract),
        age=between(row["Age"], 15, 110),
        status=row["UserStatus"],
    )


def totals(found: Recount, as_of: dt.date) -> dict[str, Any]:
    bought: dict[str, list[dt.date]] = defaultdict(list)
    months: dict[str, Decimal] = defaultdict(Decimal)
    regions: dict[str, Decimal] = defaultdict(Decimal)
    for user, day, revenue, _, _ in found.sales:
        bought[user].append(day)
        months[f"{day:%Y-%m}"] += revenue
        versions = found.observations[user]
        regions[versions[max((seen for seen in versions if seen <= day), default=min(versions))].region] += revenue
    ratings = [rating for *_, rating in found.sales if rating]
    return {
        "revenue": sum(months.values()),
        "order_lines": len(found.sales),
        "units": sum(quantity for *_, quantity, _ in found.sales),
        "rating_sum": sum(ratings),
        "rating_count": len(ratings),
        "buyers": len(bought),
        "sales_by_month": dict(months),
        "sales_by_region": dict(regions),
        **user_totals(found, bought, as_of),
    }


def user_totals(found: Recount, bought: dict[str, list[dt.date]], as_of: dt.date) -> dict[str, Any]:
    sign_ups, regions, counts = Counter[str](), Counter[str](), Counter[str]()
    for user, versions in found.observations.items():
        current = versions[max(versions)]
        regions[current.region] += 1
        counts["minors"] += current.age is not None and current.age <= 17
        signed_up, churned_on = life(list(versions.values()), bought[user])
        if signed_up and churned_on:
            sign_ups[f"{signed_up:%Y-%m}"] += 1
            counts["users_churned"] += churned_on <= as_of
            counts["users_declared_churned"] += current.status == "Churned"
    return {
        "users": len(found.observations),
        "users_with_sign_up": sum(sign_ups.values()),
        **{name: counts[name] for name in ("minors", "users_churned", "users_declared_churned")},
        "users_by_region": dict(regions),
        "sign_ups_by_month": dict(sign_ups),
    }


def life(versions: list[Observation], bought: list[dt.date]) -> tuple[dt.date | None, dt.date | None]:
    """Sign-up date and churn day of a user."""
    purchases = bought + [version.last_purchase for version in versions if version.last_purchase]
    activity = purchases + [version.login for version in versions if version.login]
    stated = [version.sign_up for version in versions if version.sign_up]
    signed_up = min(stated or activity, default=None)
    if signed_up is None:
        return None, None
    last = max((day for day in purchases if day >= signed_up), default=signed_up)
    return signed_up, last + dt.timedelta(90)


def revenue_cells(cells: dict[str, dict[str, Any]]) -> dict[str, Decimal]:
    return {name: Decimal(cell["revenue"]) for name, cell in cells.items()}


PLANS = [
    Plan(rows=1000, seed=7),
    Plan(rows=1000, seed=8, batches=4, later_fraction=0.2, defects=4, multiline=True),
    Plan(rows=3000, seed=9, batches=12, later_fraction=0.1, step_days=40, defects=2),
    Plan(rows=500, seed=1, defects=20, batches=3, later_fraction=1),
    Plan(rows=4000, seed=3, batches=3, later_fraction=0.05),
    Plan(rows=1, seed=3, batches=2),
    Plan(rows=2000, defects=0, batches=3),
]


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: f"{plan.rows}-rows-seed-{plan.seed}")
def test_truth_equals_a_recount_after_every_batch(tmp_path: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small blocks of users, so that a small sample has many."""
    monkeypatch.setattr(layout, "BLOCK_USERS", 128)
    truth = json.loads(write_sample(plan, tmp_path / "sample.csv").read_text("utf-8"))
    found = Recount()
    for batch, after in zip(truth["batches"], truth["after"], strict=True):
        extract = dt.date.fromisoformat(batch["extract_date"])
        recount_batch(found, tmp_path / batch["file"], extract)
        assert {name: batch[name] for name in ("accepted", "quarantined", "duplicates")} == {
            name: found.outcomes[-1][name] for name in ("accepted", "quarantined", "duplicates")
        }
        assert batch["rows"] == found.outcomes[-1].total()
        assert {reason: count for reason, count in batch["reasons"].items() if count} == dict(found.reasons[-1])
        assert list(batch["value_not_in_contract"].values()) == [found.outside[-1][column] for column in CONTRACT]
        expected = totals(found, extract)
        stated = {name: after[name] for name in expected}
        stated["revenue"] = Decimal(stated["revenue"])
        stated["users_by_region"] = {name: count for name, count in stated["users_by_region"].items() if count}
        stated["sales_by_month"] = revenue_cells(stated["sales_by_month"])
        stated["sales_by_region"] = revenue_cells(stated["sales_by_region"])
        assert stated == expected


def test_overall_is_the_sum_of_the_batches(tmp_path: Path) -> None:
    truth = json.loads(write_sample(Plan(rows=1000, batches=3), tmp_path / "s.csv").read_text("utf-8"))
    for name in ("rows", "accepted", "quarantined", "duplicates", "card_number_rows"):
        assert truth["overall"][name] == sum(batch[name] for batch in truth["batches"])
    assert truth["overall"]["rows"] == 1000 + 2 * 10


def test_cells_sum_up_to_the_totals(tmp_path: Path) -> None:
    plan = Plan(rows=5000, batches=2)
    after = json.loads(write_sample(plan, tmp_path / "s.csv").read_text("utf-8"))["after"][-1]
    months = after["sales_by_month_and_region"].values()
    for cells in (after["sales_by_month"], after["sales_by_region"], after["sales_by_category"]):
        assert sum(revenue_cells(cells).values()) == Decimal(after["revenue"])
        assert sum(cell["order_lines"] for cell in cells.values()) == after["order_lines"]
    assert sum(sum(revenue_cells(month).values()) for month in months) == Decimal(after["revenue"])


def test_a_clean_sample_has_no_defect(tmp_path: Path) -> None:
    overall = json.loads(write_sample(Plan(rows=2000, defects=0), tmp_path / "s.csv").read_text("utf-8"))["overall"]
    assert overall["accepted"] + overall["duplicates"] == 2000
    assert set(overall["reasons"].values()) == {0}
