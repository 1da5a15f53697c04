"""mart_sales/products."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from tests.marts.star import Sale, Star

pytestmark = pytest.mark.spark


def test_products_are_ranked_within_region_and_period_and_share_a_place(spark: SparkSession) -> None:
    sales = [Sale("ada", "2023-01-01", price, product=product) for product, price in (("A", "5"), ("B", "9"))]
    sales += [Sale("bob", "2023-01-09", "9", product="C"), Sale("bob", "2023-01-09", "1", product="A", region="Asia")]
    found = Star(spark, sales=sales).read(
        "products", "region", "product", "revenue", "rank_in_region", as_of="2023-02-01", period="month"
    )
    assert found == [("Asia", "A", "1", 1), ("Europe", "A", "5", 3), ("Europe", "B", "9", 1), ("Europe", "C", "9", 1)]


def test_months_add_up_to_quarters_and_years(spark: SparkSession) -> None:
    sales = [Sale("ada", "2023-01-31", "1"), Sale("ada", "2023-02-01", "2"), Sale("ada", "2023-04-01", "4")]
    found = Star(spark, sales=sales).read(
        "products", "period", "period_start", "order_lines", "revenue", as_of="2023-04-01"
    )
    assert found == [
        ("month", "2023-01-01", 1, "1"),
        ("month", "2023-02-01", 1, "2"),
        ("month", "2023-04-01", 1, "4"),
        ("quarter", "2023-01-01", 2, "3"),
        ("quarter", "2023-04-01", 1, "4"),
        ("year", "2023-01-01", 3, "7"),
    ]


def test_ratings_are_counted_where_there_is_one(spark: SparkSession) -> None:
    sales = [Sale("ada", "2023-01-01", rating=5), Sale("bob", "2023-01-02", rating=2), Sale("eve", "2023-01-02")]
    star = Star(spark, sales=[*sales, Sale("eve", "2023-01-02", product="Unrated")])
    found = star.read("products", "product", "rating_sum", "rating_count", as_of="2023-02-01", period="year")
    assert found == [("Atlas", 7, 2), ("Unrated", 0, 0)]


def test_a_return_takes_off_units_and_revenue_but_is_no_order_line(spark: SparkSession) -> None:
    star = Star(spark, sales=[Sale("ada", "2023-01-01", "3", 4), Sale("ada", "2023-01-05", "3", -1)])
    found = star.read("products", "order_lines", "units", "revenue", as_of="2023-01-31", period="month")
    assert found == [(1, 3, "9")]


def test_what_lies_after_the_as_of_date_does_not_count(spark: SparkSession) -> None:
    star = Star(spark, sales=[Sale("ada", "2023-01-01"), Sale("ada", "2023-01-02", product="Later")])
    assert star.read("products", "product", as_of="2023-01-01", period="year") == [("Atlas",)]
