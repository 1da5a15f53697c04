"""Names and literals pass Spark's parser unchanged."""

from __future__ import annotations

import datetime as dt

import pytest
from pyspark.sql import SparkSession

from lib.sql import bound, literal, quoted

pytestmark = pytest.mark.spark
TEXTS = ("", "it's", "''", "\\", "\\'", "\\n", "a\nb", '"', "`", ":name", "${x}", "%s {0}", "日本 é", "-- no comment")


def test_any_text_is_read_as_it_is(spark: SparkSession) -> None:
    row = spark.sql(f"select {', '.join(literal(text) for text in TEXTS)}").collect()[0]
    assert tuple(row) == TEXTS


def test_any_name_is_read_as_it_is(spark: SparkSession) -> None:
    names = [name for name in TEXTS if name]
    frame = spark.sql(f"select {', '.join(f'{at} as {quoted(name)}' for at, name in enumerate(names))}")
    assert frame.columns == names
    assert [frame.select(quoted(name)).collect()[0][0] for name in names] == list(range(len(names)))


def test_parameters_are_bound_by_their_type(spark: SparkSession) -> None:
    text = bound("select :day, :number + 1, :text", {"day": dt.date(2024, 2, 29), "number": 4, "text": "o'clock"}, "x")
    assert tuple(spark.sql(text).collect()[0]) == (dt.date(2024, 2, 29), 5, "o'clock")
