"""mart_sales/monthly, quarterly and yearly."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from tests.marts.star import REGIONS, Sale, Star

pytestmark = pytest.mark.spark


def test_every_cell_has_a_row_even_where_nothing_was_sold(spark: SparkSession) -> None:
    star = Star(spark, sales=[Sale("ada", "2023-01-15"), Sale("ada", "2023-03-02", category="Toys", region="Asia")])
    cells = star.read("monthly", "period_start", "region", "category", "order_lines", as_of="2023-04-01")
    assert len(cells) == 4 * len(REGIONS) * 2
    assert [cell for cell in cells if cell[3]] == [
        ("2023-01-01", "Europe", "Books", 1),
        ("2023-03-01", "Asia", "Toys", 1),
    ]


def test_returns_are_taken_off_revenue_and_units_and_are_no_order_lines(spark: SparkSession) -> None:
    sales = [Sale("ada", "2023-01-01", "10.50", 3), Sale("ada", "2023-01-20", "10.50", -1)]
    measures = ("order_lines", "units", "gross_revenue", "returned_revenue", "revenue")
    star = Star(spark, sales=sales)
    assert star.read("monthly", *measures, as_of="2023-01-31", region="Europe") == [(1, 2, "31.5", "10.5", "21")]


def test_what_lies_after_the_as_of_date_does_not_count(spark: SparkSession) -> None:
    sales = [Sale("ada", "2023-01-10"), Sale("ada", "2023-01-11"), Sale("ada", "2023-02-01", category="Toys")]
    star = Star(spark, sales=sales)
    cells = star.read("monthly", "period_start", "category", "order_lines", as_of="2023-01-10", region="Europe")
    assert cells == [("2023-01-01", "Books", 1)]


def test_a_month_is_complete_once_it_has_ended_before_the_as_of_date(spark: SparkSession) -> None:
    star = Star(spark, sales=[Sale("ada", "2023-01-01"), Sale("ada", "2023-02-01")])
    on_its_last_day = star.read("monthly", "is_complete", as_of="2023-02-28", region="Asia")
    on_the_next_day = star.read("monthly", "is_complete", as_of="2023-03-01", region="Asia")
    assert on_its_last_day == [(True,), (False,)]
    assert on_the_next_day == [(True,), (True,), (False,)]


def test_a_month_that_began_before_the_first_sale_is_not_complete(spark: SparkSession) -> None:
    star = Star(spark, sales=[Sale("ada", "2023-01-02"), Sale("ada", "2023-02-20")])
    assert star.read("monthly", "is_complete", as_of="2023-03-01", region="Asia") == [(False,), (True,), (False,)]


def test_a_return_is_no_first_sale(spark: SparkSession) -> None:
    star = Star(spark, sales=[Sale("ada", "2023-01-01", quantity=-1), Sale("ada", "2023-02-01")])
    assert star.read("monthly", "is_complete", as_of="2023-03-01", region="Asia") == [(False,), (True,), (False,)]


def test_growth_needs_two_complete_months_and_revenue_before(spark: SparkSession) -> None:
    sales = [Sale("ada", "2023-01-05", "10"), Sale("ada", "2023-02-05", "20"), Sale("ada", "2023-03-05", "25")]
    star = Star(spark, sales=[*sales, Sale("ada", "2023-05-05", "5")])
    columns = ("period_start", "revenue", "revenue_previous", "growth")
    assert star.read("monthly", *columns, as_of="2023-06-15", region="Europe") == [
        ("2023-01-01", "10", None, None),
        ("2023-02-01", "20", "10", None),  # January began before the first sale
        ("2023-03-01", "25", "20", 0.25),
        ("2023-04-01", "0", "25", -1.0),
        ("2023-05-01", "5", "0", None),  # nothing to grow from
        ("2023-06-01", "0", "5", None),  # June is not over
    ]


def test_a_month_is_compared_with_the_same_month_a_year_before(spark: SparkSession) -> None:
    star = Star(spark, sales=[Sale("ada", "2022-01-01", "10"), Sale("ada", "2023-01-31", "15")])
    columns = ("period_start", "revenue_last_year", "growth_last_year")
    cells = star.read("monthly", *columns, as_of="2023-02-01", region="Europe")
    assert cells[11:] == [("2022-12-01", None, None), ("2023-01-01", "10", 0.5), ("2023-02-01", "0", None)]


def test_a_part_of_a_month_is_not_compared_with_a_whole_one(spark: SparkSession) -> None:
    sales = [Sale("ada", "2022-01-24", "10"), Sale("ada", "2022-02-05", "20"), Sale("ada", "2023-01-05", "40")]
    columns = ("period_start", "revenue", "revenue_last_year", "growth_last_year")
    cells = Star(spark, sales=sales).read("monthly", *columns, as_of="2023-03-01", region="Europe")
    assert [cell for cell in cells if cell[0] in {"2022-01-01", "2023-01-01", "2023-02-01"}] == [
        ("2022-01-01", "10", None, None),
        ("2023-01-01", "40", None, None),  # January 2022 began before the first sale
        ("2023-02-01", "0", "20", -1.0),
    ]


def test_quarters_are_sums_of_their_months(spark: SparkSession) -> None:
    sales = [Sale("ada", "2023-01-01", "10"), Sale("ada", "2023-03-31", "20"), Sale("ada", "2023-04-01", "45")]
    columns = ("period_start", "order_lines", "revenue", "revenue_previous", "growth", "is_complete")
    assert Star(spark, sales=sales).read("quarterly", *columns, as_of="2023-07-01", region="Europe") == [
        ("2023-01-01", 2, "30", None, None, True),
        ("2023-04-01", 1, "45", "30", 0.5, True),
        ("2023-07-01", 0, "0", "45", None, False),
    ]


def test_a_quarter_in_whose_midst_the_sales_began_is_not_complete(spark: SparkSession) -> None:
    star = Star(spark, sales=[Sale("ada", "2023-02-01"), Sale("ada", "2023-04-01")])
    assert star.read("quarterly", "is_complete", as_of="2023-07-01", region="Asia") == [(False,), (True,), (False,)]


def test_years_are_sums_of_their_months(spark: SparkSession) -> None:
    sales = [Sale("ada", "2021-01-01", "10"), Sale("ada", "2022-12-31", "5"), Sale("ada", "2023-01-01", "1")]
    columns = ("period_start", "revenue", "revenue_previous", "growth", "is_complete")
    assert Star(spark, sales=sales).read("yearly", *columns, as_of="2023-12-31", region="Europe") == [
        ("2021-01-01", "10", None, None, True),
        ("2022-01-01", "5", "10", -0.5, True),
        ("2023-01-01", "1", "5", None, False),
    ]
