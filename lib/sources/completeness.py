"""Completeness: after a load, bronze holds every record of every file once, under its position.

One query reads bronze as committed and counts the files again (`lib.sources.record_counts`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lib.delta.tables import BATCH
from lib.errors import AuditFailed, InputRefused
from lib.sources import databases, record_counts
from lib.sources.input_parts import Part
from lib.sources.inputs import Batch
from lib.sources.row_positions import FILE, ROW

Key = tuple[str, str]  # batch and file
NOTHING = "Nothing has been loaded."
CHANGED = f"{NOTHING} Run the same command again: the file may have changed while it was read."


@dataclass(frozen=True)
class Held:
    """The content of a file in bronze: its rows, and their different positions."""

    rows: int = 0
    positions: int = 0
    lowest: int = 1
    highest: int = 0


def require_complete(
    spark: SparkSession, bronze: DataFrame, batches: Sequence[Batch], kept_out: Mapping[Key, int]
) -> dict[str, int]:
    """The records by batch, if `bronze` (the rows of these batches) and `kept_out` hold all of them, each once.

    `kept_out` are the rows of a batch and file that must not be in bronze. Raises `AuditFailed` if a row was lost,
    doubled or misnumbered, `InputRefused` if a file does not match its manifest.
    """
    held, counted = _read(spark, bronze, [part for batch in batches for part in batch.parts])
    records = dict.fromkeys((batch.id for batch in batches), 0)
    for batch in batches:
        for part in batch.parts:
            key = (batch.id, part.name)
            expected = record_counts.records(spark, part, counted)
            _require(spark, part, held.get(key, Held()), kept_out.get(key, 0), expected)
            records[batch.id] += expected
    return records


def _read(spark: SparkSession, bronze: DataFrame, parts: Sequence[Part]) -> tuple[dict[Key, Held], dict[str, int]]:
    """The content of bronze, and the number of rows in the files and tables."""
    nothing = [F.lit(None).cast("bigint")] * 3
    counted = record_counts.counted(spark, parts).select(F.lit(None).cast("string"), "path", "rows", *nothing)
    held: dict[Key, Held] = {}
    rows: dict[str, int] = {}
    for batch, name, *figures in _held(bronze).unionAll(counted).collect():
        if batch is None:
            rows[name] = figures[0]
        else:
            held[batch, name] = Held(*figures)
    return held, rows


def _held(bronze: DataFrame) -> DataFrame:
    """By batch and file: rows, different positions, the lowest and the highest.

    Positions are counted as bits of words. A word covers 64 neighbours, which are mostly in one task; a count of
    different values would send every row to another task.
    """
    offset = F.col(ROW) - 1
    words = bronze.groupBy(BATCH, FILE, F.shiftright(offset, 6).alias("word")).agg(
        F.count("*").alias("rows"),
        F.bit_or(F.expr(f"shiftleft(1L, cast(({ROW} - 1) & 63 as int))")).alias("bits"),
        F.min(ROW).alias("lowest"),
        F.max(ROW).alias("highest"),
    )
    return words.groupBy(BATCH, FILE).agg(
        F.sum("rows").alias("rows"),
        F.coalesce(F.sum(F.bit_count("bits")), F.lit(0)).alias("positions"),
        F.coalesce(F.min("lowest"), F.lit(0)).alias("lowest"),
        F.coalesce(F.max("highest"), F.lit(0)).alias("highest"),
    )


def _require(spark: SparkSession, part: Part, held: Held, kept_out: int, records: int) -> None:
    if part.rows not in (None, records):
        raise InputRefused(
            f"{part.name} holds {records} records, but its manifest says {part.rows}.",
            f"{NOTHING} Split the input again.",
        )
    problem = next(_problems(held, kept_out, records, given=_gives_positions(spark, part)), None)
    if problem:
        raise AuditFailed(f"{part.name} holds {records} records, but {problem}.", CHANGED)


def _problems(held: Held, kept_out: int, records: int, *, given: bool) -> Iterator[str]:
    """What is wrong with a file's rows. Positions that are `given` may have gaps."""
    if held.rows + kept_out != records:
        yield f"{held.rows} rows of it are in bronze" + (f" and {kept_out} were kept out" if kept_out else "")
    if held.positions != held.rows:
        yield f"its {held.rows} rows in bronze have {held.positions} positions"
    # With this number of different positions within 1..n, only the rows that were kept out can leave gaps.
    if not given and not (held.lowest >= 1 and held.highest <= records):
        yield f"its rows in bronze have the positions {held.lowest} to {held.highest}"


def _gives_positions(spark: SparkSession, part: Part) -> bool:
    return part.format == "table" and databases.gives_positions(spark, databases.parse(part.location))
