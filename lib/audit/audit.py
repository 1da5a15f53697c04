"""The audit of staged versions, before people may read them.

It checks what the contracts promise: columns and types, conditions on every row (Great Expectations), keys and
relationships, and the contracts' own SQL checks. Findings hold counts and names, never a value of a row.
"""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from types import ModuleType

from pyspark.sql import SparkSession

from lib.audit import checks, integrity
from lib.audit.results import CheckResult
from lib.audit.staged import Staged, Touched, expected
from lib.contracts.model import Catalog, Check, Table
from lib.delta.tables import Tables

__all__ = ["CheckResult", "Touched", "audit", "prepare"]

EXPECTATIONS = "lib.audit.expectations"
# Planning alternates between Python and Spark; a few threads keep both busy.
THREADS = 4
TOUCHED = "touched_"  # begins the name of a view of the rows that a run may have changed
# Settings of the caller's session on which the answers and their speed depend.
INHERITED = ("spark.sql.session.timeZone", "spark.sql.ansi.enabled", "spark.sql.shuffle.partitions")
# The aggregates return one row: planning again after every stage costs more jobs than it could save.
ADAPTIVE = "spark.sql.adaptive.enabled"


def prepare() -> None:
    """Load Great Expectations in the background, since it takes seconds; for jobs that will audit later."""
    threading.Thread(target=_expectations, name="prepare-audit", daemon=True).start()


def audit(
    tables: Tables,
    catalog: Catalog,
    versions: Mapping[str, int],
    only: Collection[str] | None = None,
    touched: Touched | None = None,
) -> tuple[CheckResult, ...]:
    """Judge the tables at exactly these versions (path -> Delta version).

    `only` names the paths that have changed since their last audit (None: all): checks that concern none of them are
    not repeated. With `touched`, large tables are judged only as far as they have changed: the run that made a row has
    judged it. The contracts' queries ask whole tables all the same, unless they are about each data subject by itself.
    If columns or types of a table differ from its contract, its other checks are skipped: they would be about other
    columns. Findings come in the catalog's order.
    """
    spark = _session(tables.spark)
    stored = catalog.stored
    known = touched or Touched()
    staged = {
        table.name: Staged(
            spark,
            table,
            tables.location(table),
            versions.get(table.path),
            known.rows.get(table.path),
            known.before.get(table.path),
        )
        for table in stored
    }
    changed = [table for table in stored if table.path in versions and (only is None or table.path in only)]
    shapes = [_shape(staged[table.name]) for table in changed]
    wrong = {finding.table for finding in shapes if not finding.passed}
    sound = [table for table in stored if table.path not in wrong]
    judged = [table for table in changed if table.path not in wrong]
    try:
        found = [*shapes, *_content(spark, catalog, sound, judged, staged)]
    finally:
        for each in staged.values():
            each.release()
    order = {table.path: number for number, table in enumerate(catalog)}
    return tuple(sorted(found, key=lambda finding: order[finding.table]))


def _content(
    spark: SparkSession,
    catalog: Catalog,
    sound: Sequence[Table],
    changed: Sequence[Table],
    staged: Mapping[str, Staged],
) -> list[CheckResult]:
    names = {table.name for table in changed}
    asked = integrity.questions(catalog, {table.name for table in sound}, names)
    read_by_checks = [table for table in changed if any(check.of_each_subject for check in table.checks)]
    with _pool(spark) as pool:
        # Each part reads these rows, so they are searched for first; the queries wait only for those that they read.
        for table in read_by_checks:
            _ = staged[table.name].judged
        checked = pool.submit(_checks, spark, catalog, names, staged)
        for table in changed:
            _ = staged[table.name].judged
        parts: list[Future[tuple[CheckResult, ...]]] = [pool.submit(integrity.findings, asked, staged), checked]
        examiner = _expectations().Examiner()
        parts += [pool.submit(examiner.add(staged[table.name])) for table in changed]
        return [finding for part in parts for finding in part.result()]


def _pool(spark: SparkSession) -> ThreadPoolExecutor:
    """Threads; their Spark jobs count as the caller's."""
    tags = spark.sparkContext.getJobTags()

    def inherit() -> None:
        for tag in tags:
            spark.sparkContext.addJobTag(tag)

    return ThreadPoolExecutor(THREADS, thread_name_prefix="audit", initializer=inherit)


def _checks(
    spark: SparkSession, catalog: Catalog, changed: Collection[str], staged: Mapping[str, Staged]
) -> tuple[CheckResult, ...]:
    asked = [
        (table, check)
        for table in catalog
        for check in table.checks
        if table.name in changed or any(checks.named([check.query], changed))
    ]
    for name in checks.named([check.query for _, check in asked], staged):
        staged[name].view.createOrReplaceTempView(name)
    return checks.findings(spark, [(table, _limited(check, staged[table.name])) for table, check in asked])


def _limited(check: Check, asked: Staged) -> Check:
    """The check as it is to be asked: of the rows that the run may have changed, if these are all of some subjects."""
    is_cut = asked.selected is not None and asked.rows is None and asked.table.load == "subject"
    if not check.of_each_subject or not is_cut:
        return check
    name = f"{TOUCHED}{asked.table.name}"
    asked.touched.createOrReplaceTempView(name)
    return replace(check, query=f"with {asked.table.name} as (select * from {name})\n{check.query}")


def _session(spark: SparkSession) -> SparkSession:
    """A separate session: nobody else sees the audit's views and settings."""
    session = spark.newSession()
    for name in INHERITED:
        session.conf.set(name, str(spark.conf.get(name)))
    session.conf.set(ADAPTIVE, "false")
    return session


def _shape(staged: Staged) -> CheckResult:
    table, wanted, observed = staged.table, expected(staged.table), staged.columns
    lacking = [column for column in wanted if column not in observed]
    surplus = [column for column in observed if column not in wanted]
    differing = [f"without {column}" for column in lacking] + [f"with {column}" for column in surplus]
    if not differing and wanted != observed:
        differing = ["in another order"]
    promised = f"{len(wanted)} columns of the contract's names, types and order"
    return CheckResult(
        table.path, "schema", not differing, ", ".join(differing) or "as expected", promised, table.description
    )


def _expectations() -> ModuleType:
    """`lib.audit.expectations`, loaded on first use; waits for a load that is under way."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    return importlib.import_module(EXPECTATIONS)
