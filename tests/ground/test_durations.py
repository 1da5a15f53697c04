"""Periods of retention are read, counted back and put into words."""

from __future__ import annotations

import datetime as dt

import pytest

from lib.durations import Duration, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [("P3Y", Duration(years=3)), ("P90D", Duration(days=90)), ("P1Y6M", Duration(years=1, months=6))],
)
def test_a_duration_is_read(text: str, expected: Duration) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize("text", ["", "P", "P0D", "3Y", "P3", "P3Y\n", "PT3H", "P-3Y", "3 years", "P3D2Y"])
def test_what_is_no_duration_is_none(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    ("duration", "day", "expected"),
    [
        (Duration(years=3), dt.date(2026, 11, 24), dt.date(2023, 11, 24)),
        (Duration(years=1), dt.date(2024, 2, 29), dt.date(2023, 2, 28)),
        (Duration(months=1), dt.date(2024, 3, 31), dt.date(2024, 2, 29)),
        (Duration(months=1), dt.date(2024, 1, 15), dt.date(2023, 12, 15)),
        (Duration(days=90), dt.date(2026, 3, 1), dt.date(2025, 12, 1)),
    ],
)
def test_it_is_counted_back(duration: Duration, day: dt.date, expected: dt.date) -> None:
    assert duration.before(day) == expected


def test_it_is_put_into_words() -> None:
    assert Duration(years=3).text("en") == "3 years"
    assert Duration(years=1, months=6).text("fr") == "1 an 6 mois"
    assert Duration(days=90).text("fr") == "90 jours"
