"""Delta tables of a lake: the only module that writes them, large ones by Spark and small ones by `lib.delta.small`.

Without a change there is no commit. Every write returns the version that holds its result.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote

import pyarrow as pa
from delta.tables import DeltaTable
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.storagelevel import StorageLevel

from lib.accountability import anchors
from lib.contracts.model import Table
from lib.delta import small
from lib.delta.small import SmallTable
from lib.files import literal
from lib.local_frames import frame_of
from lib.sql import quoted

BATCH = "_batch_id"
READERS_KEEP = "interval 60 days"
COMPACTION = "spark.databricks.delta.optimize"
COMPACTED = 128 << 20  # bytes of a file that small ones are put together in
RETENTION_CHECK = "spark.databricks.delta.retentionDurationCheck.enabled"
# As objects: otherwise Spark serializes the rows, and every query that reads them must deserialize them again.
IN_MEMORY = StorageLevel.MEMORY_AND_DISK_DESER
LOCAL = 50_000  # rows up to which a table is a part of the plans that read it
AT_ONCE = 3  # small tables that are vacuumed in parallel: most of the time is planning and listing


@dataclass(frozen=True)
class Cut:
    """The rows of some data subjects in a table, `before` they were replaced in its version `found`, and `now`.

    Both are local checkpoints; `free` frees their memory.
    """

    found: int
    before: DataFrame
    now: DataFrame


@dataclass(frozen=True)
class Replaced:
    """The table's version after some rows were replaced, and the cut to their data subjects; None if all rows were."""

    version: int | None
    cut: Cut | None = None


