"""What a table of cells holds for any persons together is the sum of what it holds for each of them."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from lib.build.cells import EVER, Moment
from lib.contracts.model import Table, load
from lib.delta.lake import declare_functions
from lib.local_frames import frame_of

pytestmark = pytest.mark.spark
CATALOG = load(Path("lakehouse"))
CELLS = [table for table in CATALOG if table.load == "sum"]
REGIONS = ("Africa", "Americas", "Asia", "Europe", "Oceania", "Unknown")
CATEGORIES = ("Books", "Books", "Toys", "Unknown")
FIRST, DAYS = date(2022, 11, 20), 500
USERS = 40
Rows = list[tuple[Any, ...]]


def day(chance: random.Random) -> date:
    return FIRST + timedelta(days=chance.randrange(DAYS))


def date_key(of: date) -> int:
    return int(f"{of:%Y%m%d}")


def versions(chance: random.Random, user: int) -> Rows:
    """One to five versions; some end in the month in which they begin, and some differ only in what nobody is told."""
    begins = [date(1900, 1, 1), *sorted({day(chance) for _ in range(chance.randrange(5))})]
    ends = [*begins[1:], None]
    rows: Rows = []
    for begin, end in zip(begins, ends, strict=True):
        told = [chance.choice(words) for words in (("F", "M"), ("15-17", "25-34"), ("XX",), ("Active", "Churned"))]
        more = [
            chance.choice(("Regular", "VIP")),
            chance.choice(("Mail", "Search")),
            chance.choice(("Often", "Rarely")),
        ]
        key = chance.randrange(1 << 40)
        rows.append((key, user, f"key {user}", begin, end, end is None, *told, *more, chance.randrange(6), 1))
    return rows


def activities(chance: random.Random, user: int) -> Rows:
    days = sorted({day(chance) for _ in range(chance.randrange(6))})
    signed_up = chance.choice(days) if days else None
    kinds = [(it, "sign_up" if it == signed_up else chance.choice(("login", "purchase"))) for it in days]
    return [
        (chance.randrange(1 << 40), date_key(it), 0, user, kind, bool(signed_up and it >= signed_up))
        for it, kind in kinds
    ]


def sales(chance: random.Random, user: int) -> Rows:
    found: Rows = []
    for _ in range(chance.randrange(8)):
        quantity, price = chance.choice((1, 2, 5, -1)), Decimal(chance.randrange(1, 500)) / 100
        keys = date_key(day(chance)), user, user, chance.randrange(4), chance.randrange(6), 1
        rating = chance.choice((None, 1, 5))
        found.append((chance.randrange(1 << 40), *keys, quantity, price, quantity * price, rating))
    return found


def star(spark: SparkSession, seed: int) -> Mapping[str, DataFrame]:
    """An invented star: its users, what they did and bought, and lines whose buyer is not known."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    people = range(1, USERS + 1)
    unknown = [(-7, 20230501, -1, -1, 0, 0, -1, 3, Decimal(2), Decimal(6), None)]
    rows: dict[str, Rows] = {
        "dim_geography": [(key, name, name, name) for key, name in enumerate(REGIONS)],
        "dim_product": [(key, name, "Any", f"product {key}") for key, name in enumerate(CATEGORIES)],
        "dim_user": [row for user in people for row in versions(chance, user)],
        "fact_user_activity": [row for user in people for row in activities(chance, user)],
        "fact_sales": unknown + [row for user in people for row in sales(chance, user)],
    }
    return {name: frame_of(spark, held, CATALOG[name].schema).localCheckpoint() for name, held in rows.items()}


def moment(frames: Mapping[str, DataFrame], up_to: date, users: Sequence[int] | None) -> Moment:
    spark = frames["dim_user"].sparkSession
    people = None
    if users is not None:
        keys = [(f"key {user}", user) for user in users]
        people = frame_of(spark, keys, "user_key string, durable_user_key bigint")

    def read(table: Table) -> DataFrame:
        rows = frames[table.name]
        return rows if people is None or not table.subject else rows.join(people, table.subject, "left_semi")

    return Moment(CATALOG, read, threading.Lock(), up_to)


def held(table: Table, at: Moment) -> Counter[Any]:
    """By cell and measure, the figure; zeros left out."""
    figures: Counter[Any] = Counter()
    for row in at.computed(table).collect():
        cell = tuple(row[name] for name in table.key)
        assert None not in cell
        assert row[table.rows_behind] > 0
        figures.update({(cell, name): row[name] for name in table.measures if row[name]})
    return figures


@pytest.fixture(scope="module", params=[1, 2])
def frames(spark: SparkSession, request: pytest.FixtureRequest) -> Mapping[str, DataFrame]:
    declare_functions(spark, CATALOG)
    return star(spark, request.param)


@pytest.mark.parametrize("up_to", [EVER, date(2023, 6, 15)], ids=["ever", "up to a day"])
def test_cells_are_sums_over_persons(frames: Mapping[str, DataFrame], up_to: date) -> None:
    whole = moment(frames, up_to, None)
    # -1 is in no group: the lines without a known buyer are nobody's.
    groups = [moment(frames, up_to, [user for user in range(1, USERS + 1) if user % 3 == part]) for part in range(3)]
    nobody = moment({**frames, "fact_sales": frames["fact_sales"].where("durable_user_key = -1")}, up_to, None)
    for table in CELLS:
        together: Counter[Any] = Counter()
        for part in groups:
            together.update(held(table, part))
        if table.name in ("sales_daily", "product_months"):
            together.update(held(table, nobody))
        found = held(table, whole)
        assert found
        assert {key: value for key, value in together.items() if value} == dict(found), table.name


@pytest.mark.parametrize("table", CELLS, ids=lambda table: table.name)
def test_the_key_of_cells_is_one(frames: Mapping[str, DataFrame], table: Table) -> None:
    rows = moment(frames, EVER, None).computed(table).select(*table.key).collect()
    assert len(set(rows)) == len(rows)
