"""mart_sales/buyers."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from tests.marts.star import Sale, Star

pytestmark = pytest.mark.spark
CELL = ("period_start", "region", "category", "buyers")


def test_a_user_is_one_buyer_of_a_quarter_and_a_year_however_often(spark: SparkSession) -> None:
    days = ("2023-01-01", "2023-01-31", "2023-03-31", "2023-04-01", "2023-12-31")
    star = Star(spark, sales=[*(Sale("ada", day) for day in days), Sale("bob", "2023-03-01")])
    found = star.read(
        "buyers", "period", "period_start", "buyers", as_of="2024-01-01", region="Europe", category="Books"
    )
    assert found == [
        ("month", "2023-01-01", 1),
        ("month", "2023-03-01", 2),
        ("month", "2023-04-01", 1),
        ("month", "2023-12-01", 1),
        ("quarter", "2023-01-01", 2),
        ("quarter", "2023-04-01", 1),
        ("quarter", "2023-10-01", 1),
        ("year", "2023-01-01", 2),
    ]


def test_totals_count_a_user_of_two_categories_and_regions_once(spark: SparkSession) -> None:
    sales = [Sale("ada", "2023-01-01"), Sale("ada", "2023-01-01", category="Toys"), Sale("bob", "2023-01-02")]
    star = Star(spark, sales=[*sales, Sale("ada", "2023-01-03", region="Asia")])
    assert star.read("buyers", *CELL, as_of="2023-02-01", period="month") == [
        ("2023-01-01", "All", "All", 2),
        ("2023-01-01", "All", "Books", 2),
        ("2023-01-01", "All", "Toys", 1),
        ("2023-01-01", "Asia", "All", 1),
        ("2023-01-01", "Asia", "Books", 1),
        ("2023-01-01", "Europe", "All", 2),
        ("2023-01-01", "Europe", "Books", 2),
        ("2023-01-01", "Europe", "Toys", 1),
    ]


def test_who_only_returns_or_buys_after_the_as_of_date_is_no_buyer(spark: SparkSession) -> None:
    sales = [Sale("ada", "2023-01-01", quantity=-1), Sale("bob", "2023-01-02"), Sale("eve", "2023-01-03")]
    found = Star(spark, sales=sales).read("buyers", *CELL, as_of="2023-01-02", period="year", region="All")
    assert found == [("2023-01-01", "All", "All", 1), ("2023-01-01", "All", "Books", 1)]


def test_a_period_is_complete_between_the_first_sale_and_the_as_of_date(spark: SparkSession) -> None:
    star = Star(spark, sales=[Sale("ada", day) for day in ("2022-12-02", "2023-01-01", "2023-12-31", "2024-01-05")])
    found = star.read(
        "buyers", "period", "period_start", "is_complete", as_of="2024-01-31", region="All", category="All"
    )
    assert found == [
        ("month", "2022-12-01", False),
        ("month", "2023-01-01", True),
        ("month", "2023-12-01", True),
        ("month", "2024-01-01", False),
        ("quarter", "2022-10-01", False),
        ("quarter", "2023-01-01", True),
        ("quarter", "2023-10-01", True),
        ("quarter", "2024-01-01", False),
        ("year", "2022-01-01", False),
        ("year", "2023-01-01", True),
        ("year", "2024-01-01", False),
    ]
