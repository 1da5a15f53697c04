"""mart_users/churn: 90 days without a purchase."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from tests.marts.star import Activity, Star, User

pytestmark = pytest.mark.spark
BALANCE = ("month", "users_at_start", "sign_ups", "churned_users", "users_at_end", "churn_rate")


def test_a_user_churns_90_days_after_the_last_purchase(spark: SparkSession) -> None:
    activities = [Activity(name, "2023-01-01", "sign_up") for name in ("ada", "bob")]
    bought = [Activity("ada", "2023-01-10", "purchase"), Activity("ada", "2023-02-01", "purchase")]
    star = Star(spark, [User("ada"), User("bob")], activities=[*activities, *bought, Activity("bob", "2023-04-30")])
    assert star.read("churn", *BALANCE, as_of="2023-05-02", region="Europe") == [
        ("2023-01-01", 0, 2, 0, 2, None),
        ("2023-02-01", 2, 0, 0, 2, 0.0),
        ("2023-03-01", 2, 0, 0, 2, 0.0),
        ("2023-04-01", 2, 0, 1, 1, 0.5),  # bob never bought: 1 January + 90 days
        ("2023-05-01", 1, 0, 1, 0, 1.0),  # ada: 1 February + 90 days, the as-of date itself
    ]


def test_nobody_has_churned_the_day_before(spark: SparkSession) -> None:
    star = Star(spark, [User("ada")], activities=[Activity("ada", "2023-02-01", "sign_up")])
    assert star.read("churn", *BALANCE, as_of="2023-05-01", region="Europe")[-1] == ("2023-05-01", 1, 0, 0, 1, 0.0)


def test_purchases_before_the_sign_up_or_after_the_as_of_date_do_not_count(spark: SparkSession) -> None:
    signed_up = Activity("ada", "2023-02-01", "sign_up")
    before = Activity("ada", "2023-01-31", "purchase", is_after_sign_up=False)
    bought = [before, Activity("ada", "2023-05-03", "purchase")]
    star = Star(spark, [User("ada")], activities=[signed_up, *bought])
    balance = star.read("churn", *BALANCE, as_of="2023-05-02", region="Europe")
    assert balance[0] == ("2023-02-01", 0, 1, 0, 1, None)
    assert balance[-1] == ("2023-05-01", 1, 0, 1, 0, 1.0)


def test_declared_churn_belongs_to_the_month_of_the_sign_up_even_of_minors(spark: SparkSession) -> None:
    users = [User("ada", status="Churned", age_band="15-17"), User("bob", status="Churned"), User("eve")]
    activities = [Activity(user.name, "2023-01-31", "sign_up") for user in users]
    found = Star(spark, users, activities=activities).read(
        "churn", "month", "channel", "declared_churned", as_of="2023-02-01", region="Europe"
    )
    assert found == [
        ("2023-01-01", "Other", 1),
        ("2023-01-01", "Search", 1),
        ("2023-02-01", "Other", 0),
        ("2023-02-01", "Search", 0),
    ]


def test_a_month_is_complete_between_the_first_sign_up_and_the_as_of_date(spark: SparkSession) -> None:
    star = Star(spark, [User("ada")], activities=[Activity("ada", "2023-01-02", "sign_up")])
    assert star.read("churn", "month", "is_complete", as_of="2023-03-31", region="Europe") == [
        ("2023-01-01", False),
        ("2023-02-01", True),
        ("2023-03-01", False),
    ]
