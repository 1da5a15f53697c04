"""The audit of staged versions, before people may read them.

It checks what the contracts promise: columns and types, conditions on every row (Great Expectations), keys and
relationships, and the contracts' own SQL checks. Findings hold counts and names, never a value of a row.
"""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import ModuleType
from typing import cast

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from lib.audit import checks, integrity
from lib.audit.results import CheckResult
from lib.contracts.model import Catalog, Table
from lib.delta.tables import Tables
from lib.local_frames import frame_of

__all__ = ["CheckResult", "audit", "prepare"]

EXPECTATIONS = "lib.audit.expectations"
# Planning alternates between Python and Spark; a few threads keep both busy.
THREADS = 4
# Bytes on disk up to which a table is kept in memory while it is audited.
SMALL = 4_000_000
# Settings of the caller's session on which the answers and their speed depend.
INHERITED = ("spark.sql.session.timeZone", "spark.sql.ansi.enabled", "spark.sql.shuffle.partitions")
# The aggregates return one row: planning again after every stage costs more jobs than it could save.
ADAPTIVE = "spark.sql.adaptive.enabled"


def prepare() -> None:
    """Load Great Expectations in the background, since it takes seconds; for jobs that will audit later."""
    threading.Thread(target=_expectations, name="prepare-audit", daemon=True).start()


def audit(
    tables: Tables, catalog: Catalog, versions: Mapping[str, int], only: Collection[str] | None = None
) -> tuple[CheckResult, ...]:
    """Judge the tables at exactly these versions (path -> Delta version).

    `only` names the paths that have changed since their last audit (None: all): checks that concern none of them are
    not repeated. If columns or types of a table differ from its contract, its other checks are skipped: they would be
    about other columns. Findings come in the order of the catalog.
    """
    spark = _session(tables.spark)
    stored = catalog.stored
    frames = {table.name: _frame(spark, tables, table, versions) for table in stored}
    changed = [table for table in stored if table.path in versions and (only is None or table.path in only)]
    shapes = [_shape(table, frames[table.name]) for table in changed]
    wrong = {finding.table for finding in shapes if not finding.passed}
    sound = [table for table in stored if table.path not in wrong]
    judged = [table for table in changed if table.path not in wrong]
    with _kept(tables, judged, frames) as kept:
        found = [*shapes, *_content(spark, catalog, sound, judged, kept)]
    order = {table.path: number for number, table in enumerate(catalog)}
    return tuple(sorted(found, key=lambda finding: order[finding.table]))


def _content(
    spark: SparkSession,
    catalog: Catalog,
    sound: Sequence[Table],
    changed: Sequence[Table],
    frames: Mapping[str, DataFrame],
) -> list[CheckResult]:
    names = {table.name for table in changed}
    asked = integrity.questions(catalog, {table.name for table in sound}, names)
    with _pool(spark) as pool:
        parts: list[Future[tuple[CheckResult, ...]]] = [
            pool.submit(integrity.findings, asked, frames),
            pool.submit(_checks, spark, catalog, names, frames),
        ]
        examiner = _expectations().Examiner()
        parts += [pool.submit(examiner.add(table), frames[table.name]) for table in changed]
        return [finding for part in parts for finding in part.result()]


@contextmanager
def _kept(
    tables: Tables, judged: Sequence[Table], frames: Mapping[str, DataFrame]
) -> Iterator[Mapping[str, DataFrame]]:
    """The frames. Small ones are kept in memory meanwhile, in one piece, so that none of their queries shuffles.

    Several queries read each table. Whenever a query over a Delta table is planned, a job lists its files. For a small
    table that is most of the work.
    """
    with _pool(tables.spark) as pool:
        # The size of the newest version is near enough to that of the staged one.
        sizes = pool.map(tables.size, judged)
        names = [table.name for table, size in zip(judged, sizes, strict=True) if size <= SMALL]
    small = {name: frames[name].coalesce(1).persist() for name in names}
    try:
        yield {**frames, **{name: frame.coalesce(1) for name, frame in small.items()}}
    finally:
        for frame in small.values():
            frame.unpersist()


def _pool(spark: SparkSession) -> ThreadPoolExecutor:
    """Threads; their Spark jobs count as the caller's."""
    tags = spark.sparkContext.getJobTags()

    def inherit() -> None:
        for tag in tags:
            spark.sparkContext.addJobTag(tag)

    return ThreadPoolExecutor(THREADS, thread_name_prefix="audit", initializer=inherit)


def _checks(
    spark: SparkSession, catalog: Catalog, changed: Collection[str], frames: Mapping[str, DataFrame]
) -> tuple[CheckResult, ...]:
    asked = [
        (table, check)
        for table in catalog
        for check in table.checks
        if table.name in changed or any(checks.named([check.query], changed))
    ]
    for name in checks.named([check.query for _, check in asked], frames):
        frames[name].createOrReplaceTempView(name)
    return checks.findings(spark, asked)


def _session(spark: SparkSession) -> SparkSession:
    """A separate session: nobody else sees the audit's views and settings."""
    session = spark.newSession()
    for name in INHERITED:
        session.conf.set(name, str(spark.conf.get(name)))
    session.conf.set(ADAPTIVE, "false")
    return session


def _frame(spark: SparkSession, tables: Tables, table: Table, versions: Mapping[str, int]) -> DataFrame:
    if table.path not in versions:
        return frame_of(spark, [], table.schema)
    reader = spark.read.format("delta").option("versionAsOf", versions[table.path])
    return reader.load(tables.location(table))


def _shape(table: Table, frame: DataFrame) -> CheckResult:
    expected = [
        f"{field.name} {field.dataType.simpleString()}"
        for field in cast("StructType", StructType.fromDDL(table.schema))
    ]
    observed = [f"{name} {kind}" for name, kind in frame.dtypes]
    lacking = [column for column in expected if column not in observed]
    surplus = [column for column in observed if column not in expected]
    differing = [f"without {column}" for column in lacking] + [f"with {column}" for column in surplus]
    if not differing and expected != observed:
        differing = ["in another order"]
    wanted = f"{len(expected)} columns of the contract's names, types and order"
    return CheckResult(
        table.path, "schema", not differing, ", ".join(differing) or "as expected", wanted, table.description
    )


def _expectations() -> ModuleType:
    """`lib.audit.expectations`, loaded on first use; waits for a load that is under way."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    return importlib.import_module(EXPECTATIONS)
