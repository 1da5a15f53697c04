"""Masking, against a second implementation of the same definition in plain Python (tests/oracle/card.py)."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest
from pyspark.sql import SparkSession

from lib.local_frames import frame_of
from lib.sources.cards import masked_names, masked_or_null
from tests.oracle.card import mask

pytestmark = pytest.mark.spark
CHANCE = random.Random(4111)  # noqa: S311 - cases, not secrets
SEPARATORS = (" ", "-", "", "  ", ".", "/", "_", ",", "\u00a0", "\u2009", "\u202f", "\u2011", "\u2013", "\u200b", "\t")
CARD = "4111111111111111"  # a test number that nobody owns
APART = ("4111", "1111", "1111", "1111")
HIDDEN = "**** **** **** 1111"
# Each spelling that was seen in exports, or that looks the same to a person.
SPELLINGS = {
    "one run": CARD,
    "blank": " ".join(APART),
    "double blank": "  ".join(APART),
    "no-break space": "\u00a0".join(APART),
    "thin space": "\u2009".join(APART),
    "narrow no-break space": "\u202f".join(APART),
    "figure space": "\u2007".join(APART),
    "ideographic space": "\u3000".join(APART),
    "tab": "\t".join(APART),
    "dash": "-".join(APART),
    "non-breaking hyphen": "\u2011".join(APART),
    "en dash": "\u2013".join(APART),
    "em dash with blanks": " \u2014 ".join(APART),
    "minus sign": "\u2212".join(APART),
    "soft hyphen": "\u00ad".join(APART),
    "dot": ".".join(APART),
    "middle dot": "\u00b7".join(APART),
    "comma": ", ".join(APART),
    "slash": "/".join(APART),
    "fraction slash": "\u2044".join(APART),
    "backslash": "\\".join(APART),
    "underscore": "_".join(APART),
    "bar": "|".join(APART),
    "zero width space": "\u200b".join(APART),
    "zero width joiner": "\u200d".join(APART),
    "word joiner": "\u2060".join(APART),
    "byte-order mark": "\ufeff".join(APART),
    "left-to-right mark": "\u200e".join(APART),
    "zero width space in every gap": "\u200b".join(CARD),
    "mixed": "4111 -1111./1111\u200b \u00a01111",
    "full width": CARD.translate({ord(d): 0xFF10 + int(d) for d in "0123456789"}),
    "Arabic": CARD.translate({ord(d): 0x660 + int(d) for d in "0123456789"}),
    "Arabic with its blank": "\u00a0".join(APART).translate({ord(d): 0x6F0 + int(d) for d in "0123456789"}),
    "Devanagari": CARD.translate({ord(d): 0x966 + int(d) for d in "0123456789"}),
    "mathematical": CARD.translate({ord(d): 0x1D7CE + int(d) for d in "0123456789"}),
}  # fmt: skip
# All but the second are Luhn-valid, so that only their form keeps them from being masked.
NO_CARDS = {
    "a number of 12 digits": "411111111190",
    "a check digit that is wrong": "4111111111111112",
    "20 digits": "41111111111111111180",
    "a gap of five": "4111     1111     1111     1111",
    "letters between": "4111x1111x1111x1111",
    "a day and a time": "2023-12-31 22.30.30",
    "a German day and a time": "31.12.2023 22.30.30",
    "two days": "01/06/2023 - 30/06/2006",
    "a time of 14 digits": "20231231223030",
    "a time with a blank": "20231231 223030",
    "a long fraction": "19.9899999999999921",
    "a float with exponent": "1.9989999999999963E1",
    "a time to the nanosecond": "2023-12-31 22:30:00.123456789 -0500",
    "a time of an interface": "2023-12-31T22:30:00.123456789+02:00",
    "a price in a sentence": "costs 1234567890.12347 EUR",
}  # fmt: skip


def card() -> str:
    digits = "".join(CHANCE.choices("0123456789", k=CHANCE.randint(12, 18)))
    return next(digits + last for last in "0123456789" if mask(digits + last) != digits + last)


def parted(digits: str) -> str:
    return "".join(digit + (CHANCE.choice(SEPARATORS) if CHANCE.random() < 0.2 else "") for digit in digits)


def day() -> str:
    parts = [f"{CHANCE.randint(1900, 2099)}", f"{CHANCE.randint(0, 13):02}", f"{CHANCE.randint(0, 32):02}"]
    return CHANCE.choice("-./").join(parts if CHANCE.random() < 0.5 else parts[::-1])


def foreign(digits: str) -> str:
    zero = CHANCE.choice([0x660, 0x966, 0xFF10, 0x1D7CE])
    return digits.translate({ord(d): zero + int(d) for d in "0123456789"})


def texts(count: int) -> list[str]:
    pieces: list[Callable[[], str]] = [
        card, lambda: parted(card()), lambda: parted(foreign(card())), day,
        lambda: str(CHANCE.randrange(10 ** CHANCE.randint(1, 20))), lambda: parted(str(CHANCE.randrange(10**18))),
        lambda: f"{CHANCE.randrange(10**6)}{CHANCE.choice('.,')}{CHANCE.randrange(10**14)}",
        lambda: f"{day()}{CHANCE.choice(' T')}{parted(str(CHANCE.randrange(10**6)))}:30:00.{CHANCE.randrange(10**9)}",
        lambda: f"{day()} {CHANCE.randint(0, 23)}:30:00.{CHANCE.randrange(10**9)}{CHANCE.choice(['', ' ', 'x'])}+0200",
        lambda: f"20{CHANCE.randrange(10**12):012}", lambda: CHANCE.choice([*SEPARATORS, *"xé\n\u0661+"]),
    ]  # fmt: skip
    return ["".join(CHANCE.choice(pieces)() for _ in range(CHANCE.randint(1, 5))) for _ in range(count)]


def masked(spark: SparkSession, cases: Sequence[str]) -> list[str]:
    """Each text as it is stored."""
    rows = frame_of(spark, [(at, case) for at, case in enumerate(cases)], "at int, `a``text` string")
    found = rows.select("at", "`a``text`", masked_or_null(["a`text"]).alias("masked")).orderBy("at").collect()
    return [row[1] if row["masked"] is None else row["masked"][0] for row in found]


def test_random_texts(spark: SparkSession) -> None:
    cases = texts(3000)
    found = masked(spark, cases)
    assert [(c, f) for c, f in zip(cases, found, strict=True) if f != mask(c)] == []
    assert sum("*" in text for text in found) > 800
    assert sum("*" not in text for text in found) > 800


def test_every_spelling_is_masked_but_for_its_last_four_digits(spark: SparkSession) -> None:
    found = masked(spark, [f"Lamp {text}." for text in SPELLINGS.values()])
    left = ["".join(letter for letter in text if letter.isdecimal() or letter == "*") for text in found]
    assert dict(zip(SPELLINGS, left, strict=True)) == dict.fromkeys(SPELLINGS, "************1111")


def test_what_only_looks_like_a_card_number_stays(spark: SparkSession) -> None:
    assert masked(spark, list(NO_CARDS.values())) == list(NO_CARDS.values())


def test_known_texts(spark: SparkSession) -> None:
    cases = {
        "card 5500 0000 0000 0004, thanks": "card **** **** **** 0004, thanks",
        "12 3782-822463-10005 99": "12 ****-******-*0005 99",
        "94111111111111111": "94111111111111111",
        "2023-12-31 4111.1111.1111.1111": "2023-12-31 ****.****.****.1111",
        "\u0664\u0661 and 4111111111111111": "41 and ************1111",
        "0000000000000": "*********0000",
        "2023-01-31": "2023-01-31",
        "": "",
    }
    assert masked(spark, list(cases)) == list(cases.values())


def test_many_columns_are_searched_at_once(spark: SparkSession) -> None:
    rows = spark.createDataFrame([("x", None), (None, "4111111111111111"), (None, None)], "a string, b string")
    found = rows.select(masked_or_null(["a", "b"]).alias("masked")).collect()
    assert [row["masked"] for row in found] == [None, [None, "************1111"], None]


def test_names_are_masked_as_values_are(spark: SparkSession) -> None:
    assert masked_names(spark, ["export.csv", "4111 1111 1111 1111.csv"]) == ("export.csv", f"{HIDDEN}.csv")
