"""The lines of text files, each with its true position, in one plan for all files.

Spark cuts large files into blocks, puts several small files into one task, and numbers neither. So the lines are
counted first per file and block, which costs a scan without parsing, and a line's position follows from the count of
the blocks before it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import Any

from pyspark.sql import Column, DataFrame, Row, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - Spark's own convention

from lib.files import literal, place, same_place
from lib.inputs import Part

# Blank as Spark's CSV reader has it: nothing but control characters and spaces. Nearly every line's first byte tells.
NOT_BLANK = r"value >= '!' or value rlike '[^\\x00-\\x20]'"
IN_TASK = (1 << 33) - 1  # the lower bits of `monotonically_increasing_id`: the position within the task
POSITIONS = "array<struct<path string, block bigint, shift bigint, _file string, _batch_id string, _extract_date date>>"


@dataclass(frozen=True)
class Placed:
    """A part together with what its rows say of their batch."""

    part: Part
    batch_id: str
    extract_date: date | None


def placed_lines(spark: SparkSession, parts: Sequence[Placed], *, header: bool) -> DataFrame:
    """One row per line that is not blank and no header: `value`, `_row` from 1, `_file`, `_batch_id`, `_extract_date`."""
    first = 0 if header else 1
    lines = _lines(spark, parts)
    if len(parts) == 1 and parts[0].part.size <= _smallest_block(spark):
        placed = lines.select("value", (F.col("at") + first).alias("_row"), *_constants(parts[0]))
    else:
        placed = _shifted(spark, lines, _positions(lines, parts, first))
    return placed.where("_row > 0") if header else placed


def _lines(spark: SparkSession, parts: Sequence[Placed]) -> DataFrame:
    text = spark.read.text([literal(placed.part.location) for placed in parts])
    return (
        text.select(
            "value",
            F.col("_metadata.file_path").alias("path"),
            F.col("_metadata.file_block_start").alias("block"),
        )
        .where(NOT_BLANK)
        .select("*", F.monotonically_increasing_id().bitwiseAND(F.lit(IN_TASK)).alias("at"))
    )


def _smallest_block(spark: SparkSession) -> int:
    """A file of at most so many bytes is never cut."""
    sizes = (spark.conf.get(f"spark.sql.files.{name}") for name in ("maxPartitionBytes", "openCostInBytes"))
    jvm: Any = spark._jvm
    return min(int(jvm.org.apache.spark.network.util.JavaUtils.byteStringAsBytes(size)) for size in sizes)


def _constants(placed: Placed) -> list[Column]:
    return [
        F.lit(placed.part.name).alias("_file"),
        F.lit(placed.batch_id).alias("_batch_id"),
        F.lit(placed.extract_date).cast("date").alias("_extract_date"),
    ]


def _positions(lines: DataFrame, parts: Sequence[Placed], first: int) -> list[dict[str, object]]:
    """Per file and block: what must be added to a line's position in its task to give its position in its file."""
    counted = lines.groupBy("path", "block").agg(F.min("at").alias("begin"), F.count("*").alias("lines")).collect()
    of_place = {place(placed.part.location): placed for placed in parts}
    positions = []
    for path, blocks in groupby(sorted(counted, key=itemgetter("path", "block")), key=itemgetter("path")):
        placed = of_place[same_place(path)]
        positions += _positions_of_file(list(blocks), placed, first)
    return positions


def _positions_of_file(blocks: Sequence[Row], placed: Placed, first: int) -> list[dict[str, object]]:
    positions: list[dict[str, object]] = []
    before = 0
    for block in blocks:
        positions.append({
            "path": block["path"],
            "block": block["block"],
            "shift": before - block["begin"] + first,
            "_file": placed.part.name,
            "_batch_id": placed.batch_id,
            "_extract_date": placed.extract_date and placed.extract_date.isoformat(),
        })  # fmt: skip
        before += block["lines"]
    return positions


def _shifted(spark: SparkSession, lines: DataFrame, positions: list[dict[str, object]]) -> DataFrame:
    known = spark.sql(
        "select inline(from_json(:positions, :schema))", {"positions": json.dumps(positions), "schema": POSITIONS}
    )
    # A left join: a block that was not there when lines were counted gives NULLs, which no contract lets through.
    joined = lines.join(F.broadcast(known), ["path", "block"], "left")
    return joined.select("value", (F.col("at") + F.col("shift")).alias("_row"), "_file", "_batch_id", "_extract_date")
