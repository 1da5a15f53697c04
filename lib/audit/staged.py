"""The versions that an audit judges: large ones as frames of Spark, small ones as rows in memory.

Whenever Spark plans a query over a Delta table, it runs a job to list its files, and each answer is one more job. For a
small table that is nearly all of the work. So delta-rs, a reader of its own, reads it once, and no job is needed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from lib import address
from lib.contracts.model import Table
from lib.delta import small
from lib.delta.small import in_memory
from lib.delta.tables import of_files
from lib.local_frames import frame_of
from lib.sql import quoted

SMALL = small.BYTES
Rows = Callable[[DataFrame], DataFrame]


@dataclass(frozen=True)
class Touched:
    """What a run has touched: by table, what selects the rows that it may have changed, and the data files it found.

    All rows of a table without an entry may have changed.
    """

    rows: Mapping[str, Rows] = field(default_factory=dict)
    before: Mapping[str, Collection[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Staged:
    """A table of the lake at `location`, at a version; None if the table does not exist and so has no rows.

    `selected` selects the rows that the run may have changed, None all; `before` are the data files that the run found,
    None if everything is to be judged.
    """

    spark: SparkSession
    table: Table
    location: str
    version: int | None
    selected: Rows | None = None
    before: Collection[str] | None = None

    @cached_property
    def rows(self) -> pa.Table | None:
        """All rows of a small table on this machine; None for any other table."""
        if self.version is None:
            return to_arrow_schema(_types(self.table)).empty_table()
        try:
            return self._in_memory()
        except (OSError, pa.ArrowException, DeltaError):
            return None  # whatever is wrong with it, Spark says it in words that are known

    def _in_memory(self) -> pa.Table | None:
        # A newer version for readers has features, for example deletion vectors, without which rows would be wrong.
        if self._delta is None or self._delta.protocol().min_reader_version > 1:
            return None
        if sum(self._delta.get_add_actions()["size_bytes"].to_pylist()) > SMALL:
            return None
        names = [unquote(uri.rpartition("/")[2]) for uri in self._delta.file_uris()]
        if not names:
            return to_arrow_schema(_types(self.table)).empty_table()
        return in_memory([f"{self.location}/{name}" for name in names])

    @cached_property
    def frame(self) -> DataFrame:
        """The rows as Spark reads them."""
        if self.version is None:
            return frame_of(self.spark, [], self.table.schema)
        return self.spark.read.format("delta").option("versionAsOf", self.version).load(self.location)

    @property
    def touched(self) -> DataFrame:
        """Those rows of `frame` that the run may have changed."""
        return self._selected(self.frame)

    def left(self, column: str) -> DataFrame | None:
        """The values that `column` had before the run, and has no longer; None if that is not known."""
        if self.before is None or self.version is None:
            return None
        earlier = of_files(self.spark, self.table, self.location, self.before)
        return (
            self._selected(earlier)
            .select(column)
            .join(self.touched.select(column), on=column, how="left_anti")
            .distinct()
        )

    def _selected(self, rows: DataFrame) -> DataFrame:
        # A join moves its column to the front.
        return self.selected(rows).select(*rows.columns) if self.selected else rows

    @cached_property
    def view(self) -> DataFrame:
        """The rows for a query of Spark, by the shorter way. Rows about persons never become part of a plan."""
        if self.rows is None or self.table.personal or self.table.load == "sum":  # a cell may count one person
            return self.frame
        types = {column.name: column.physical_type for column in self.table.stored}
        rows = self.spark.createDataFrame(self.rows)
        return rows.select(*(F.col(quoted(name)).cast(types[name]) for name in rows.columns if name in types))

    @cached_property
    def columns(self) -> list[str]:
        """Name and type of each column, as Spark writes them."""
        if self.version is None:
            return described(_types(self.table))
        if self._delta is None:
            return described(self.frame.schema)
        return described(StructType.fromJson(json.loads(self._delta.schema().to_json())))

    @cached_property
    def _delta(self) -> DeltaTable | None:
        """The table as delta-rs reads it; None if it is not on this machine, or has a feature that delta-rs lacks."""
        folder = address.local_path(self.location)
        try:
            return DeltaTable(str(folder), version=self.version) if folder else None
        except DeltaError:
            return None


def expected(table: Table) -> list[str]:
    """The columns that the contract states."""
    return described(_types(table))


def described(schema: StructType) -> list[str]:
    """Name and type of each column."""
    return [f"{field.name} {field.dataType.simpleString()}" for field in schema]


def _types(table: Table) -> StructType:
    return cast("StructType", StructType.fromDDL(table.schema))


def as_pandas(rows: pa.Table) -> Any:
    """The rows for Great Expectations. Whole numbers, days and times stay what they are, with and without NULLs."""
    return rows.to_pandas(integer_object_nulls=True, date_as_object=True, timestamp_as_object=True)
