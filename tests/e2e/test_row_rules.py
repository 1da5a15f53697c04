"""The contract's row rules in the engine, if the judgement of one rule depends on another."""

from __future__ import annotations

import datetime as dt

import pytest
from pyspark.sql import SparkSession

from lib.build import rules
from lib.contracts import model
from tests.e2e.lakes import PROJECT

pytestmark = pytest.mark.spark
GOOD = {"purchase_date": dt.date(2023, 2, 1), "sign_up_date": dt.date(2023, 1, 10), "latest_date": dt.date(2023, 8, 25)}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"purchase_date": dt.date(1999, 12, 31)}, "purchase_date_invalid"),
        ({"sign_up_date": dt.date(9999, 12, 31)}, "sign_up_date_invalid"),
        ({"purchase_date": dt.date(2023, 1, 9)}, "purchase_before_sign_up"),
    ],
)
def test_a_value_that_is_cleared_is_not_judged_again(
    spark: SparkSession, changes: dict[str, dt.date], reason: str
) -> None:
    events = model.load(PROJECT / "lakehouse")["events"]
    values: dict[str, object] = {**GOOD, **changes}
    schema = ", ".join(f"`{column.name}` {column.physical_type}" for column in events.columns)
    row = tuple(values.get(column.name) for column in events.columns)
    frame = spark.createDataFrame([(*row, ["sign_up_date"])], f"{schema}, _mapped array<string>")
    (judged,) = rules.judge(frame, events).collect()
    dated = [code for code in judged["reasons"] if "purchase" in code or "sign_up" in code]
    assert dated == [reason]
