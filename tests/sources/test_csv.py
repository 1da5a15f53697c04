"""Real-world CSV, compared with Python's strict reader, which is independent of Spark's."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import pytest
from pyspark.sql import Row

from tests.sources.conftest import Read

pytestmark = pytest.mark.spark
THREE = """
format: csv
currency: EUR
{}
columns: {{user_id: Id, country: Land, category: Gruppe}}
"""
Values = tuple[str | None, str | None, str | None]


def values(row: Row) -> Values:
    return row["user_id"], row["country"], row["category"]


def strict(line: str, delimiter: str = ",") -> Values | None:
    """The three fields, or None for a line that is not well-formed."""
    try:
        fields = next(csv.reader([line], strict=True, delimiter=delimiter))
    except csv.Error:
        return None
    return (fields[0] or None, fields[1] or None, fields[2] or None) if len(fields) == 3 and "\0" not in line else None


def hostile(count: int) -> list[str]:
    chance = random.Random(20240131)  # noqa: S311 - cases, not secrets
    letters = ['"', '"', ",", ",", ",", "a", "b", " ", "\t", "é", "\u2028", "\\", "'", "#", "\0", "\ufffd"]
    pieces = ['"a"', '"a,b"', '"a""b"', '""', "a", "", " a ", '"a"b', '"a" ', '"a', 'a"b', '""""', "NULL", "é"]
    lines = ["".join(chance.choices(letters, k=chance.randint(1, 12))) for _ in range(count)]
    lines += [",".join(chance.choices(pieces, k=chance.choice([2, 3, 3, 3, 3, 4]))) for _ in range(count)]
    return [line for line in lines if line.strip("".join(map(chr, range(0x21))))]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_hostile_lines_are_read_as_a_strict_reader_does(read: Read, tmp_path: Path, line_end: str) -> None:
    lines = hostile(1500)
    file = tmp_path / "hostile.csv"
    file.write_bytes(line_end.join(["Id,Land,Gruppe", *lines]).encode())
    rows = read(THREE.format(""), file)
    assert [row["_row"] for row in rows] == list(range(1, len(lines) + 1))
    for line, row in zip(lines, rows, strict=True):
        expected = strict(line)
        assert (row["_corrupt_record"] is None) == (expected is not None), (line, row["_corrupt_record"])
        assert values(row) == (expected or (None, None, None)), line


def test_a_malformed_row_is_described_by_its_structure_alone(read: Read, tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_bytes(
        b'Id,Land,Gruppe\n1,Chad\n2,Chad,x,\n3,"Chad,x\n4,Ch\xe9d,x\n5,Chad,"x\n6,"Chad"y,x\n7,Chad,\0\n8,Chad,x\n'
        b"9" + b",secret" * 30_000 + b'\n10,"a,b","c""d",e'
    )
    rows = read(THREE.format(""), file)
    assert [row["_corrupt_record"] for row in rows] == [
        "fields: 2 of 3", "fields: 4 of 3", "fields: 2 of 3", "undecodable", "quoting", "quoting", "nul", None,
        "fields: 30001 of 3", "fields: 4 of 3",
    ]  # fmt: skip
    assert [values(row) for row in rows if row["_corrupt_record"]] == [(None, None, None)] * 9


def test_blank_lines_are_neither_rows_nor_counted(read: Read, tmp_path: Path) -> None:
    file = tmp_path / "blank.csv"
    file.write_bytes(b"\n  \nId,Land,Gruppe\n\n1,a,b\n \t \n\r\n2,c,d\n\n")
    assert [(row["_row"], row["user_id"]) for row in read(THREE.format(""), file)] == [(1, "1"), (2, "2")]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"Id,Land,Gruppe", []),
        (b"Id,Land,Gruppe\n", []),
        (b"Id,Land,Gruppe\n1,a,b", [("1", "a", "b")]),
        (b"\xef\xbb\xbfId,Land,Gruppe\n1,a,b\n", [("1", "a", "b")]),
        (b'"Id","Land","Gruppe"\r\n"1"," a ","b"\r\n', [("1", " a ", "b")]),
        (b"Gruppe,x,Id,Land\nb,y,1,a\n", [("1", "a", "b")]),
        (b"id,Id,Land,Gruppe\n9,1,a,b\n", [("1", "a", "b")]),
    ],
)
def test_headers_and_last_lines(read: Read, tmp_path: Path, content: bytes, expected: list[Values]) -> None:
    file = tmp_path / "small.csv"
    file.write_bytes(content)
    assert [values(row) for row in read(THREE.format(""), file)] == expected


def test_a_file_without_header_takes_its_names_from_the_mapping(read: Read, tmp_path: Path) -> None:
    file = tmp_path / "plain.csv"
    file.write_bytes(b"\xef\xbb\xbf1|a|b\n2|c|d\n")
    rows = read(THREE.format("header: false\nnames: [Id, Land, Gruppe]\ndelimiter: '|'"), file)
    assert [(row["_row"], *values(row)) for row in rows] == [(1, "1", "a", "b"), (2, "2", "c", "d")]


def test_line_ends_inside_quotes_need_multiline(read: Read, tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        content = f'Id,Land,Gruppe\n{name},"two\nlines",b\n2,c\n3,"x ""y"" z",\ufffd\n4,é,f\n'
        (tmp_path / name).write_text(content, encoding="utf-8")
    rows = read(THREE.format("multiline: true"), tmp_path / "*.csv")
    assert [(row["_file"], row["_row"], row["country"], row["_corrupt_record"]) for row in rows] == [
        (name, at, country, problem)
        for name in ("a.csv", "b.csv")
        for at, country, problem in [
            (1, "two\nlines", None), (2, None, "fields: 2 of 3"), (3, None, "undecodable"), (4, "é", None),
        ]
    ]  # fmt: skip
    broken = read(THREE.format(""), tmp_path / "a.csv")
    assert [row["_corrupt_record"] for row in broken][:2] == ["fields: 2 of 3", "fields: 2 of 3"]


def test_a_code_page_is_read_by_its_own_table(read: Read, tmp_path: Path) -> None:
    file = tmp_path / "western.csv"
    file.write_bytes("Id;Land;Gruppe\n1;Österreich;5 €\n2;„x“;Ž\n".encode("cp1252") + b"3;\x81;x\n")
    for extra in ("", "\nmultiline: true"):
        rows = read(THREE.format(f"encoding: cp1252\ndelimiter: ';'{extra}"), file)
        assert [values(row) for row in rows] == [("1", "Österreich", "5 €"), ("2", "„x“", "Ž"), (None, None, None)]
        assert [row["_corrupt_record"] for row in rows] == [None, None, "undecodable"]


def test_an_escape_of_its_own(read: Read, tmp_path: Path) -> None:
    file = tmp_path / "escaped.csv"
    file.write_text("Id,Land,Gruppe\n1,'a\\'b','c,d'\n", encoding="utf-8")
    rows = read(THREE.format("quote: \"'\"\nescape: '\\'"), file)
    assert [values(row) for row in rows] == [("1", "a'b", "c,d")]


def test_card_numbers_are_masked_wherever_they_enter(read: Read, tmp_path: Path) -> None:
    file = tmp_path / "cards.csv"
    file.write_text("Id,Land,Gruppe\n4111111111111111,a 5500-0000-0000-0004.,4111111111111112\n", encoding="utf-8")
    assert values(read(THREE.format(""), file)[0]) == (
        "************1111", "a ****-****-****-0004.", "4111111111111112",
    )  # fmt: skip
