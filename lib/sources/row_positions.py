"""The lines of text files, each with its true position, in one plan for all files.

Spark cuts large files into blocks, puts several small files into one task, and numbers neither. So the lines are
first counted per file and block, which costs a scan without parsing. A line's position follows from the count of the
blocks before it. Spark cuts and packs again for every query, depending on the cores available at that moment. So both
queries read one RDD, whose tasks are made once (`_fixed`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from lib.files import encoded, literal
from lib.sources.input_parts import Part

# Blank as in Spark's CSV reader: only control characters and spaces. Nearly always the line's first byte decides.
NOT_BLANK = r"value >= '!' or value rlike '[^\\x00-\\x20]'"
IN_TASK = (1 << 33) - 1  # the lower bits of `monotonically_increasing_id`: the position within the task
FILE, ROW = "_file", "_row"
KEYS = ("path", "block", "at")
POSITIONS = "array<struct<path string, block bigint, shift bigint, _file string, _batch_id string, _extract_date date>>"


@dataclass(frozen=True)
class Placed:
    """A part together with the data about its batch that its rows carry."""

    part: Part
    batch_id: str
    extract_date: date | None


def placed_lines(spark: SparkSession, parts: Sequence[Placed], *, header: bool) -> DataFrame:
    """One row per line that is neither blank nor a header: `value`, and its place (`_file`, `_row` from 1, ...)."""
    first = 0 if header else 1
    placed = with_places(spark, _lines(spark, parts), parts, first=first)
    # Written so that a row without position passes: with a plain comparison Spark would drop it with its block.
    return placed.where("coalesce(_row, 1) > 0") if header else placed


def array_elements(spark: SparkSession, parts: Sequence[Placed]) -> DataFrame:
    """One row per element of the files' JSON arrays, as JSON text in `value`, with `broken`: it has lost bytes.

    A file is read as a whole. A file that is not an array becomes one row whose `value` is NULL.
    """
    arrays = json_arrays(spark, [placed.part for placed in parts])
    elements = arrays.select("path", "block", "broken", F.posexplode("elements").alias("at", "value"))
    marked = elements.withColumn(
        "broken", F.col("broken") & F.coalesce(F.col("value").contains("\ufffd"), F.expr("true"))
    )
    return _shifted(spark, marked, [_position(spark, placed, 0, 1) for placed in parts])


def json_arrays(spark: SparkSession, parts: Sequence[Part]) -> DataFrame:
    """One row per file: its `elements` as JSON texts, and `broken`: it has bytes that are not UTF-8."""
    texts = spark.read.text([literal(part.location) for part in parts], wholetext=True)
    return texts.select(
        F.col("_metadata.file_path").alias("path"),
        F.lit(0).alias("block"),
        (~F.is_valid_utf8("value")).alias("broken"),
        F.coalesce(F.from_json("value", "array<string>"), F.array(F.lit(None).cast("string"))).alias("elements"),
    )


def with_places(spark: SparkSession, rows: DataFrame, parts: Sequence[Placed], *, first: int) -> DataFrame:
    """The rows of files, with their place instead of `path`, `block` and `at` (the position in the task).

    The first row of a file gets the number `first`.
    """
    tasks, fixed = _fixed(spark, rows)
    if len(tasks) == 1 and len(tasks[0].files()) == 1:  # one file that is not cut
        others = [F.col(name) for name in rows.columns if name not in KEYS]
        return fixed.select(*others, (F.col("at") + first).alias("_row"), *_constants(parts[0]))
    return _shifted(spark, fixed, _positions(spark, fixed, parts, first))


def metadata() -> list[Column]:
    """The columns `path` and `block` of a file scan, and `at`."""
    return [
        F.col("_metadata.file_path").alias("path"),
        F.col("_metadata.file_block_start").alias("block"),
        position_in_task(),
    ]


def position_in_task() -> Column:
    """The number of a row among those of its task, from 0, as `at`."""
    return F.monotonically_increasing_id().bitwiseAND(F.lit(IN_TASK)).alias("at")


def _lines(spark: SparkSession, parts: Sequence[Placed]) -> DataFrame:
    text = spark.read.text([literal(placed.part.location) for placed in parts])
    path, block, _ = metadata()
    return text.select("value", path, block).where(NOT_BLANK).select("*", position_in_task())


def _fixed(spark: SparkSession, rows: DataFrame) -> tuple[Sequence[Any], DataFrame]:
    """The rows of a file scan, fixed so that every query of them has the same tasks; and these tasks.

    Every query plans its frames again, and Spark's planner divides the files by the cores that it sees. An RDD contains
    its tasks: the blocks that each task reads are chosen here and nowhere else.
    """
    plan: Any = rows._jdf
    rdd = plan.queryExecution().toRdd()
    jvm_session: Any = spark._jsparkSession
    is_streaming = False
    return rdd.partitions(), DataFrame(jvm_session.internalCreateDataFrame(rdd, plan.schema(), is_streaming), spark)


def _constants(placed: Placed) -> list[Column]:
    return [
        F.lit(placed.part.name).alias("_file"),
        F.lit(placed.batch_id).alias("_batch_id"),
        F.lit(placed.extract_date).cast("date").alias("_extract_date"),
    ]


def _positions(spark: SparkSession, rows: DataFrame, parts: Sequence[Placed], first: int) -> list[dict[str, object]]:
    """Per file and block: the number to add to a row's position in its task to get its position in its file."""
    counted = rows.groupBy("path", "block").agg(F.min("at").alias("begin"), F.count("*").alias("rows")).collect()
    of_path = {encoded(spark, placed.part.location): placed for placed in parts}
    positions = []
    for path, blocks in groupby(sorted(counted, key=itemgetter("path", "block")), key=itemgetter("path")):
        before = first
        for block in blocks:
            positions.append(_position(spark, of_path[path], block["block"], before - block["begin"]))
            before += block["rows"]
    return positions


def _position(spark: SparkSession, placed: Placed, block: int, shift: int) -> dict[str, object]:
    return {
        "path": encoded(spark, placed.part.location),
        "block": block,
        "shift": shift,
        "_file": placed.part.name,
        "_batch_id": placed.batch_id,
        "_extract_date": placed.extract_date and placed.extract_date.isoformat(),
    }


def _shifted(spark: SparkSession, rows: DataFrame, positions: list[dict[str, object]]) -> DataFrame:
    # As a literal column: Delta's parser drops the arguments of `spark.sql`, and a list would start Python workers.
    known = spark.range(1).select(F.inline(F.from_json(F.lit(json.dumps(positions)), POSITIONS)))
    # A left join: a block that did not exist when rows were counted gets NULLs, which no contract accepts.
    joined = rows.join(F.broadcast(known), ["path", "block"], "left")
    others = [name for name in rows.columns if name not in KEYS]
    return joined.select(*others, (F.col("at") + F.col("shift")).alias("_row"), "_file", "_batch_id", "_extract_date")
