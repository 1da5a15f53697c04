"""Retention: what the contracts keep for a period goes when the period has ended, to the byte.

Two kinds of period. Rows that count from a date of their own (`retentionFrom` names a column) are deleted by that date.
Persons whose last activity lies too far back leave every layer by the same phases as an erasure, their sales becoming
anonymous lines; but they are not suppressed, since who becomes active again may come again.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lib import auditlog, bronze, census, durations, erasure, keys, subjects
from lib.contracts import LAST_ACTIVITY, Table
from lib.durations import Duration
from lib.errors import UsageError
from lib.lake import Lake
from lib.literals import trimmed

JOB = "enforce_retention"
KEY, DAY = "_key", "_day"


@dataclass(frozen=True)
class Due:
    """What is due: rows by table, and the persons with their rows by table."""

    rows: dict[str, int]
    persons: tuple[str, ...]

    def __str__(self) -> str:
        rows = ", ".join(f"{count} rows of {path}" for path, count in self.rows.items() if count) or "no rows by date"
        return f"{len(self.persons)} persons by last activity and {rows}"


def enforce(lake: Lake, as_of: dt.date, *, dry_run: bool, grace: float) -> str:
    """Delete what is due on `as_of`. The caller holds the lake's lock. Gives the last line.

    With `dry_run`, only counts are given and nothing is written.
    """
    census.require(lake.catalog)
    if dry_run:
        return f"Due on {as_of}: {_due(lake, as_of)}. Nothing has been written."
    finished = erasure.resume(lake, grace)
    erasure.settle(lake)
    due = _due(lake, as_of)
    _delete_rows(lake, as_of, due)
    if due.persons:
        found = subjects.known(lake, due.persons)
        request = erasure.prepared(lake, "retention", due.persons, found)
        finished.append(erasure.begin(lake, request, grace))
    done = f"Retention as of {as_of}: {due}."
    return f"{done} {erasure.told(lake, finished)}" if finished else done


def _due(lake: Lake, as_of: dt.date) -> Due:
    rows = {
        table.path: lake.tables.read(table).where(F.to_date(F.col(f"`{column}`")) < F.lit(period.before(as_of))).count()
        for table, column, period in _dated(lake)
    }
    return Due(rows, _expired(lake, as_of))


def _dated(lake: Lake) -> list[tuple[Table, str, Duration]]:
    """The tables whose rows count from a date of their own, that column, and the period."""
    found: dict[str, tuple[Table, str, Duration]] = {}
    for table, column, period in _periods(lake):
        if column != LAST_ACTIVITY:
            found.setdefault(table.path, (table, column, period))
    return list(found.values())


def _periods(lake: Lake) -> list[tuple[Table, str, Duration]]:
    """By table, what each of its periods counts from; the shortest comes first."""
    stored = [table for table in lake.catalog if not table.is_view and lake.tables.version(table) is not None]
    stated = [
        (table, column.retention_from, durations.parse(column.retention))
        for table in stored
        for column in table.stored
        if column.personal
    ]
    known = [(table, start, period) for table, start, period in stated if period is not None]
    return sorted(known, key=lambda each: each[2].before(dt.date(4000, 1, 1)), reverse=True)


def _delete_rows(lake: Lake, as_of: dt.date, due: Due) -> None:
    if not any(due.rows.values()):
        return
    counts = {path.replace("/", "_"): count for path, count in due.rows.items()}
    for table, column, period in _dated(lake):
        with lake.steps.step(f"retention: {table.path}"):
            if lake.tables.delete_before(table, column, period.before(as_of)):
                lake.tables.vacuum(table)
    log = auditlog.audit_log(lake.tables.root, lake.settings.secrets)
    log.append("retention_rows_deleted", auditlog.new_reference(), counts)


def _expired(lake: Lake, as_of: dt.date) -> tuple[str, ...]:
    """The source ids of the persons whose last activity lies before the period."""
    periods = {period for _, start, period in _periods(lake) if start == LAST_ACTIVITY}
    if not periods:
        return ()
    if len(periods) > 1:
        raise UsageError(
            "The contracts state different periods from the last activity.", "State one: a person leaves as a whole."
        )
    limit = periods.pop().before(as_of)
    active = _last_activity(lake)
    source, column = bronze.table(lake), str(bronze.table(lake).subject)
    ids = lake.tables.read(source).select(trimmed(F.col(column)).alias("id")).where("id is not null").distinct()
    key = keys.secret_key(lake.settings.secrets, bronze.PSEUDONYM_KEY)
    both = keys.with_pseudonym(ids.withColumn(KEY, F.col("id")), KEY, KEY, key)
    # Of whom no activity is known nothing says that the period has begun; they are active as of their first day here.
    old = active.where(F.col(DAY) < F.lit(limit))
    return tuple(sorted(row["id"] for row in both.join(old, on=KEY, how="left_semi").select("id").collect()))


def _last_activity(lake: Lake) -> DataFrame:
    """By pseudonym, the day of the last activity."""
    tables = [table for table in lake.catalog if table.activity and not table.is_view]
    if not tables:
        raise UsageError("No contract says when a person was active.", "Name date columns under 'activity'.")
    days = [
        lake.tables.read(table).select(
            F.col(str(table.subject)).alias(KEY), F.array_max(F.array(*table.activity)).alias(DAY)
        )
        for table in tables
    ]
    return reduce(DataFrame.unionAll, days).groupBy(KEY).agg(F.max(DAY).alias(DAY))
