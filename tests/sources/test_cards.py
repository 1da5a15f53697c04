"""Masking, against a plain Python implementation of the same definition."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import pytest
from pyspark.sql import SparkSession

from lib.cards import mask_card_numbers, masked_or_null

pytestmark = pytest.mark.spark
CHANCE = random.Random(4111)  # noqa: S311 - cases, not secrets


def is_card(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return 13 <= len(digits) <= 19 and total % 10 == 0


def masked(text: str) -> str:
    return re.sub(r"[0-9]+(?:[ -][0-9]+)*", lambda run: masked_run(run.group()), text)


def masked_run(run: str) -> str:
    groups, written = re.findall(r"[ -]?[0-9]+", run), ""
    while groups:
        ends = [n for n in range(1, len(groups) + 1) if is_card(re.sub("[ -]", "", "".join(groups[:n])))]
        taken = "".join(groups[: max(ends, default=1)])
        groups = groups[max(ends, default=1) :]
        hidden = sum(map(str.isdigit, taken)) - 4 if ends else 0
        for letter in taken:
            hide = letter.isdigit() and hidden > 0
            hidden -= hide
            written += "*" if hide else letter
    return written


def card() -> str:
    digits = "".join(CHANCE.choices("0123456789", k=CHANCE.randint(12, 18)))
    return next(digits + last for last in "0123456789" if is_card(digits + last) or len(digits) < 12)


def parted(digits: str) -> str:
    return "".join(digit + (CHANCE.choice([" ", "-", "", "  "]) if CHANCE.random() < 0.2 else "") for digit in digits)


def texts(count: int) -> list[str]:
    pieces: list[Callable[[], str]] = [
        card, lambda: parted(card()), lambda: str(CHANCE.randrange(10 ** CHANCE.randint(1, 20))),
        lambda: parted(str(CHANCE.randrange(10**18))), lambda: CHANCE.choice([" ", "-", "x", "é", "\n", ".", "\u0661"]),
    ]  # fmt: skip
    return ["".join(CHANCE.choice(pieces)() for _ in range(CHANCE.randint(1, 5))) for _ in range(count)]


def test_random_texts(spark: SparkSession) -> None:
    cases = texts(800)
    rows = spark.createDataFrame([(case,) for case in cases], "text string")
    found = [row[0] for row in rows.select(mask_card_numbers("text")).collect()]
    assert found == [masked(case) for case in cases]
    assert sum("*" in text for text in found) > 200


def test_known_texts(spark: SparkSession) -> None:
    cases = {
        "4111111111111111": "************1111",
        "card 5500 0000 0000 0004, thanks": "card **** **** **** 0004, thanks",
        "12 3782-822463-10005 99": "12 ****-******-*0005 99",
        "4111111111111112": "4111111111111112",
        "94111111111111111": "94111111111111111",
        "4111  1111  1111  1111": "4111  1111  1111  1111",
        "2023-01-31": "2023-01-31",
        "0000000000000": "*********0000",
        "": "",
    }
    rows = spark.createDataFrame([(case,) for case in cases], "`a``text` string")
    assert [row[0] for row in rows.select(mask_card_numbers("a`text")).collect()] == list(cases.values())


def test_many_columns_are_searched_at_once(spark: SparkSession) -> None:
    rows = spark.createDataFrame([("x", None), (None, "4111111111111111"), (None, None)], "a string, b string")
    found = rows.select(masked_or_null(["a", "b"]).alias("masked")).collect()
    assert [row["masked"] for row in found] == [None, [None, "************1111"], None]