class Tables:
    """The Delta tables below one root, and the run that writes them."""

    def __init__(self, spark: SparkSession, root: str, run_id: str) -> None:
        self.spark = spark
        self.root = root
        self._run_id = run_id
        self._jvm: Any = spark._jvm
        # This run is the lake's only writer, so a version stays known until this run writes.
        self._versions: dict[str, int | None] = {}
        self._known: dict[str, pa.Table] = {}
        # Before older versions are removed for good, nothing may build on them any more (`lib.delta.base`).
        self.before_vacuum: Callable[[], None] = lambda: None
        self.state({})

    def state(self, audit: Mapping[str, Any]) -> None:
        """Let every commit from now on state the run, and the last entry of the audit log."""
        self.metadata = {"run_id": self._run_id, **({anchors.FIELD: dict(audit)} if audit else {})}
        self.spark.conf.set("spark.databricks.delta.commitInfo.userMetadata", json.dumps(self.metadata))

    def forget(self) -> None:
        """Forget all known versions: the logs have been changed in another way."""
        self._versions.clear()
        self._known.clear()
        self._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()

    def files(self, table: Table) -> dict[str, int]:
        """The data files of the newest version, as Delta itself sees it: name -> bytes."""
        return {unquote(str(file.path())): int(file.size()) for file in self._added(table)}

    def statistics(self, table: Table) -> dict[str, str]:
        """Delta's statistics of the same files: name -> JSON."""
        return {unquote(str(file.path())): str(file.stats() or "") for file in self._added(table)}

    def _added(self, table: Table) -> Any:
        self._newest(table)  # Spark does not know yet what others than Spark have written
        return self._log(table).unsafeVolatileSnapshot().allFiles().collect()

    def location(self, table: Table) -> str:
        """The folder of the table's files."""
        return f"{self.root}/{table.path}"

    def version(self, table: Table) -> int | None:
        """The newest version, or None if the table does not exist."""
        if table.path not in self._versions:
            self._versions[table.path] = self._newest(table)
        return self._versions[table.path]

    def _forget(self, table: Table) -> None:
        """Forget the version of a table that Spark has just changed."""
        self._versions.pop(table.path, None)
        self._known.pop(table.path, None)

    def _newest(self, table: Table) -> int | None:
        in_background = False
        nothing = self._jvm.scala.Option.empty()
        version = int(self._log(table).update(in_background, nothing, nothing).version())
        return version if version >= 0 else None

    def _log(self, table: Table) -> Any:
        return self._jvm.org.apache.spark.sql.delta.DeltaLog.forTable(self.spark._jsparkSession, self.location(table))

    def read(self, table: Table, version: int | None = None) -> DataFrame:
        """The table's content; an empty frame of its schema if it does not exist."""
        if version is None and self.version(table) is None:
            return frame_of(self.spark, [], table.schema)
        reader = self.spark.read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", version)
        return reader.load(self.location(table))

    def read_files(self, table: Table, names: Iterable[str]) -> DataFrame:
        """The rows of these data files, of whatever version. Delta itself refuses an older version after a week."""
        return of_files(self.spark, table, self.location(table), names)

    def conform(self, frame: DataFrame, table: Table) -> DataFrame:
        """The contract's stored columns of `frame`, by name, in the contract's order, type and with its comments."""
        return frame.select(
            *(
                F.col(quoted(column.name))
                .cast(column.physical_type)
                .alias(column.name, metadata={"comment": column.description})
                for column in table.stored
            )
        )

    def replace_batches(self, table: Table, frame: DataFrame, batches: Sequence[str]) -> int | None:
        """Make `frame` the table's rows of the given batches; it replaces the rows of an interrupted run."""
        content = self.conform(frame, table)
        if self.version(table) is None:
            return self._write(table, content, "append")
        listed = ", ".join(f"'{batch}'" for batch in batches)
        return self._write(table, content, "overwrite", {"replaceWhere": f"{BATCH} in ({listed})"})

    def replace(self, table: Table, frame: DataFrame, *, files: int | None = None) -> int | None:
        """Make `frame` the table's whole content, in this number of files; no commit if the content is the same."""
        content = self.conform(frame, table)
        if files:
            content = content.coalesce(files)
        content = content.persist(IN_MEMORY)
        try:
            found, rows = self.version(table), self.few(table, content)
            known = self._rows(table) if rows is not None else None
            if rows is not None and known is not None and small.are_same(rows, known):
                self._known[table.path] = rows
                return found
            if rows is not None and (found is None or known is not None):
                return self.write_few(table, rows)
            if found is not None and _same(content, self.read(table)):
                return found
            return self._write(table, content, "overwrite")
        finally:
            content.unpersist()

    def few(self, table: Table, frame: DataFrame) -> pa.Table | None:
        """The rows, if they are few enough to be written from memory; None otherwise, or if Spark must write them."""
        place = SmallTable.at(self.location(table), table)
        if place is None or (self.version(table) is not None and place.is_other()):
            return None
        rows = frame.limit(small.FEW + 1).toArrow()
        return None if rows.num_rows > small.FEW else rows.select(place.schema.names).cast(place.schema)

    def few_of_files(self, table: Table, names: Mapping[str, int]) -> pa.Table | None:
        """The rows of these data files, given with their bytes, if they are few and sound; None otherwise."""
        place = SmallTable.at(self.location(table), table)
        return place.rows_of(set(names), sum(names.values())) if place else None

    def _rows(self, table: Table) -> pa.Table | None:
        """The newest rows, if they are few and sound; None otherwise."""
        place, version = SmallTable.at(self.location(table), table), self.version(table)
        return place.rows(version) if place and version is not None else None

    def write_few(self, table: Table, rows: pa.Table, mode: Literal["append", "overwrite"] = "overwrite") -> int | None:
        """Write the result of `few`, or rows like it, from memory; return the version."""
        place = SmallTable.at(self.location(table), table)
        if place is None:
            raise ValueError(f"{table.path} is a table that Spark must write.")
        stated = properties(table) if self.version(table) is None else None
        self._versions[table.path] = place.write(rows, mode, self.metadata, stated)
        self._known.pop(table.path, None)
        if mode == "overwrite":
            self._known[table.path] = rows
        return self._versions[table.path]

    def known(self, table: Table) -> DataFrame | None:
        """The newest rows of a small table without a scan, if this run has just written or compared them.

        They become a part of plans, so it has none for cells, of which one may count one person.
        """
        rows = self._known.get(table.path)
        if rows is None or rows.num_rows > LOCAL or table.load == "sum":
            return None
        return self.conform(self.spark.createDataFrame(rows), table)

    def release(self) -> None:
        """Free the memory of the rows that the run has written."""
        self._known.clear()

    def replace_subjects(self, table: Table, frame: DataFrame, subjects: DataFrame | None) -> Replaced:
        """Make `frame` the table's rows of the given subjects (None: of all); other rows stay unchanged.

        `subjects` has the column that the contract names as `subject`. Unchanged rows are not written. If rows are only
        added, they are appended, which rewrites nothing.
        """
        content = self.conform(frame, table)
        found = self.version(table)
        if found is None:
            return Replaced(self._write(table, content, "append"))
        if subjects is None:
            return Replaced(self._write(table, content, "overwrite"))
        # A transformation may also return rows without a person; these are in the table already.
        now, before = (self._cut(table, rows, subjects) for rows in (content, self.read(table)))
        changes = self._changes(table, before, now).persist(IN_MEMORY)
        try:
            counted = {row["_change"]: row["count"] for row in changes.groupBy("_change").count().collect()}
            if counted.keys() == {"insert"}:
                self._write(table, self.conform(changes, table), "append")
            elif counted:
                self._change(table, changes, sum(counted.values()) - counted.get("insert", 0))
            return Replaced(self.version(table), Cut(found, before, now))
        finally:
            changes.unpersist()

    def _cut(self, table: Table, rows: DataFrame, subjects: DataFrame) -> DataFrame:
        """The rows of these subjects, kept in memory: a table is searched for them once."""
        cut = rows.join(F.broadcast(subjects), on=str(table.subject), how="left_semi")
        return self.conform(cut, table).localCheckpoint(storageLevel=IN_MEMORY)

    def overwrite(self, table: Table, frame: DataFrame, *, files: int) -> int | None:
        """Make `frame`, which differs from the table, its whole content, in this number of files."""
        content = self.conform(frame, table).coalesce(files).persist(IN_MEMORY)
        try:
            rows = self.few(table, content)
            return self._write(table, content, "overwrite") if rows is None else self.write_few(table, rows)
        finally:
            content.unpersist()

    def append(self, table: Table, frame: DataFrame) -> int | None:
        """Add rows."""
        content = self.conform(frame, table)
        rows = self.few(table, content)
        return self._write(table, content, "append") if rows is None else self.write_few(table, rows, "append")

    def upsert(self, table: Table, frame: DataFrame) -> int | None:
        """Add rows, or replace rows of the same key."""
        found, content = self.version(table), self.conform(frame, table)
        rows = self.few(table, content)
        if rows is not None:
            known = rows.slice(0, 0) if found is None else self._rows(table)
            together = small.replaced(known, rows, table.key) if known is not None else None
            if together is not None:
                return self.write_few(table, together)
        if found is None:
            return self._write(table, content, "append")
        self._merge(table, content.withColumn("_change", F.lit("update")))
        return self.version(table)

    def delete(self, table: Table, keys: DataFrame) -> int | None:
        """Delete the rows that match a row of `keys` in its columns; values never enter a predicate."""
        if self.version(table) is not None:
            on = " and ".join(f"target.{quoted(name)} <=> source.{quoted(name)}" for name in keys.columns)
            target = DeltaTable.forPath(self.spark, self.location(table)).alias("target")
            target.merge(keys.distinct().alias("source"), on).whenMatchedDelete().execute()
            self._forget(table)
        return self.version(table)

    def delete_where(self, table: Table, condition: Column) -> None:
        """Delete the rows that meet a condition. The log keeps it, so it may name a day, but no value of a row."""
        if self.version(table) is not None and not self.read(table).where(condition).isEmpty():
            DeltaTable.forPath(self.spark, self.location(table)).delete(condition)
            self._forget(table)

    def compact(self, table: Table, small_bytes: int) -> None:
        """Put the rows of files below this size together in larger files; the rows stay what they are."""
        rows = self._rows(table)
        if rows is not None:
            self.write_few(table, rows)
            return
        with configured(self.spark, {f"{COMPACTION}.minFileSize": small_bytes, f"{COMPACTION}.maxFileSize": COMPACTED}):
            self.spark.sql(f"optimize delta.{quoted(self.location(table))}").collect()
        self._forget(table)

    def vacuum(self, *tables: Table) -> None:
        """Remove every file that the newest versions do not name: older versions, and orphans of killed jobs.

        The folders are listed (FULL): the log alone does not know orphans. Nobody may be reading an older version.
        """
        self.before_vacuum()
        known = [table for table in tables if self.version(table) is not None]
        with (
            configured(self.spark, {RETENTION_CHECK: False}),
            ThreadPoolExecutor(AT_ONCE, thread_name_prefix="vacuum") as pool,
        ):
            list(pool.map(self._vacuum, known))

    def _vacuum(self, table: Table) -> None:
        self._silence()
        self.spark.sql(f"vacuum delta.{quoted(self.location(table))} full retain 0 hours").collect()
        self._forget(table)

    def _silence(self) -> None:
        """Keep the calling thread's vacuum from printing what it removed: stdout is for the results of a job."""
        nothing = self._jvm.java.io.PrintStream(self._jvm.java.io.OutputStream.nullOutputStream())
        getattr(getattr(self._jvm.scala, "Console$"), "MODULE$").setOutDirect(nothing)

    def _changes(self, table: Table, before: DataFrame, now: DataFrame) -> DataFrame:
        names = [column.name for column in table.stored]
        old = before.select(F.struct(*names).alias("old"), *(F.col(name).alias(f"_key_{name}") for name in table.key))
        new = now.select(F.struct(*names).alias("new"), *(F.col(name).alias(f"_key_{name}") for name in table.key))
        both = old.join(new, on=[f"_key_{name}" for name in table.key], how="full_outer")
        change = F.when(F.col("old").isNull(), "insert").when(F.col("new").isNull(), "delete").otherwise("update")
        differing = both.where(~F.col("old").eqNullSafe(F.col("new")))
        return differing.select(F.coalesce("new", "old").alias("row"), change.alias("_change")).select(
            "row.*", "_change"
        )

    def _change(self, table: Table, changes: DataFrame, rows: int) -> None:
        """Carry out changes; `rows` of them concern rows that are in the table.

        A merge searches for the files that hold these rows, and rewrites them. With more rows than files nearly every
        file holds one, and the search costs more than it saves: then the whole table is rewritten.
        """
        if rows < int(self._log(table).unsafeVolatileSnapshot().numOfFiles()):
            self._merge(table, changes)
            return
        keys = F.broadcast(changes.select(*table.key))
        kept = self.conform(self.read(table).join(keys, on=list(table.key), how="left_anti"), table)
        entering = self.conform(changes.where("_change <> 'delete'"), table)
        self._write(table, kept.unionByName(entering), "overwrite")

    def _merge(self, table: Table, changes: DataFrame) -> None:
        on = " and ".join(f"target.{quoted(name)} = source.{quoted(name)}" for name in table.key)
        values: dict[str, str | Column] = {column.name: f"source.{quoted(column.name)}" for column in table.stored}
        target = DeltaTable.forPath(self.spark, self.location(table)).alias("target")
        (
            target.merge(changes.alias("source"), on)
            .whenMatchedDelete("source._change = 'delete'")
            .whenMatchedUpdate(set=values)
            .whenNotMatchedInsert(condition="source._change <> 'delete'", values=values)
            .execute()
        )
        self._forget(table)

    def _write(self, table: Table, content: DataFrame, mode: str, options: dict[str, str] | None = None) -> int | None:
        writer = content.write.format("delta").mode(mode).options(**(options or {}))
        if self.version(table) is None:
            writer = writer.options(**properties(table))
        writer.save(self.location(table))
        self._forget(table)
        return self.version(table)


