"""The unit tests beside the contracts, as data: rows of a table's inputs, and the expected rows.

A file `lakehouse/LAYER/NAME.tests.yaml` is a list of cases. `given` holds rows by input; an input without rows is
empty, a column that is not stated is NULL. `expected` holds the rows in the order of the table's key, or of their
columns where the key is a hash; only the columns that it states are compared. `as_of` is the as-of date.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import SparkSession

from lib.build import transformations
from lib.contracts import model
from lib.contracts.model import Table
from lib.delta.lake import declare_functions
from lib.errors import UsageError
from lib.local_frames import frame_of

pytestmark = pytest.mark.spark
CONTRACTS = Path(__file__).resolve().parents[2] / "lakehouse"
CATALOG = model.load(CONTRACTS)
KEYS = {"name", "as_of", "given", "expected"}
Rows = list[dict[str, Any]]


def cases() -> list[Any]:
    found = []
    for file in sorted(CONTRACTS.glob("*/*.tests.yaml")):
        for case in yaml.safe_load(file.read_text(encoding="utf-8")):
            name = f"{file.parent.name}/{file.name.removesuffix('.tests.yaml')}"
            found.append(pytest.param(name, case, id=f"{name}: {case['name']}"))
    return found


def provided(spark: SparkSession, table: Table, rows: Rows) -> None:
    """The rows as the view that a transformation reads."""
    types = {column.name: column.physical_type for column in table.columns if column.enters}
    unknown = {name for row in rows for name in row} - types.keys()
    assert not unknown, f"{table.path} has no {unknown}"
    padded = [{name: typed(row.get(name), types[name]) for name in types} for row in rows]
    frame_of(spark, padded, ", ".join(f"`{n}` {t}" for n, t in types.items())).createOrReplaceTempView(table.name)


def typed(value: Any, type_: str) -> Any:
    if value is None or not type_.startswith(("decimal", "double")):
        return value
    return Decimal(str(value)) if type_.startswith("decimal") else float(value)


def computed(spark: SparkSession, table: Table, case: Mapping[str, Any]) -> Rows:
    """The transformation's result in the columns that the case expects."""
    assert set(case) <= KEYS
    given = case.get("given", {})
    assert set(given) <= set(table.inputs), f"{table.path} reads {table.inputs}"
    for name in table.inputs:
        provided(spark, CATALOG[name], given.get(name, []))
    declare_functions(spark, CATALOG)
    day = case.get("as_of", date(2030, 1, 1))
    frame = transformations.transform(spark, table, {"as_of": day, "up_to": day})
    wanted = list(dict.fromkeys(name for row in case["expected"] for name in row))
    order = [name for name in table.key if name in wanted] or sorted(wanted)
    rows = frame.orderBy(*order).select(*wanted).collect() if wanted else frame.collect()
    return [{name: plain(value) for name, value in row.asDict().items()} for row in rows]


def plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


@pytest.mark.parametrize(("path", "case"), cases())
def test_the_case_of_a_table(spark: SparkSession, path: str, case: Mapping[str, Any]) -> None:
    found, expected = computed(spark, CATALOG[path], case), case["expected"]
    assert [{name: row[name] for name in one} for row, one in zip(found, expected, strict=True)] == expected


def test_a_case_can_fail(spark: SparkSession) -> None:
    wrong = {"name": "wrong", "given": {"users": [{"channel": "Mail"}]}, "expected": [{"channel": "Post"}]}
    assert computed(spark, CATALOG["dim_channel"], wrong) == [{"channel": "Mail"}]
    with pytest.raises(AssertionError, match="has no"):
        computed(spark, CATALOG["dim_channel"], {**wrong, "given": {"users": [{"chanel": "Mail"}]}})
    with pytest.raises(AssertionError, match="reads"):
        computed(spark, CATALOG["dim_channel"], {**wrong, "given": {"purchases": []}})


def test_a_function_that_cannot_be_declared_is_named(spark: SparkSession) -> None:
    half = "create or replace temporary function half(n int) returns int"
    with pytest.raises(UsageError, match=rf"functions\.sql .*: {re.escape(half)}"):
        declare_functions(spark, replace(CATALOG, functions=(f"{half}\nreturn n div",)))
