"""Conservation: every source row has one committed outcome, batch by batch, counted from committed tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lib.contracts.model import Table
from lib.delta.lake import Lake
from lib.delta.ledger import Entry
from lib.delta.tables import BATCH
from lib.errors import AuditFailed

OUTCOMES = ("accepted", "quarantined", "duplicate", "suppressed", "erased")


@dataclass(frozen=True)
class Balance:
    """One batch: its source rows by the ledger, and its rows by outcome from the committed tables.

    Bronze holds all rows except those of suppressed and erased persons; of these only the number is known. If only some
    persons' rows were judged again, they are what is counted.
    """

    batch_id: str
    source: str
    rows_in: int
    outcomes: dict[str, int] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether every row has its one outcome."""
        return self.rows_in == sum(self.outcomes.values())

    def __str__(self) -> str:
        parts = " + ".join(f"{count} {outcome}" for outcome, count in self.outcomes.items())
        return f"batch {self.batch_id[:12]}: {self.rows_in} rows in, {parts}"


def balances(lake: Lake, entries: Sequence[Entry]) -> list[Balance]:
    """The balance of each batch."""
    found = _outcomes(lake, entries, lambda _, rows: rows) | lake.ledger.removed()
    return _balances([(one, one.rows) for one in entries], found)


def balances_of(lake: Lake, rows_in: Mapping[str, int], entries: Sequence[Entry], subjects: DataFrame) -> list[Balance]:
    """The balance of the rows of these data subjects, in the batches that hold any (`rows_in`)."""

    def theirs(table: Table, rows: DataFrame) -> DataFrame:
        return rows.join(F.broadcast(subjects), on=str(table.subject), how="left_semi")

    concerned = [one for one in entries if one.batch_id in rows_in]
    return _balances([(one, rows_in[one.batch_id]) for one in concerned], _outcomes(lake, concerned, theirs))


def _balances(rows_in: Sequence[tuple[Entry, int]], found: Mapping[tuple[str, str], int]) -> list[Balance]:
    return [
        Balance(one.batch_id, one.source, rows, {name: found.get((one.batch_id, name), 0) for name in OUTCOMES})
        for one, rows in rows_in
    ]


def require(found: Sequence[Balance]) -> None:
    """Raise `AuditFailed` if a batch lost or doubled a row."""
    for balance in found:
        if not balance.holds:
            raise AuditFailed(
                f"Rows were lost or doubled: {balance}.",
                "Nothing has been published; this is a defect of a rule or join.",
            )


def _outcomes(
    lake: Lake, entries: Sequence[Entry], cut: Callable[[Table, DataFrame], DataFrame]
) -> dict[tuple[str, str], int]:
    """The rows by batch and outcome."""
    ids = [entry.batch_id for entry in entries]
    counted = [
        cut(table, lake.tables.read(table).where(F.col(BATCH).isin(ids)))
        .groupBy(BATCH, F.expr(str(table.outcome)).alias("outcome"))
        .agg(F.count("*").alias("rows"))
        for table in lake.catalog
        if table.outcome
    ]
    return {(row[BATCH], row["outcome"]): row["rows"] for row in reduce(DataFrame.unionAll, counted).collect()}
