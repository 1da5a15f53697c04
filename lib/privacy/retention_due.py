"""The data that is due: the rows and persons whose period, as stated in the contracts, has ended on a given day.

Rows with their own date are due by that date. A person is due as a whole, by the last activity; if no activity is
known, by the day on which the newest row about the person was loaded. Rows of bronze that name nobody are due by the
day on which they were loaded. A person who restricted the use of their data (Art. 18) is not due: the person may need
the data, and the organisation decides with the person when the restriction ends.
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
    """Rows of a table that are due by their own date: the date in `column` is before `day`, and `where` holds."""

    table: Table
    column: str
    day: dt.date
    where: Column

    @property
    def condition(self) -> Column:
        """The condition for rows that are due. It names a day, never a value of a person."""
        return (F.to_date(F.col(quoted(self.column))) < F.lit(self.day)) & self.where


@dataclass(frozen=True)
class Due:
    """The data that is due: rows by table, persons, and the number of persons who are kept because of a restriction."""

    rows: Mapping[str, int]
    persons: tuple[str, ...]
    kept: int

    def __str__(self) -> str:
        rows = ", ".join(f"{count} rows of {path}" for path, count in self.rows.items() if count) or "no rows by date"
        kept = f" ({self.kept} restricted persons are kept)" if self.kept else ""
        return f"{len(self.persons)} persons by last activity{kept} and {rows}"


def due(lake: Lake, as_of: dt.date) -> Due:
    """The data that is due on that day."""
    expired = _expired(lake, as_of)
    kept = expired & restrictions.held(lake, restrictions.RESTRICTION)
    return Due(due_rows(lake, as_of), tuple(sorted(expired - kept)), len(kept))


def due_rows(lake: Lake, as_of: dt.date) -> dict[str, int]:
    """The number of rows by table that are due by their own date."""
    return {each.table.path: lake.tables.read(each.table).where(each.condition).count() for each in dated(lake, as_of)}


def dated(lake: Lake, as_of: dt.date) -> list[Dated]:
    """The tables whose rows have their own date; also bronze, for the rows that name nobody."""
    found: dict[str, Dated] = {}
    for table, column, period in _periods(lake):
        if column != LAST_ACTIVITY:
            found.setdefault(table.path, Dated(table, column, period.before(as_of), F.expr("true")))
        elif table in bronze.tables_of_subjects(lake):
            # As in typing: a masked card number or a spoilt id does not name a person.
            nobody = ~F.coalesce(names_somebody(seen_of(F.col(str(table.subject)))), F.expr("false"))
            found.setdefault(table.path, Dated(table, INGESTED, period.before(as_of), nobody))
    return list(found.values())


def _periods(lake: Lake) -> list[tuple[Table, str, Duration]]:
    """The periods of each table with their starting points; the shortest period comes first."""
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
    """The source ids of the persons whose last activity was before the period."""
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
    """The pseudonym, and the day on which the newest row was loaded, by source id."""
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
    """The day of the last activity by pseudonym."""
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
