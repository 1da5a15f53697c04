"""The ledger: which batches bronze holds, and which of them people have already read in a publication."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lib.contracts import Catalog
from lib.rows import frame_of
from lib.tables import Tables

BATCHES = "ledger/batches"
REMOVED = "ledger/removed_rows"


@dataclass(frozen=True)
class Entry:
    """One batch of so many source `rows`.

    `newest_date` is known once its rows have been judged, `published_run` once they are published.
    """

    batch_id: str
    source: str
    files: tuple[str, ...]
    dropped_columns: tuple[str, ...]
    currency: str
    extract_date: dt.date | None
    newest_date: dt.date | None
    rows: int
    loaded_at: dt.datetime
    published_run: str | None

    @property
    def pending(self) -> bool:
        """Whether the batch still waits to be published."""
        return self.published_run is None


class Ledger:
    """The entries of one lake."""

    def __init__(self, tables: Tables, catalog: Catalog) -> None:
        self._tables = tables
        self._table = catalog[BATCHES]
        self._removed = catalog[REMOVED]

    def entries(self) -> list[Entry]:
        """All batches, in the order in which they were loaded."""
        if self._tables.version(self._table) is None:
            return []
        rows = self._tables.read(self._table).orderBy("loaded_at", "batch_id").collect()
        return [_entry(row.asDict()) for row in rows]

    def record(self, entries: Iterable[Entry]) -> None:
        """Add or replace entries; none: no commit."""
        rows = [dataclasses.asdict(entry) for entry in entries]
        if rows:
            content = frame_of(self._tables.spark, rows, self._table.schema)
            self._tables.upsert(self._table, content)

    def record_removed(self, outcome: str, rows: Mapping[str, int]) -> None:
        """State how many source rows of each batch are not in bronze for this reason; none: no entry, no commit."""
        known = self.removed()
        changed = [(b, outcome, count) for b, count in rows.items() if count != known.get((b, outcome), 0)]
        if changed:
            self._tables.upsert(self._removed, frame_of(self._tables.spark, changed, self._removed.schema))

    def removed(self) -> dict[tuple[str, str], int]:
        """By batch and outcome, the source rows that are not in bronze."""
        if self._tables.version(self._removed) is None:
            return {}
        rows = self._tables.read(self._removed).collect()
        return {(row["_batch_id"], row["outcome"]): row["rows"] for row in rows}


def as_of(entries: Iterable[Entry]) -> dt.date | None:
    """The newest extract date of the batches; else the day after the newest business date; None without either."""
    known = list(entries)
    extracted = [entry.extract_date for entry in known if entry.extract_date]
    if extracted:
        return max(extracted)
    newest = [entry.newest_date for entry in known if entry.newest_date]
    return max(newest) + dt.timedelta(days=1) if newest else None


def _entry(row: dict[str, object]) -> Entry:
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return Entry(**values)  # type: ignore[arg-type]
