"""Positions are true however Spark cuts and packs the files."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.sources.conftest import Read

pytestmark = pytest.mark.spark
NUMBERS = "format: csv\ncurrency: EUR\ncolumns: {user_id: Nr, category: Text}\n"
BLOCK = "spark.sql.files.maxPartitionBytes"


@pytest.fixture
def _small_blocks(spark: SparkSession) -> Iterator[None]:
    before = spark.conf.get(BLOCK) or ""
    spark.conf.set(BLOCK, "2000b")
    yield
    spark.conf.set(BLOCK, before)


def write(file: Path, rows: int, *, blank_every: int = 0) -> None:
    lines = ["Nr,Text"]
    for at in range(1, rows + 1):
        lines.append(f'{at},"{"x" * (at * 7 % 90)}"')
        if blank_every and at % blank_every == 0:
            lines.append("  ")
    file.write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.usefixtures("_small_blocks")
def test_a_file_cut_into_blocks_keeps_its_numbers(read: Read, tmp_path: Path) -> None:
    write(tmp_path / "a long name, 100 %.csv", 1500, blank_every=4)
    write(tmp_path / "b[1].csv", 40)
    rows = read(NUMBERS, tmp_path / "*.csv")
    assert [(row["_file"], row["_row"]) for row in rows] == [
        *(("a long name, 100 %.csv", at) for at in range(1, 1501)), *(("b[1].csv", at) for at in range(1, 41)),
    ]  # fmt: skip
    assert [row["user_id"] for row in rows] == [str(row["_row"]) for row in rows]


def test_a_hundred_small_files_are_one_plan(read: Read, tmp_path: Path) -> None:
    for at in range(1, 101):
        write(tmp_path / f"day{at:03}.csv", at)
    rows = read(NUMBERS, tmp_path / "day*.csv")
    assert len(rows) == 5050
    assert [row["user_id"] for row in rows] == [str(row["_row"]) for row in rows]
    assert len({row["_batch_id"] for row in rows}) == 100
    assert len({(row["_file"], row["_batch_id"]) for row in rows}) == 100


def test_a_packed_file_is_unpacked(read: Read, tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"Nr,Text\n1,x\n2,y\n"))
    assert [(row["_row"], row["user_id"]) for row in read(NUMBERS, tmp_path / "a.csv.gz")] == [(1, "1"), (2, "2")]


def test_files_with_other_headers_are_read_by_their_own(read: Read, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Nr,Text\n1,x\n", encoding="utf-8")
    (tmp_path / "b.csv").write_text("Text,Nr\nx,1\nx\n", encoding="utf-8")
    rows = read(NUMBERS, tmp_path / "a.csv", tmp_path / "b.csv")
    assert [(row["_row"], row["user_id"], row["_corrupt_record"]) for row in rows] == [
        (1, "1", None), (1, "1", None), (2, None, "fields: 1 of 2"),
    ]  # fmt: skip
