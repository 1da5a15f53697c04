"""mart_sales/trends."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from tests.marts.star import REGIONS, Sale, Star

pytestmark = pytest.mark.spark


def test_every_day_of_every_region_from_the_first_line_to_the_as_of_date(spark: SparkSession) -> None:
    star = Star(spark, sales=[Sale("ada", "2023-01-30"), Sale("ada", "2023-02-02"), Sale("ada", "2023-02-03")])
    days = star.read("trends", "day", "region", "order_lines", as_of="2023-02-02")
    assert len(days) == 4 * len(REGIONS)
    assert [(day, lines) for day, region, lines in days if region == "Europe"] == [
        ("2023-01-30", 1),
        ("2023-01-31", 0),
        ("2023-02-01", 0),
        ("2023-02-02", 1),
    ]


def test_a_moving_average_counts_days_without_sales_and_rounds_half_up(spark: SparkSession) -> None:
    star = Star(spark, sales=[Sale("ada", "2023-01-01", "0.0003"), Sale("ada", "2023-01-09", "7")])
    averages = star.read("trends", "revenue_7d", "revenue_28d", as_of="2023-01-09", region="Europe")
    assert averages[0] == ("0.0003", "0.0003")
    assert averages[1] == ("0.0002", "0.0002")  # 0.00015
    assert averages[7] == ("0", "0")  # the first day has left the week; 0.0003 / 8
    assert averages[8] == ("1", "0.7778")  # 7 / 7; 7.0003 / 9


def test_the_longer_average_forgets_after_28_days(spark: SparkSession) -> None:
    star = Star(spark, sales=[Sale("ada", "2023-01-01", "28")])
    averages = star.read("trends", "revenue_28d", as_of="2023-01-29", region="Europe")
    assert averages[27:] == [("1",), ("0",)]


def test_the_year_to_date_begins_anew_on_1_january(spark: SparkSession) -> None:
    sales = [Sale("ada", "2022-12-30", "5"), Sale("ada", "2022-12-31", "5", -1), Sale("ada", "2023-01-02", "3")]
    found = Star(spark, sales=sales).read("trends", "revenue_year_to_date", as_of="2023-01-02", region="Europe")
    assert found == [("5",), ("0",), ("0",), ("3",)]
