"""Databases, and manifests of the splitter."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import Row, SparkSession

from lib.contracts.model import Table
from lib.errors import InputRefused
from lib.sources import databases, inputs, readers
from lib.sources.mapping import Source
from tests.sources.conftest import LOADED, ROOT, Read

pytestmark = pytest.mark.spark
Load = Callable[[str], Source]
TABLE = "format: table\ncurrency: EUR\ncolumns: {user_id: Id, country: Land, unit_price: Preis}\n"
CSV = "format: csv\ncurrency: EUR\ncolumns: {user_id: Id, country: Land, category: Gruppe}\n"
ROWS = 'Id,Land,Gruppe\n1,Chad,"a,b"\n2,Togo,\n3,"","c ""d"""\n4,Chad\n5,é,f\n6,Togo,g\n7,Mali,h\n'


def create(file: Path, statements: str) -> str:
    with sqlite3.connect(file) as connection:
        connection.executescript(statements)
    return f"sqlite:///{file}?table=sales"


def test_a_table_with_row_numbers(read: Read, tmp_path: Path) -> None:
    address = create(
        tmp_path / "a b.db",
        "create table sales(_row integer primary key, Id text, Land text, Preis numeric);"
        "insert into sales values (7, '1', 'Chad', 1.5), (2, '2', '', null);",
    )
    rows = read(TABLE, address)
    assert [(r["_row"], r["_file"], r["user_id"], r["country"], r["unit_price"]) for r in rows] == [
        (2, "sales", "2", "", None), (7, "sales", "1", "Chad", "1.5"),
    ]  # fmt: skip


def test_a_table_without_row_numbers_is_taken_in_the_order_of_its_text(
    spark: SparkSession, mapping: Load, read: Read, tmp_path: Path
) -> None:
    insert = "create table sales(Id int, Land text, Preis text); insert into sales values "
    one = create(tmp_path / "one.db", f"{insert} (2, 'Togo', '1'), (1, 'Chad', '2');")
    two = create(tmp_path / "two.db", f"{insert} (1, 'Chad', '2'), (2, 'Togo', '1');")
    other = create(tmp_path / "other.db", f"{insert} (1, 'Chad', '2'), (2, 'Togo', null);")
    assert [(row["_row"], row["user_id"]) for row in read(TABLE, one)] == [(1, "1"), (2, "2")]
    assert len(inputs.resolve(spark, [one, two, other], mapping(TABLE))) == 2


def test_a_table_that_lacks_columns_or_does_not_exist(spark: SparkSession, mapping: Load, tmp_path: Path) -> None:
    address = create(tmp_path / "a.db", "create table sales(Id text, Land text);")
    with pytest.raises(InputRefused, match="'Preis' is missing"):
        inputs.resolve(spark, [address], mapping(TABLE))
    with pytest.raises(InputRefused, match="cannot be read"):
        inputs.resolve(spark, [address.replace("sales", "nothing")], mapping(TABLE))


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    (tmp_path / "in.csv").write_text(ROWS, encoding="utf-8")
    command = [sys.executable, "-m", "splitter", str(tmp_path / "in.csv"), "--out", str(tmp_path / "parts")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return tmp_path / "parts"


def content(rows: list[Row]) -> list[tuple[Any, ...]]:
    found = [(r["user_id"], r["country"] or None, r["category"] or None, r["_corrupt_record"]) for r in rows]
    return sorted(found, key=repr)


def test_the_parts_of_a_manifest_are_its_input(read: Read, parts: Path) -> None:
    whole, split = read(CSV, parts.parent / "in.csv"), read(CSV, parts / "manifest.json")
    assert content(split) == content(whole)
    assert {row["_file"] for row in split} == {"part.jsonl", "part.sqlite", "part.csv"}
    assert len({row["_batch_id"] for row in split}) == 1


def test_a_manifest_says_how_many_rows_each_part_holds(spark: SparkSession, mapping: Load, parts: Path) -> None:
    batch = inputs.resolve(spark, [str(parts / "manifest.json")], mapping(CSV))[0]
    assert [(part.name, part.format, part.rows) for part in batch.parts] == [
        ("part.jsonl", "jsonl", 2), ("part.sqlite", "table", 2), ("part.csv", "csv", 3),
    ]  # fmt: skip
    assert (batch.name, batch.header) == ("in.csv", ("Id", "Land", "Gruppe"))


@pytest.mark.parametrize("name", ["part.jsonl", "part.sqlite", "part.csv"])
def test_a_part_that_is_not_what_the_manifest_says(spark: SparkSession, mapping: Load, parts: Path, name: str) -> None:
    whole = (parts / name).read_bytes()
    (parts / name).write_bytes(whole[:-1] + b"x")
    with pytest.raises(InputRefused, match=f"{name} is not what the manifest says"):
        inputs.resolve(spark, [str(parts / "manifest.json")], mapping(CSV))
    (parts / name).unlink()
    with pytest.raises(InputRefused, match=f"There is no file .*{name}"):
        inputs.resolve(spark, [str(parts / "manifest.json")], mapping(CSV))


def test_a_manifest_of_a_later_version(spark: SparkSession, mapping: Load, parts: Path) -> None:
    manifest = json.loads((parts / "manifest.json").read_text(encoding="utf-8"))
    (parts / "manifest.json").write_text(json.dumps({**manifest, "version": 2}), encoding="utf-8")
    with pytest.raises(InputRefused, match="version 2"):
        inputs.resolve(spark, [str(parts / "manifest.json")], mapping(CSV))


def test_the_checksum_of_a_table_is_the_splitters(spark: SparkSession, parts: Path) -> None:
    entry = json.loads((parts / "manifest.json").read_text(encoding="utf-8"))["parts"][1]
    table = databases.parse(f"sqlite:///{parts}/part.sqlite?table=part")
    found = databases.count_and_checksum(spark, table, ("Id", "Land", "Gruppe"))
    assert found == (entry["rows"], entry["checksum"])


def test_no_input_is_no_row(spark: SparkSession, mapping: Load, bronze: Table) -> None:
    frame = readers.read(spark, mapping(CSV), [], LOADED)
    assert (frame.count(), frame.columns) == (0, [column.name for column in bronze.stored])
