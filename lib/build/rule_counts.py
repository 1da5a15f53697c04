"""The findings of the row rules in the batches under way: counted once, from the judged rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lib.contracts.model import RowRule, Table
from lib.delta.tables import BATCH


@dataclass(frozen=True)
class Judgement:
    """The findings of the row rules of `table`.

    Source rows by batch; rows that break a rule, by rule; the newest business date of the rows, by batch.
    """

    table: Table
    rows: Mapping[str, int]
    violations: Mapping[RowRule, int]
    newest_dates: Mapping[str, dt.date | None]


def measure(frame: DataFrame, table: Table) -> Judgement:
    """Count the judged rows of `table`, whose contract states the row rules, in one pass."""
    dates = [rule.clears for rule in table.rules if rule.clears and _is_date(table, rule.clears)]
    newest = F.max(F.greatest(*dates)) if len(dates) > 1 else F.max(dates[0]) if dates else F.lit(None)
    broken = [F.count_if(F.array_contains("reasons", rule.code)).alias(rule.code) for rule in table.rules]
    counted = frame.groupBy(BATCH).agg(F.count("*").alias("_rows"), newest.alias("_newest"), *broken).collect()
    return Judgement(
        table,
        rows={row[BATCH]: row["_rows"] for row in counted},
        violations={rule: sum(row[rule.code] for row in counted) for rule in table.rules},
        newest_dates={row[BATCH]: row["_newest"] for row in counted},
    )


def _is_date(table: Table, name: str) -> bool:
    return any(column.name == name and column.logical_type == "date" for column in table.columns)
