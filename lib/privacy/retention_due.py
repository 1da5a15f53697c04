"""What is due: the rows and persons whose period, as the contracts state it, has ended on a day.

Rows that count from a date of their own are due by that date. A person is due as a whole, by the last activity; of whom
no activity is known, by the day on which the newest row about that person was loaded. Rows of bronze that name nobody
are due by the day on which they were loaded. Who restricted the use of the own data (Art. 18) is not due: the person
may need them, and the organisation decides with the person when the restriction ends.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lib import durations, keys
from lib.build import bronze
from lib.contracts.model import LAST_ACTIVITY, Table
from lib.delta.lake import Lake
from lib.durations import Duration
from lib.errors import UsageError
from lib.normal_form import names_somebody, seen_of, trimmed
from lib.rights import restrictions
from lib.sql import quoted

KEY, DAY, LOADED = "_key", "_day", "_loaded"
INGESTED = "_ingested_at"


@dataclass(frozen=True)
class Dated:
    """Rows of a table that are due by themselves: those whose date in `column` lies before `day`, if `where` holds."""

    table: Table
    column: str
    day: dt.date
    where: Column

    @property
    def condition(self) -> Column:
        """Which rows are due. Names a day, never a value of a person."""
        return (F.to_date(F.col(quoted(self.column))) < F.lit(self.day)) & self.where


@dataclass(frozen=True)
class Due:
    """What is due: rows by table, the persons, and how many more are kept since they restricted the use."""

    rows: Mapping[str, int]
    persons: tuple[str, ...]
    kept: int

    def __str__(self) -> str:
        rows = ", ".join(f"{count} rows of {path}" for path, count in self.rows.items() if count) or "no rows by date"
        kept = f" ({self.kept} restricted persons are kept)" if self.kept else ""
        return f"{len(self.persons)} persons by last activity{kept} and {rows}"


def due(lake: Lake, as_of: dt.date) -> Due:
    """What is due on that day."""
    expired = _expired(lake, as_of)
    kept = expired & restrictions.held(lake, restrictions.RESTRICTION)
    return Due(due_rows(lake, as_of), tuple(sorted(expired - kept)), len(kept))


def due_rows(lake: Lake, as_of: dt.date) -> dict[str, int]:
    """By table, the number of rows that are due by themselves."""
    return {each.table.path: lake.tables.read(each.table).where(each.condition).count() for each in dated(lake, as_of)}


def dated(lake: Lake, as_of: dt.date) -> list[Dated]:
    """The tables whose rows count from a date of their own; bronze, as to the rows that name nobody."""
    found: dict[str, Dated] = {}
    for table, column, period in _periods(lake):
        if column != LAST_ACTIVITY:
            found.setdefault(table.path, Dated(table, column, period.before(as_of), F.expr("true")))
        elif table in bronze.tables_of_subjects(lake):
            # As typing has it: neither a masked card number nor a spoilt id is a name.
            nobody = ~F.coalesce(names_somebody(seen_of(F.col(str(table.subject)))), F.expr("false"))
            found.setdefault(table.path, Dated(table, INGESTED, period.before(as_of), nobody))
    return list(found.values())


def _periods(lake: Lake) -> list[tuple[Table, str, Duration]]:
    """By table, what each of its periods counts from; the shortest comes first."""
    stored = [table for table in lake.catalog.stored if lake.tables.version(table) is not None]
    stated = [
        (table, column.retention_from, durations.parse(column.retention))
        for table in stored
        for column in table.stored
        if column.personal
    ]
    known = [(table, start, period) for table, start, period in stated if period is not None]
    return sorted(known, key=lambda each: each[2].before(dt.date(4000, 1, 1)), reverse=True)


def _expired(lake: Lake, as_of: dt.date) -> set[str]:
    """The source ids of the persons whose last activity lies before the period."""
    periods = {period for _, start, period in _periods(lake) if start == LAST_ACTIVITY}
    if not periods:
        return set()
    if len(periods) > 1:
        raise UsageError(
            "The contracts state different periods from the last activity.", "State one: a person leaves as a whole."
        )
    limit = periods.pop().before(as_of)
    active = _persons(lake).join(_last_activity(lake), on=KEY, how="left")
    old = active.where(F.coalesce(DAY, LOADED) < F.lit(limit))
    return {row["id"] for row in old.select("id").collect()}


def _persons(lake: Lake) -> DataFrame:
    """By source id, the pseudonym and the day on which the newest row was loaded."""
    stated = [
        lake.tables.read(table).select(trimmed(F.col(str(table.subject))).alias("id"), INGESTED)
        for table in bronze.tables_of_subjects(lake)
    ]
    ids = (
        reduce(DataFrame.unionAll, stated)
        .where(names_somebody(F.col("id")))
        .groupBy("id")
        .agg(F.to_date(F.max(INGESTED)).alias(LOADED))
    )
    key = keys.secret_key(lake.settings.secrets, bronze.PSEUDONYM_KEY)
    return keys.with_pseudonym(ids.withColumn(KEY, F.col("id")), KEY, KEY, key)


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