@contextmanager
def configured(spark: SparkSession, settings: Mapping[str, int | bool]) -> Iterator[None]:
    """Settings of the session for a while."""
    for name, value in settings.items():
        spark.conf.set(name, value)
    try:
        yield
    finally:
        for name in settings:
            spark.conf.unset(name)


def free(checkpoint: DataFrame) -> None:
    """Free the memory of a local checkpoint, which nobody reads any more. Spark would do so once Java collects it."""
    blocking = False
    plan: Any = checkpoint._jdf.logicalPlan()
    plan.rdd().unpersist(blocking)


def of_files(spark: SparkSession, table: Table, location: str, names: Iterable[str]) -> DataFrame:
    """The rows of data files of the table at `location`; without any, an empty frame of its schema."""
    files = [literal(f"{location}/{name}") for name in names]
    return spark.read.schema(table.schema).parquet(*files) if files else frame_of(spark, [], table.schema)


def properties(table: Table) -> dict[str, str]:
    """The Delta properties of a new table; for statistics, later would be too late."""
    stated = {
        "delta.enableDeletionVectors": "false",
        "delta.enableChangeDataFeed": "false",
        "delta.checkpointInterval": "20",
        **_statistics(table),
    }
    if table.is_mart:
        stated |= {"delta.deletedFileRetentionDuration": READERS_KEEP, "delta.logRetentionDuration": READERS_KEEP}
    return stated


