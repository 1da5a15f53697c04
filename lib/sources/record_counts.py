"""The number of records in inputs, counted by file alone, without regard to blocks, tasks and positions.

So one cause cannot make both this count and the numbering of `lib.sources.row_positions` wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import groupby

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from lib.files import encoded, literal
from lib.sources import databases
from lib.sources.input_parts import Part
from lib.sources.record_parsing import multiline_rows
from lib.sources.row_positions import NOT_BLANK, json_arrays

COLUMNS = ("path", "rows")
PATH = "_metadata.file_path"


def counted(spark: SparkSession, parts: Sequence[Part]) -> DataFrame:
    """One row per file or table that is not empty: `path`, and `rows`, which may include a header."""
    # A file may be named twice: by an input and by a manifest.
    once = {(_read_by(part), part.location): part for part in parts}
    kinds = groupby(sorted(once.values(), key=_read_by), key=_read_by)
    return reduce(DataFrame.unionAll, (_counted(spark, list(alike)) for _, alike in kinds))


def records(spark: SparkSession, part: Part, rows: Mapping[str, int]) -> int:
    """The records of a part; `rows` are those of `counted`, by path."""
    if part.format == "table":
        return rows.get(part.location, 0)
    is_read_by_line = part.format == "csv" and not part.layout.multiline
    return rows.get(encoded(spark, part.location), 0) - int(is_read_by_line and part.layout.header)


def _read_by(part: Part) -> str:
    """One scan counts all parts with the same value of this."""
    if part.format == "table":
        return part.location
    if part.format == "csv" and part.layout.multiline:
        return repr((part.layout, len(part.header)))
    return part.format if part.format == "json" else "lines"


def _counted(spark: SparkSession, parts: Sequence[Part]) -> DataFrame:
    part = parts[0]
    if part.format == "table":
        rows = databases.row_count(spark, databases.parse(part.location))
        return rows.select(F.lit(part.location).alias("path"), "rows")
    if part.format == "json":
        return json_arrays(spark, parts).select("path", F.size("elements").cast("bigint").alias("rows"))
    if part.format == "csv" and part.layout.multiline:
        return _by_path(multiline_rows(spark, parts, part.layout), F.col(PATH))
    return _by_path(spark.read.text([literal(part.location) for part in parts]).where(NOT_BLANK), F.col(PATH))


def _by_path(rows: DataFrame, path: Column) -> DataFrame:
    return rows.groupBy(path.alias("path")).agg(F.count("*").alias("rows"))
