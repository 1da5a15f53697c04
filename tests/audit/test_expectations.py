"""Contracts to suites, without Spark."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest

from lib.audit.expectations import suite
from lib.contracts.model import Catalog, Table
from lib.errors import UsageError


def stated(table: Table) -> list[tuple[str, dict[str, Any]]]:
    """Type and arguments of each expectation, short enough to read."""
    return [
        (asked.type.removeprefix("expect_"), dict(asked.kwargs)) for asked in suite(table).expectation_configurations
    ]


def test_a_dimension_has_columns_at_least_its_unknown_member_and_no_gaps(clinic: Catalog) -> None:
    assert stated(clinic["wards"]) == [
        ("table_columns_to_match_ordered_list", {"column_list": ["ward_key", "ward"]}),
        ("table_row_count_to_be_between", {"min_value": 1}),
        ("column_values_to_not_be_null", {"column": "ward_key"}),
        ("column_values_to_not_be_null", {"column": "ward"}),
        ("column_value_lengths_to_be_between", {"column": "ward", "min_value": 2}),
        ("column_value_lengths_to_be_between", {"column": "ward", "max_value": 20}),
    ]


def test_every_option_of_a_column_is_asked_and_what_is_never_stored_is_not(clinic: Catalog) -> None:
    assert stated(clinic["visits"]) == [
        (
            "table_columns_to_match_ordered_list",
            {"column_list": ["day", "number", "ward_key", "kind", "code", "fee"]},
        ),
        ("column_values_to_not_be_null", {"column": "day"}),
        ("column_values_to_be_between", {"column": "day", "min_value": dt.date(2000, 1, 1)}),
        ("column_values_to_not_be_null", {"column": "number"}),
        ("column_values_to_not_be_null", {"column": "kind"}),
        ("column_values_to_be_in_set", {"column": "kind", "value_set": ["planned", "urgent"]}),
        ("column_values_to_match_regex", {"column": "code", "regex": "^[A-Z][0-9]+$"}),
        ("column_values_to_be_between", {"column": "fee", "min_value": 0, "strict_min": True}),
        ("column_values_to_be_between", {"column": "fee", "max_value": 500}),
    ]


def test_an_option_that_cannot_be_checked_is_refused(clinic: Catalog) -> None:
    visits = clinic["visits"]
    fee = dataclasses.replace(visits.columns[5], options={"multipleOf": 5})
    with pytest.raises(UsageError, match="clinic/visits: option 'multipleOf' of 'fee' cannot be checked"):
        suite(dataclasses.replace(visits, columns=(fee,)))


def test_a_format_is_no_condition(clinic: Catalog) -> None:
    visits = clinic["visits"]
    day = dataclasses.replace(visits.columns[4], options={"format": "yyyy-MM-dd"})
    assert len(stated(dataclasses.replace(visits, columns=(day,)))) == 1
