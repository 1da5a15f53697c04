"""Positions do not depend on how Spark cuts and packs files, even if that changes between two queries of a load.

Spark's planner divides files by the cores that are registered when a query is planned. A local session cannot change
its cores, but `spark.sql.leafNodeDefaultParallelism` overrides their number for the planner, and the other settings are
its remaining inputs (Spark: `FilePartition.maxSplitBytes`). The expected rows are read by plain Python, or stated here.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lib.sources.input_parts import Part
from lib.sources.mapping import Layout
from lib.sources.record_parsing import multiline_records
from lib.sources.row_positions import Placed, array_elements, placed_lines

pytestmark = pytest.mark.spark
Records = dict[str, list[str]]
Frame = Callable[[SparkSession, Sequence[Placed]], DataFrame]
CORES = "spark.sql.leafNodeDefaultParallelism"
LARGEST_BLOCK = "spark.sql.files.maxPartitionBytes"
OPEN_COST = "spark.sql.files.openCostInBytes"
SLOW = settings(max_examples=40, deadline=None, report_multiple_bugs=False)


@dataclass(frozen=True)
class Packing:
    """What Spark's planner divides files by."""

    cores: int
    block: str = "128m"
    open_cost: str = "4m"

    @contextmanager
    def seen_by(self, spark: SparkSession) -> Iterator[None]:
        """Let queries be planned so."""
        for name, value in {CORES: str(self.cores), LARGEST_BLOCK: self.block, OPEN_COST: self.open_cost}.items():
            spark.conf.set(name, value)
        try:
            yield
        finally:
            for name in (CORES, LARGEST_BLOCK, OPEN_COST):
                spark.conf.unset(name)


def places(files: Sequence[Path], format_: str = "csv", layout: Layout | None = None) -> list[Placed]:
    def part(file: Path) -> Part:
        return Part(f"file:{file}", file.name, format_, file.stat().st_size, "", ("a",), layout or Layout())

    return [Placed(part(file), f"batch of {file.name}", None) for file in files]


def lines(spark: SparkSession, parts: Sequence[Placed]) -> DataFrame:
    return placed_lines(spark, parts, header=True)


def lines_without_header(spark: SparkSession, parts: Sequence[Placed]) -> DataFrame:
    return placed_lines(spark, parts, header=False)


def multiline(spark: SparkSession, parts: Sequence[Placed]) -> DataFrame:
    records = multiline_records(spark, parts, parts[0].part.layout)
    return records.select("_file", "_row", F.col("record.c0").alias("value"))


def found(spark: SparkSession, frame: Frame, parts: Sequence[Placed], plan: Packing, run: Packing) -> Records:
    """The records by file, in the order of their positions, which must be 1..n."""
    with plan.seen_by(spark):
        planned = frame(spark, parts)
    with run.seen_by(spark):
        rows = planned.select("_file", "_row", "value").collect()
    result: Records = {placed.part.name: [] for placed in parts}
    for row in sorted(rows, key=lambda row: (str(row["_file"]), row["_row"] or 0)):
        result[row["_file"]].append(row["value"])
        assert row["_row"] == len(result[row["_file"]]), row
    return result


def numbered(file: Path, rows: int) -> Path:
    file.write_text("Nr\n" + "".join(f"{at}\n" for at in range(1, rows + 1)), encoding="utf-8")
    return file


@pytest.mark.parametrize(("before", "after"), [(2, 4), (4, 2), (1, 64), (64, 1)])
def test_three_files_while_cores_come_or_go(spark: SparkSession, tmp_path: Path, before: int, after: int) -> None:
    sizes = {"a.csv": 2000, "b.csv": 100, "c.csv": 100}
    parts = places([numbered(tmp_path / name, rows) for name, rows in sizes.items()])
    rows = found(spark, lines, parts, Packing(before), Packing(after))
    assert rows == {name: [str(at) for at in range(1, count + 1)] for name, count in sizes.items()}


