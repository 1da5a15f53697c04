"""There is only one normal form: for every text, a column of the data and a request have the same."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable

import pytest
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F

from lib.contracts.model import Table
from lib.normal_form import is_spoilt, normal, spoilt, trimmed
from lib.sources.mapping import Source
from tests.sources.test_typed import PLAIN, typed

pytestmark = pytest.mark.spark
SEED = 11
SHARED = {
    "41": "41", "41\u200b": "41", "41\u200e": "41", "\ufeff41": "41", "4\u200d1": "41", "\u00a041\u3000": "41",
    "Jose\u0301": "Jos\u00e9", "Jos\u00e9": "Jos\u00e9", "e\u200b\u0301": "\u00e9", "\u212b": "\u00c5", "a b": "a b",
    "4\u20281": "4\u20281", "\u1100\u1161": "\uac00", "\uff11": "\uff11", "\ufb01": "\ufb01", " ": None,
    "\u200b \u00ad": None,
    "\U0001f469\u200d\U0001f52c": "\U0001f469\U0001f52c",
}  # fmt: skip


def of_column(spark: SparkSession, texts: list[str]) -> list[str | None]:
    rows = spark.createDataFrame(list(enumerate(texts)), "at int, text string")
    return [row["text"] for row in rows.select("at", trimmed(F.col("text")).alias("text")).orderBy("at").collect()]


def test_of_the_data(spark: SparkSession) -> None:
    assert dict(zip(SHARED, of_column(spark, list(SHARED)), strict=True)) == SHARED


def test_of_requests() -> None:
    assert {text: normal(text) or None for text in SHARED} == SHARED


def test_they_agree_on_texts_that_nobody_thought_of(spark: SparkSession) -> None:
    dice = random.Random(SEED)  # noqa: S311 - texts, no secrets
    usual = "41aJose\u00e9 \u0301\u0327\u0308\u200b\u200e\u00ad\ufeff\u00a0\u2028\x85\x0b\t-_E+."
    drawn = [chr(dice.choice([*range(0x20, 0xD800), *range(0xE000, 0x20000)])) for _ in range(4000)]
    known = [letter for letter in drawn if unicodedata.category(letter) not in ("Cn", "Co")]
    texts = ["".join(dice.choices(usual + dice.choice(known), k=dice.randint(1, 9))) for _ in range(3000)]
    assert of_column(spark, texts) == [normal(text) or None for text in texts]


def test_no_format_character_of_unicode_is_left(spark: SparkSession) -> None:
    """But for the signs of number and of verse that are to be seen."""
    signs = {0x600, 0x601, 0x602, 0x603, 0x604, 0x605, 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
    found = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) == "Cf" and code not in signs]
    hidden = [letter for letter in found if not 0x13430 <= ord(letter) <= 0x1343F]  # of hieroglyphs, which they join
    assert set(of_column(spark, [f"4{letter}1" for letter in hidden])) == {"41"}


IDS = {
    "6.93217E+12": True, "1,23E+15": True, "1E+16": True, "6.93217e+12": True, "6.93217E12": True,
    "6.9E+12\u200b": True, "flea-6.93217E+12": True,
    "12e34": False, "1E5": False, "a1.5e3": False, "17850.0": False, "E+12": False,
    "6932170000000": False, "1E-5": False,
}  # fmt: skip


def test_a_spoilt_id_becomes_no_pseudonym_and_is_told_from_a_missing_one(
    spark: SparkSession, bronze: Table, mapping: Callable[[str], Source]
) -> None:
    rows: list[Row] = typed(spark, bronze, mapping(PLAIN), {"user_id": [*IDS, " ", "4111********1111"]})
    assert [(row["user_id"], row["_spoilt_subject"]) for row in rows] == [
        *((None if bad else text, bad) for text, bad in IDS.items()), (None, False), (None, False),
    ]  # fmt: skip
    told = spark.createDataFrame([(normal(text),) for text in IDS], "id string").select(spoilt(F.col("id"))).collect()
    assert [row[0] for row in told] == [is_spoilt(normal(text)) for text in IDS] == list(IDS.values())
