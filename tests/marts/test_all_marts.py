"""Rules for every mart: with no data, with very little data, and the checks of the contracts."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from lib.contracts.model import Check
from tests.marts.star import CATALOG, Activity, Sale, Star, User, everything_of

pytestmark = pytest.mark.spark
MARTS = tuple(table for table in CATALOG.marts if table.layer in ("mart_sales", "mart_users"))
NAMES = [table.name for table in MARTS]
CHECKS = [pytest.param(check, id=f"{table.name}-{check.name}") for table in MARTS for check in table.checks]
AS_OF = "2023-08-26"


def busy(spark: SparkSession) -> Star:
    users = [User(f"u{number}", region=("Asia", "Europe")[number % 2]) for number in range(12)]
    sales = [Sale(f"u{number}", f"2023-0{1 + number % 6}-1{number % 5}", rating=number % 5 + 1) for number in range(11)]
    more = [Sale("u3", "2023-07-01", quantity=-1), Sale("u4", "2023-09-01"), Sale("u5", "2023-07-09", category="Toys")]
    sales += more
    return Star(spark, users, sales, everything_of(sales, signed_up="2023-01-12"), k=5, open_months=1)


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_lake_has_empty_marts(spark: SparkSession, name: str) -> None:
    assert Star(spark).frame(name, as_of=AS_OF).count() == 0


@pytest.mark.parametrize("name", [name for name in NAMES if name != "demographics"])
def test_one_sale_is_in_every_mart(spark: SparkSession, name: str) -> None:
    sales = [Sale("ada", "2023-08-25")]
    star = Star(spark, [User("ada")], sales, everything_of(sales, signed_up="2023-08-24"))
    assert star.frame(name, as_of=AS_OF).count() > 0


@pytest.mark.parametrize("name", ["sign_ups", "activity", "retention", "churn"])
def test_users_without_a_date_are_in_no_mart_over_time(spark: SparkSession, name: str) -> None:
    star = Star(spark, [User(f"u{number}") for number in range(5)])
    assert star.frame(name, as_of=AS_OF).count() == 0
    assert star.read("demographics", "users", as_of=AS_OF) == [(5,)]


@pytest.mark.parametrize("name", ["sales_daily", "monthly", "trends"])
def test_sales_all_after_the_as_of_date_are_no_sales(spark: SparkSession, name: str) -> None:
    assert Star(spark, sales=[Sale("ada", "2023-08-27")]).frame(name, as_of=AS_OF).count() == 0


@pytest.fixture(scope="module")
def staged(spark: SparkSession) -> Star:
    """All marts of a lake with a bit of everything, as views of their names."""
    star = busy(spark)
    for name in NAMES:
        star.frame(name, as_of=AS_OF).persist().createOrReplaceTempView(name)
    return star


@pytest.mark.parametrize("check", CHECKS)
def test_the_checks_of_the_contracts_hold(staged: Star, check: Check) -> None:
    assert staged.spark.sql(check.query).collect()[0][0] == check.must_be


@pytest.mark.parametrize("name", NAMES)
def test_keys_are_unique_and_what_is_required_is_there(spark: SparkSession, name: str) -> None:
    rows = busy(spark).frame(name, as_of=AS_OF).collect()
    table = CATALOG[name]
    assert len({tuple(row[column] for column in table.key) for row in rows}) == len(rows) > 0
    required = [column.name for column in table.columns if column.required]
    assert not [name for name in required if any(row[name] is None for row in rows)]


def test_users_of_a_later_sign_up_are_in_no_mart_of_users(spark: SparkSession) -> None:
    activities = [Activity("ada", "2023-08-27", "sign_up"), Activity("ada", "2023-01-01", is_after_sign_up=False)]
    star = Star(spark, [User("ada")], activities=activities)
    assert [star.frame(name, as_of=AS_OF).count() for name in NAMES if CATALOG[name].layer == "mart_users"] == [0] * 5