@pytest.mark.parametrize(("before", "after"), [(2, 4), (4, 2)])
def test_one_large_file_while_cores_come_or_go(spark: SparkSession, tmp_path: Path, before: int, after: int) -> None:
    file = tmp_path / "a.csv"
    file.write_text("Nr\n" + "".join(f"{at:0200}\n" for at in range(1, 60_001)), encoding="utf-8")
    assert file.stat().st_size > 12_000_000  # so that two cores and four read other blocks
    with Packing(before).seen_by(spark):
        planned = lines(spark, places([file]))
    wrong = "_row is null or _row <> cast(value as bigint)"
    with Packing(after).seen_by(spark):
        told = planned.selectExpr("count(*)", f"count_if({wrong})", "min(_row)", "max(_row)").collect()
    assert [tuple(row) for row in told] == [(60_000, 0, 1, 60_000)]


PACKINGS = st.builds(
    Packing,
    cores=st.sampled_from([1, 2, 3, 4, 16, 200]),
    block=st.sampled_from(["7b", "40b", "333b", "128m"]),
    open_cost=st.sampled_from(["1b", "30b", "500b", "4m"]),
)
TEXTS = st.text(alphabet='ab1é\t \0,"{', max_size=30)
ENDS = st.sampled_from(["\n", "\r\n", "\r", "\n\n", "\r\r\n", "\n \t\r\n"])


@st.composite
def written_files(draw: st.DrawFn) -> list[bytes]:
    """Text files of a header and lines, with every kind of line end, blank lines, and a byte-order mark or none."""
    count = draw(st.sampled_from([1, 2, 3, 5]))
    return [draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + draw(written_lines()).encode() for _ in range(count)]


@st.composite
def written_lines(draw: st.DrawFn) -> str:
    lines = [f"{text}{end}" for text, end in draw(st.lists(st.tuples(TEXTS, ENDS), max_size=40))]
    copies = draw(st.sampled_from([1, 1, 20]))
    return draw(st.sampled_from(["", "\n", " \r\n"])) + "header\n" + "".join(lines * copies) + draw(TEXTS)


def read_by_python(content: bytes) -> list[str]:
    """The lines that are not blank. A line ends with LF, CR LF or CR; blank are controls and spaces."""
    split = re.split("\r\n|\n|\r", content.removeprefix(b"\xef\xbb\xbf").decode())
    return [line for line in split if re.search("[^\\x00-\\x20]", line)]


@SLOW
@given(contents=written_files(), plan=PACKINGS, run=PACKINGS, header=st.booleans())
def test_lines(spark: SparkSession, contents: list[bytes], plan: Packing, run: Packing, *, header: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{at}.csv" for at in range(len(contents))]
        for file, content in zip(files, contents, strict=True):
            file.write_bytes(content)
        frame = lines if header else lines_without_header
        rows = found(spark, frame, places(files), plan, run)
    first = 1 if header else 0
    assert rows == {file.name: read_by_python(content)[first:] for file, content in zip(files, contents, strict=True)}


VALUES = st.lists(st.lists(st.text(alphabet='ab\n\r ,"é', max_size=12), max_size=30), min_size=1, max_size=5)
FEWER = settings(SLOW, max_examples=15)


@FEWER
@given(values=VALUES, plan=PACKINGS, run=PACKINGS)
def test_csv_with_line_ends_in_fields(
    spark: SparkSession, values: list[list[str]], plan: Packing, run: Packing
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{at}.csv" for at in range(len(values))]
        for file, texts in zip(files, values, strict=True):
            doubled = [text.replace('"', '""') for text in texts]
            file.write_bytes("".join(f'"{text}"\n' for text in ["a", *doubled]).encode())
        rows = found(spark, multiline, places(files, layout=Layout(multiline=True)), plan, run)
    # Spark's CSV parser takes every line end for the first one that the file has.
    ends = re.compile("\r\n?")
    assert {name: [ends.sub("\n", value or "") for value in read] for name, read in rows.items()} == {
        file.name: [ends.sub("\n", text) for text in texts] for file, texts in zip(files, values, strict=True)
    }


@FEWER
@given(values=VALUES, plan=PACKINGS, run=PACKINGS)
def test_json_arrays(spark: SparkSession, values: list[list[str]], plan: Packing, run: Packing) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{at}.json" for at in range(len(values))]
        for file, texts in zip(files, values, strict=True):
            file.write_text(json.dumps([{"a": text} for text in texts], indent=1), encoding="utf-8")
        rows = found(spark, array_elements, places(files, "json"), plan, run)
    assert {name: [json.loads(value)["a"] for value in read] for name, read in rows.items()} == {
        file.name: texts for file, texts in zip(files, values, strict=True)
    }
