"""The versions that an audit judges: large ones as frames of Spark, small ones as rows in memory.

Whenever Spark plans a query over a Delta table, it runs a job to list its files, and each answer is one more job. For a
small table that is nearly all of the work. So delta-rs, a reader of its own, reads it once, and no job is needed. Of a
large table it says which files belong to the version, and Spark reads these. The rows that a run may have changed are
searched for once, and if they are few, they are judged in memory too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
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
from lib.delta.small import described, in_memory
from lib.delta.tables import IN_MEMORY, free, of_files
from lib.local_frames import frame_of
from lib.sql import quoted

SMALL = small.BYTES
FEW = small.FEW
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
        if self._files is None or self._delta is None:
            return None
        if sum(self._delta.get_add_actions()["size_bytes"].to_pylist()) > SMALL:
            return None
        return self._rows_of(self._files)

    def _rows_of(self, names: Iterable[str]) -> pa.Table:
        files = [f"{self.location}/{name}" for name in names]
        return in_memory(files) if files else to_arrow_schema(_types(self.table)).empty_table()

    @cached_property
    def judged(self) -> pa.Table | None:
        """All rows of a small table, and those of a large one that the run may have changed; None if there are many."""
        if self.rows is not None or self.selected is None:
            return self.rows
        if self.is_unchanged:
            return to_arrow_schema(_types(self.table)).empty_table()
        rows = self.touched.limit(FEW + 1).toArrow()
        return rows if rows.num_rows <= FEW else None

    @cached_property
    def frame(self) -> DataFrame:
        """The rows as Spark reads them."""
        if self.version is None:
            return frame_of(self.spark, [], self.table.schema)
        if self._files is not None and self.columns == expected(self.table):
            return of_files(self.spark, self.table, self.location, self._files)
        return self.spark.read.format("delta").option("versionAsOf", self.version).load(self.location)

    @cached_property
    def touched(self) -> DataFrame:
        """Those rows of `frame` that the run may have changed, kept until `release`: several questions read them."""
        if not self.selected:
            return self.frame
        if self.is_unchanged:
            return self.frame.limit(0)
        return self._selected(self.frame).localCheckpoint(storageLevel=IN_MEMORY)

    def release(self) -> None:
        """Free the memory of kept rows."""
        if self.selected and "touched" in vars(self) and not self.is_unchanged:
            free(self.touched)

    def earlier(self, column: str) -> DataFrame | None:
        """The values that `column` had before the run in the rows that it may have changed; None if unknown."""
        if self.before is None or self.version is None:
            return None
        names = () if self.is_unchanged else self.before
        return self._selected(of_files(self.spark, self.table, self.location, names)).select(quoted(column)).distinct()

    def earlier_in_memory(self, column: str) -> pa.ChunkedArray | None:
        """All values that `column` of a small table had before the run; None if it was large, or if that is unknown."""
        folder = address.local_path(self.location)
        if self.before is None or folder is None:
            return None
        try:
            if sum((folder / name).stat().st_size for name in self.before) > SMALL:
                return None
            return self._rows_of(() if self.is_unchanged else self.before)[column]
        except (OSError, KeyError, pa.ArrowException):
            return None

    @property
    def is_unchanged(self) -> bool:
        """Whether it has just the files that the run found."""
        return self.before is not None and self._files is not None and set(self.before) == set(self._files)

    def _selected(self, rows: DataFrame) -> DataFrame:
        # A join moves its column to the front.
        return self.selected(rows).select(*map(quoted, rows.columns)) if self.selected else rows

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
        return described(small.types_of(self._delta))

    @cached_property
    def _files(self) -> list[str] | None:
        """The names of the version's data files; None if it is not known that they hold just the version's rows."""
        if self._delta is None or small.has_features(self._delta):
            return None
        return [unquote(uri.rpartition("/")[2]) for uri in self._delta.file_uris()]

    @cached_property
    def _delta(self) -> DeltaTable | None:
        """The table as delta-rs reads it; None if it is not on this machine, or has a feature that delta-rs lacks."""
        folder = small.folder_of(self.location)
        try:
            return DeltaTable(str(folder), version=self.version) if folder else None
        except DeltaError:
            return None


def expected(table: Table) -> list[str]:
    """The columns that the contract states."""
    return described(_types(table))


def _types(table: Table) -> StructType:
    return cast("StructType", StructType.fromDDL(table.schema))


def as_pandas(rows: pa.Table) -> Any:
    """The rows for Great Expectations. Whole numbers, days and times stay what they are, with and without NULLs."""
    return rows.to_pandas(integer_object_nulls=True, date_as_object=True, timestamp_as_object=True)
