"""mart_users/retention."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from tests.marts.star import Activity, Star, User

pytestmark = pytest.mark.spark


def test_a_cohort_is_followed_to_the_as_of_month(spark: SparkSession) -> None:
    signed_up = [Activity(name, "2023-01-01", "sign_up") for name in ("ada", "bob")]
    later = [Activity("ada", "2023-02-03"), Activity("ada", "2023-04-05"), Activity("bob", "2023-02-09")]
    columns = ("months_since", "cohort_users", "active_users", "retained_users", "active_rate", "retention_rate")
    star = Star(spark, [User("ada"), User("bob")], activities=[*signed_up, *later])
    found = star.read("retention", *columns, as_of="2023-05-01")
    assert found == [
        (0, 2, 2, 2, 1.0, 1.0),
        (1, 2, 2, 2, 1.0, 1.0),
        (2, 2, 0, 1, 0.0, 0.5),
        (3, 2, 1, 1, 0.5, 0.5),
        (4, 2, 0, 0, 0.0, 0.0),
    ]


def test_what_lies_before_the_sign_up_does_not_count(spark: SparkSession) -> None:
    before = Activity("ada", "2023-01-01", is_after_sign_up=False)
    star = Star(spark, [User("ada")], activities=[before, Activity("ada", "2023-02-02", "sign_up")])
    columns = ("cohort_month", "months_since", "active_users", "retained_users")
    assert star.read("retention", *columns, as_of="2023-03-01") == [("2023-02-01", 0, 1, 1), ("2023-02-01", 1, 0, 0)]


def test_only_regions_with_a_user_of_the_cohort_have_rows(spark: SparkSession) -> None:
    users = [User("ada", region="Asia"), User("bob")]
    activities = [Activity("ada", "2023-01-31", "sign_up"), Activity("bob", "2023-02-01", "sign_up")]
    found = Star(spark, users, activities=activities).read(
        "retention", "cohort_month", "region", "months_since", "is_complete", as_of="2023-03-01"
    )
    assert found == [
        ("2023-01-01", "Asia", 0, False),  # began before the first sign-up
        ("2023-01-01", "Asia", 1, True),
        ("2023-01-01", "Asia", 2, False),
        ("2023-02-01", "Europe", 0, True),
        ("2023-02-01", "Europe", 1, False),
    ]


def test_activity_after_the_as_of_date_retains_nobody(spark: SparkSession) -> None:
    activities = [Activity("ada", "2023-01-01", "sign_up"), Activity("ada", "2023-02-11")]
    found = Star(spark, [User("ada")], activities=activities).read(
        "retention", "months_since", "active_users", "retained_users", as_of="2023-02-10"
    )
    assert found == [(0, 1, 1), (1, 0, 0)]
