"""mart_users/activity."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from tests.marts.star import REGIONS, Activity, Sale, Star, User, everything_of

pytestmark = pytest.mark.spark
MEASURES = ("month", "active_users", "buyers", "new_buyers", "repeat_buyers")


def test_buyers_are_new_once_and_users_are_counted_once_a_month(spark: SparkSession) -> None:
    days = {"ada": ("2023-01-05", "2023-01-06", "2023-03-01"), "bob": ("2023-03-09", "2023-03-31")}
    sales = [Sale(name, day) for name in days for day in days[name]]
    logins = [Activity("bob", "2023-02-01"), Activity("ada", "2023-03-07")]
    activities = [*everything_of(sales, signed_up="2023-01-01"), *logins]
    star = Star(spark, [User("ada"), User("bob")], sales, activities)
    assert star.read("activity", *MEASURES, as_of="2023-04-01", region="Europe") == [
        ("2023-01-01", 2, 1, 1, 0),
        ("2023-02-01", 1, 0, 0, 0),
        ("2023-03-01", 2, 2, 1, 1),
        ("2023-04-01", 0, 0, 0, 0),
    ]


def test_every_region_has_a_row_from_the_month_of_the_first_activity(spark: SparkSession) -> None:
    activities = [Activity("ada", "2023-02-01", "sign_up"), Activity("ada", "2023-01-31", is_after_sign_up=False)]
    found = Star(spark, [User("ada")], activities=activities).read("activity", "month", "region", as_of="2023-02-10")
    assert found == [(month, region) for month in ("2023-01-01", "2023-02-01") for region in REGIONS]


def test_what_lies_before_the_sign_up_is_activity_too(spark: SparkSession) -> None:
    sales = [Sale("ada", "2023-01-31")]
    star = Star(spark, [User("ada")], sales, everything_of(sales, signed_up="2023-02-01"))
    assert star.read("activity", *MEASURES, as_of="2023-02-10", region="Europe") == [
        ("2023-01-01", 1, 1, 1, 0),
        ("2023-02-01", 1, 0, 0, 0),
    ]


def test_a_declared_purchase_makes_a_user_active_but_no_buyer(spark: SparkSession) -> None:
    activities = [Activity("ada", "2023-01-01", "sign_up"), Activity("ada", "2023-01-09", "purchase")]
    star = Star(spark, [User("ada")], activities=activities)
    assert star.read("activity", *MEASURES, as_of="2023-01-31", region="Europe") == [("2023-01-01", 1, 0, 0, 0)]


def test_users_count_where_they_live_now(spark: SparkSession) -> None:
    sales = [Sale("ada", "2023-01-31", region="Asia")]
    star = Star(spark, [User("ada", region="Africa")], sales, everything_of(sales, signed_up="2023-01-01"))
    found = star.read("activity", "region", "active_users", "buyers", as_of="2023-01-31")
    assert [row for row in found if row[1]] == [("Africa", 1, 1)]


def test_what_lies_after_the_as_of_date_does_not_count_nor_who_signs_up_then(spark: SparkSession) -> None:
    sales = [Sale("ada", "2023-01-10"), Sale("ada", "2023-01-12"), Sale("bob", "2023-01-02")]
    activities = [*everything_of(sales[:2], signed_up="2023-01-01"), *everything_of(sales[2:], signed_up="2023-01-11")]
    star = Star(spark, [User("ada"), User("bob")], sales, activities)
    assert star.read("activity", *MEASURES, as_of="2023-01-10", region="Europe") == [("2023-01-01", 1, 1, 1, 0)]


def test_a_month_is_complete_between_the_first_sign_up_and_the_as_of_date(spark: SparkSession) -> None:
    activities = [Activity("ada", "2023-02-01", "sign_up"), Activity("ada", "2023-01-31", is_after_sign_up=False)]
    star = Star(spark, [User("ada")], activities=activities)
    assert star.read("activity", "month", "is_complete", as_of="2023-03-31", region="Europe") == [
        ("2023-01-01", False),
        ("2023-02-01", True),
        ("2023-03-01", False),
    ]
