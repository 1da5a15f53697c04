"""Conservation: every source row has one committed outcome, batch by batch, counted from committed tables."""

from __future__ import annotations

from collections.abc import Sequence
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

    Bronze holds all rows except those of suppressed and erased persons; of these only the number is known.
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
    ids = [entry.batch_id for entry in entries]
    counted = [_counted(lake, table, table.outcome, ids) for table in lake.catalog if table.outcome]
    found = {(row[BATCH], row["outcome"]): row["rows"] for row in reduce(DataFrame.unionAll, counted).collect()}
    found |= lake.ledger.removed()
    return [
        Balance(one.batch_id, one.source, one.rows, {name: found.get((one.batch_id, name), 0) for name in OUTCOMES})
        for one in entries
    ]


def require(found: Sequence[Balance]) -> None:
    """Raise `AuditFailed` if a batch lost or doubled a row."""
    for balance in found:
        if not balance.holds:
            raise AuditFailed(
                f"Rows were lost or doubled: {balance}.",
                "Nothing has been published; this is a defect of a rule or join.",
            )


def _counted(lake: Lake, table: Table, outcome: str | None, ids: Sequence[str]) -> DataFrame:
    rows = lake.tables.read(table).where(F.col(BATCH).isin(list(ids)))
    return rows.groupBy(BATCH, F.expr(str(outcome)).alias("outcome")).agg(F.count("*").alias("rows"))
