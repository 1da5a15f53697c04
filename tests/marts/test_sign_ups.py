"""mart_users/sign_ups."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from tests.marts.star import REGIONS, Activity, Star, User

pytestmark = pytest.mark.spark


def joined(*days: str, **attributes: str) -> tuple[list[User], list[Activity]]:
    """One user per day, who signed up on it."""
    names = [f"{number}-{attributes}" for number, _ in enumerate(days)]
    users = [User(name, **attributes) for name in names]
    return users, [Activity(name, day, "sign_up") for name, day in zip(names, days, strict=True)]


def test_growth_and_total_follow_the_sign_ups_of_a_cell(spark: SparkSession) -> None:
    users, activities = joined("2023-01-01", "2023-02-01", "2023-02-03", "2023-02-28", "2023-04-01")
    columns = ("month", "sign_ups", "sign_ups_previous", "growth", "sign_ups_to_date", "is_complete")
    star = Star(spark, users, activities=activities)
    assert star.read("sign_ups", *columns, as_of="2023-05-02", region="Europe") == [
        ("2023-01-01", 1, None, None, 1, True),
        ("2023-02-01", 3, 1, 2.0, 4, True),
        ("2023-03-01", 0, 3, -1.0, 4, True),
        ("2023-04-01", 1, 0, None, 5, True),
        ("2023-05-01", 0, 1, None, 5, False),
    ]


def test_the_month_of_the_first_sign_up_is_incomplete_unless_it_was_on_the_first(spark: SparkSession) -> None:
    users, activities = joined("2023-01-02", "2023-02-01")
    star = Star(spark, users, activities=activities)
    found = star.read("sign_ups", "is_complete", "growth", as_of="2023-03-01", region="Asia")
    assert found == [(False, None), (True, None), (False, None)]


def test_every_region_and_channel_has_a_row_in_every_month(spark: SparkSession) -> None:
    users, activities = joined("2023-01-31")
    minors, theirs = joined("2023-02-01", age_band="15-17", channel="Social", region="Asia")
    star = Star(spark, [*users, *minors, User("never seen", channel="Mail")], activities=[*activities, *theirs])
    cells = star.read("sign_ups", "month", "region", "channel", "sign_ups", as_of="2023-03-01")
    assert len(cells) == 3 * len(REGIONS) * 2  # Search, and Other for the minor; nobody came by Mail
    assert [cell for cell in cells if cell[3]] == [
        ("2023-01-01", "Europe", "Search", 1),
        ("2023-02-01", "Asia", "Other", 1),
    ]


def test_without_a_stated_sign_up_the_first_activity_counts_and_later_ones_do_not(spark: SparkSession) -> None:
    activities = [Activity("ada", "2023-03-05"), Activity("ada", "2023-02-05", "purchase")]
    star = Star(spark, [User("ada")], activities=activities)
    assert star.read("sign_ups", "month", "sign_ups", as_of="2023-03-31", region="Europe") == [
        ("2023-02-01", 1),
        ("2023-03-01", 0),
    ]


def test_who_signs_up_after_the_as_of_date_does_not_count(spark: SparkSession) -> None:
    users, activities = joined("2023-01-31", "2023-02-01")
    star = Star(spark, users, activities=activities)
    assert star.read("sign_ups", "month", "sign_ups", as_of="2023-01-31", region="Europe") == [("2023-01-01", 1)]