def _statistics(table: Table) -> dict[str, str]:
    """Smallest and largest values are kept only for harmless columns: the log keeps them for good.

    Tables that are computed in full from personal data get none: there too a value may belong to only one person, for
    example a channel that nobody else used. These tables are read completely anyway.
    """
    harmless = [column.name for column in table.stored if not column.personal and _has_statistics(column.physical_type)]
    computed = table.load in ("full", "sum", "anonymous")
    if not table.personal and not computed:
        return {}
    if not harmless or computed:
        return {"delta.dataSkippingNumIndexedCols": "0"}
    return {"delta.dataSkippingStatsColumns": ",".join(quoted(name) for name in harmless)}


def _has_statistics(physical_type: str) -> bool:
    return not physical_type.startswith(("array", "map", "struct", "binary", "boolean"))


def _same(left: DataFrame, right: DataFrame) -> bool:
    """Whether two frames of one schema hold the same rows in any order: compared by row hashes."""
    if left.columns != right.columns:
        return False
    prints = [_fingerprint(frame, number) for number, frame in enumerate((left, right))]
    rows = prints[0].unionAll(prints[1]).collect()
    found = {row["side"]: (row["rows"], row["low"], row["high"]) for row in rows}
    return found[0] == found[1]


def _fingerprint(frame: DataFrame, side: int) -> DataFrame:
    columns = [F.col(quoted(name)) for name in frame.columns]
    # Two independent hashes, since the hash skips NULLs: the second one includes their positions.
    low = F.xxhash64(*columns).cast("decimal(38,0)")
    high = F.xxhash64(F.to_json(F.struct(*columns))).cast("decimal(38,0)")
    return frame.agg(
        F.lit(side).alias("side"), F.count("*").alias("rows"), F.sum(low).alias("low"), F.sum(high).alias("high")
    )
