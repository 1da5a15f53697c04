"""Spreadsheets open the CSV of an export: no text of the lake may become a formula there."""

from __future__ import annotations

import csv
import datetime as dt
import io
from decimal import Decimal

import pytest

from lib.privacy.export import as_csv


def written(value: object) -> str:
    (row,) = csv.DictReader(io.StringIO(as_csv([{"column": value}]), newline=""))
    return row["column"]


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\rx", "\nx", "  =1+1", "\u00a0@x", "\uff1d1", "\uff0bx",
     "\uff0dx", "\uff20x", "-", "+49 30 1234", '=HYPERLINK("http://example.org")', "-1,5e3"],
)  # fmt: skip
def test_a_text_that_may_be_a_formula_is_marked_as_text(text: str) -> None:
    assert written(text) == f"'{text}"


@pytest.mark.parametrize(
    "text", ["1+1", "a=b", "-5", "+5", "-1.50", "-1,234.50", "'=1", "\u2212x", "Lamp, blue", 'a "b"', "", " x "]
)
def test_other_texts_and_numbers_are_as_they_were(text: str) -> None:
    assert written(text) == text


def test_what_is_a_number_is_untouched() -> None:
    assert written(Decimal("-1.50")) == "-1.50"
    assert written(-3) == "-3"
    assert written(dt.date(2023, 1, 2)) == "2023-01-02"
    assert written(None) == ""
