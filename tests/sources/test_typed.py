"""The forms of text that are valid values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from pyspark.sql import Row, SparkSession

from lib.contracts.model import Table
from lib.sources import readers
from lib.sources.casting import form
from lib.sources.mapping import Source, load_source

pytestmark = pytest.mark.spark
Load = Callable[[str], Source]
PLAIN = """
format: csv
currency: EUR
columns: {user_id: a, quantity: b, unit_price: c, purchase_date: d, category: e}
"""


def typed(spark: SparkSession, bronze: Table, source: Source, texts: Mapping[str, list[str]]) -> list[Row]:
    """One row per text, in order: each column of `texts` filled, all else NULL."""
    names = [column.name for column in bronze.stored]
    count = max(map(len, texts.values()))
    rows = [[at if name == "_row" else None for name in names] for at in range(count)]
    for name, values in texts.items():
        for at, value in enumerate(values):
            rows[at][names.index(name)] = value  # type: ignore[call-overload]  # a row of any type
    frame = spark.createDataFrame(rows, bronze.schema.replace(" not null", ""))
    return readers.typed(frame, source).orderBy("_row").collect()


def values(rows: list[Row], name: str, texts: Iterable[str]) -> dict[str, object]:
    return {text: row[name] for text, row in zip(texts, rows, strict=False)}


INTEGERS = {
    "5": 5, " 5\u00a0": 5, "+5": 5, "-05": -5, "5.0": 5, "5.": 5, ".0": 0, "5.00000000000000000000": 5,
    "2147483647": 2147483647, "2147483648": None, "5.5": None, "5.00000000000000000001": None, "1e3": None,
    "NaN": None,
    "5 5": None, "": None, "0x10": None, "\u0665": None, "5,0": None, "--5": None, "9" * 60: None, "5L": None,
    "1.0\n": 1,
}  # fmt: skip
NUMBERS = {
    "5": Decimal(5), "-5.25": Decimal("-5.25"), ".5": Decimal("0.5"), "5.": Decimal(5), "1.00005": Decimal("1.0001"),
    "1.00004999": Decimal("1.0000"), "-1.00005": Decimal("-1.0001"),
    "99999999999999.9999": Decimal("99999999999999.9999"),
    "99999999999999.99999": None, "1e3": None, "NaN": None, "Infinity": None, "5d": None, "1,000": None, "$5": None,
    "5 EUR": None, ".": None, "-": None, "\u3000 7 \u2003": Decimal(7),
}  # fmt: skip
DATES = {
    "2023-01-31": date(2023, 1, 31), " 2023-01-31\t": date(2023, 1, 31), "2023-02-30": None, "2023-1-31": None,
    "2023-01-31 10:00": None, "2023-01-31T00:00:00Z": None, "20230131": None, "2023": None, "31/01/2023": None,
    "0000-00-00": None, "epoch": None, "today": None, "2024-02-29": date(2024, 2, 29), "2023-02-29": None,
}  # fmt: skip


def test_plain_values(spark: SparkSession, bronze: Table, mapping: Load) -> None:
    texts = {"quantity": list(INTEGERS), "unit_price": list(NUMBERS), "purchase_date": list(DATES)}
    rows = typed(spark, bronze, mapping(PLAIN), texts)
    assert values(rows, "quantity", INTEGERS) == INTEGERS
    assert values(rows, "unit_price", NUMBERS) == NUMBERS
    assert values(rows, "purchase_date", DATES) == DATES


def test_a_source_has_its_own_notation(spark: SparkSession, bronze: Table) -> None:
    source = load_source(Path(__file__).parent / "conf", "flea_market", bronze)
    numbers = {
        "1.234,5": Decimal("1234.5"), "1234,5": Decimal("1234.5"), "-1.234.567": Decimal(-1234567),
        ",5": Decimal("0.5"),
        "1.23,4": None, "12.34": None, "1,234.5": None, "5": Decimal(5),
    }  # fmt: skip
    integers = {"1.000": 1000, "3,0": 3, "3,5": None, "-2": -2}
    dates = {
        "31/01/2023": date(2023, 1, 31), "1.2.2023": date(2023, 2, 1), "30/02/2023": None, "1/2/2023": None,
        "31/01/23": None, "2023-01-31": None, "31/01/2023 x": None, "31.12.2023": date(2023, 12, 31),
    }  # fmt: skip
    texts = {"quantity": list(integers), "unit_price": list(numbers), "purchase_date": list(dates)}
    rows = typed(spark, bronze, source, texts)
    assert values(rows, "quantity", integers) == integers
    assert values(rows, "unit_price", numbers) == numbers
    assert values(rows, "purchase_date", dates) == dates


def test_texts_lose_their_blanks_and_unmapped_columns_are_null(
    spark: SparkSession, bronze: Table, mapping: Load
) -> None:
    blanks = "\u00a0\u2003\u200b\ufeff\t\r\n\u3000 "
    texts = {"category": [f"{blanks}a \u00a0b{blanks}", blanks, "é", "\x85x"], "rating": ["5", "5", "5", "5"]}
    rows = typed(spark, bronze, mapping(PLAIN), texts)
    assert [row["category"] for row in rows] == ["a \u00a0b", None, "é", "x"]
    assert [row["rating"] for row in rows] == [None] * 4


def test_a_masked_id_identifies_nobody(spark: SparkSession, bronze: Table, mapping: Load) -> None:
    rows = typed(spark, bronze, mapping(PLAIN), {"user_id": ["************1111", " 7 ", ""]})
    assert [row["user_id"] for row in rows] == [None, "7", None]


def test_what_the_source_declares_stands_in_every_row(spark: SparkSession, bronze: Table) -> None:
    source = load_source(Path(__file__).parent / "conf", "flea_market", bronze)
    row = typed(spark, bronze, source, {"user_id": ["1"]})[0]
    assert (row["negative_quantity"], row["duplicates"]) == ("return", "keep")
    assert row["_mapped"] == list(source.columns)


@pytest.mark.parametrize(
    ("pattern", "expression"),
    [
        ("dd/MM/yyyy", r"^[0-9]{2}/[0-9]{2}/[0-9]{4}\z"),
        ("d.M.yyyy", r"^[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{4}\z"),
        ("d MMM yyyy", r"^[0-9]{1,2}\ .+\ [0-9]{4}\z"),
        ("yyyy-MM-dd'T'HH:mm", r"^[0-9]{4}\-[0-9]{2}\-[0-9]{2}T[0-9]{2}:[0-9]{2}\z"),
    ],
)
def test_the_form_of_a_date(pattern: str, expression: str) -> None:
    assert form(pattern) == expression
