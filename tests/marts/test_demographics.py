"""mart_users/demographics: no cell of fewer than k = 5 users."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from pyspark.sql import SparkSession

from tests.marts.star import Activity, Star, User

pytestmark = pytest.mark.spark
CELL = ("region", "gender", "age_band", "segment", "status", "users")
REST = ("Other", "Other", "Other", "Other")
numbers = count()


def group(size: int, **attributes: str) -> Iterator[User]:
    return (User(f"u{next(numbers)}", **attributes) for _ in range(size))


def cells(spark: SparkSession, *users: User) -> list[tuple[object, ...]]:
    return Star(spark, users, k=5).read("demographics", *CELL, as_of="2023-08-26")


def test_a_cell_of_k_users_keeps_every_attribute(spark: SparkSession) -> None:
    assert cells(spark, *group(5)) == [("Europe", "Female", "25-34", "Regular", "Active", 5)]


def test_small_cells_give_up_status_first_and_are_counted_again(spark: SparkSession) -> None:
    assert cells(spark, *group(5), *group(3, status="Inactive"), *group(2, status="Churned")) == [
        ("Europe", "Female", "25-34", "Regular", "Active", 5),
        ("Europe", "Female", "25-34", "Regular", "Other", 5),
    ]


def test_then_segment_then_age_band_then_gender(spark: SparkSession) -> None:
    by_segment = [*group(2, segment="Rare"), *group(3, segment="Rarer")]
    by_age = [*group(2, age_band="65+", gender="Male"), *group(3, age_band="55-64", gender="Male", segment="Rare")]
    by_gender = [*group(4, gender="Diverse"), *group(1, gender="Unknown")]
    assert cells(spark, *by_segment, *by_age, *by_gender) == [
        ("Europe", "Female", "25-34", "Other", "Other", 5),
        ("Europe", "Male", "Other", "Other", "Other", 5),
        ("Europe", *REST, 5),
    ]


def test_a_small_rest_takes_in_the_smallest_other_cell(spark: SparkSession) -> None:
    found = cells(spark, *group(7), *group(6, gender="Male"), *group(6, gender="Unknown"), *group(1, gender="Diverse"))
    assert found == [
        ("Europe", "Female", "25-34", "Regular", "Active", 7),
        ("Europe", *REST, 7),
        ("Europe", "Unknown", "25-34", "Regular", "Active", 6),
    ]


def test_small_regions_become_one(spark: SparkSession) -> None:
    assert cells(spark, *group(5), *group(2, region="Asia"), *group(3, region="Africa", gender="Male")) == [
        ("Europe", "Female", "25-34", "Regular", "Active", 5),
        ("Other", *REST, 5),
    ]


def test_where_the_small_regions_are_too_small_together_the_smallest_other_region_joins(spark: SparkSession) -> None:
    small = group(1, region="Asia")
    assert cells(spark, *small, *group(6, region="Africa"), *group(7), *group(6, region="Americas")) == [
        ("Americas", "Female", "25-34", "Regular", "Active", 6),
        ("Europe", "Female", "25-34", "Regular", "Active", 7),
        ("Other", *REST, 7),
    ]


def test_fewer_than_k_users_are_not_shown_at_all(spark: SparkSession) -> None:
    assert cells(spark, *group(2), *group(2, region="Asia")) == []


def test_minors_show_neither_segment_nor_status(spark: SparkSession) -> None:
    assert cells(spark, *group(5, age_band="15-17")) == [("Europe", "Female", "15-17", "Other", "Other", 5)]


def test_who_signs_up_after_the_as_of_date_is_not_counted_but_who_never_did_is(spark: SparkSession) -> None:
    users = list(group(6))
    late = Activity(users[0].name, "2023-08-27", "sign_up")
    star = Star(spark, users, activities=[late, Activity(users[0].name, "2023-01-01", is_after_sign_up=False)])
    assert star.read("demographics", "users", as_of="2023-08-26") == [(5,)]
