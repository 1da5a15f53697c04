"""The ledger: which batches bronze holds, and which of them are already published."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lib.contracts.model import Catalog
from lib.delta.tables import Tables
from lib.local_frames import frame_of

BATCHES = "ledger/batches"
REMOVED = "ledger/removed_rows"


@dataclass(frozen=True)
class Entry:
    """One batch with its number of source `rows`.

    `declared` holds the source's declarations about its rows, if the ledger has a column for them. `newest_date` is
    known once its rows have been judged, `published_run` once they are published.
    """

    batch_id: str
    source: str
    files: tuple[str, ...]
    dropped_columns: tuple[str, ...]
    declared: Mapping[str, str | None]
    extract_date: dt.date | None
    newest_date: dt.date | None
    rows: int
    loaded_at: dt.datetime
    published_run: str | None

    @property
    def pending(self) -> bool:
        """Whether the batch is not published yet."""
        return self.published_run is None

    @property
    def row(self) -> dict[str, Any]:
        """Its row of the ledger."""
        stated = dataclasses.asdict(self)
        return {**stated.pop("declared"), **stated}


class Ledger:
    """The entries of one lake. Only this run writes them, so they are read once, or taken from the lake's base."""

    def __init__(self, tables: Tables, catalog: Catalog) -> None:
        self._tables = tables
        self._table = catalog[BATCHES]
        self._removed = catalog[REMOVED]
        self._known: dict[str, Entry] | None = None
        self._known_removed: dict[tuple[str, str], int] | None = None

    def know(self, documents: Sequence[Mapping[str, Any]], removed: Sequence[Sequence[Any]]) -> None:
        """Take the rows of both tables from the base, which holds the results of `documents` and `removed_documents`.

        The first question to Delta takes a new process seconds.
        """
        self._known = {entry.batch_id: entry for entry in map(stated, documents)}
        self._known_removed = {(batch, outcome): rows for batch, outcome, rows in removed}

    @property
    def paths(self) -> frozenset[str]:
        """The tables of the ledger."""
        return frozenset({BATCHES, REMOVED})

    @property
    def declared(self) -> tuple[str, ...]:
        """The source's declarations that the ledger keeps: its columns that are not fields of an entry."""
        own = {each.name for each in dataclasses.fields(Entry)}
        return tuple(column.name for column in self._table.stored if column.name not in own)

    def entries(self) -> list[Entry]:
        """All batches, in the order in which they were loaded."""
        if self._known is None:
            rows = [] if self._tables.version(self._table) is None else self._tables.read(self._table).collect()
            self._known = {row["batch_id"]: _entry(row.asDict()) for row in rows}
        return sorted(self._known.values(), key=lambda entry: (entry.loaded_at, entry.batch_id))

    def record(self, entries: Iterable[Entry]) -> None:
        """Add or replace entries; none: no commit."""
        changed = list(entries)
        if changed:
            rows = [entry.row for entry in changed]
            self._tables.upsert(self._table, frame_of(self._tables.spark, rows, self._table.schema))
            self._known = {entry.batch_id: entry for entry in [*self.entries(), *changed]}

    def forget(self, batches: Collection[str]) -> None:
        """Remove batches, with all statements about their rows, as if they had never been loaded."""
        for table, name in ((self._table, "batch_id"), (self._removed, "_batch_id")):
            keys = frame_of(self._tables.spark, [[batch] for batch in sorted(batches)], f"{name} string")
            self._tables.delete(table, keys)
        self._known = self._known_removed = None

    def restore_entries(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Restore the entries from the result of `documents`."""
        entries = [stated(document).row for document in documents]
        self._tables.replace(self._table, frame_of(self._tables.spark, entries, self._table.schema))
        self._known = None

    def restore_removed(self, documents: Sequence[Sequence[Any]]) -> None:
        """Restore the removed rows from the result of `removed_documents`."""
        self._tables.replace(self._removed, frame_of(self._tables.spark, list(documents), self._removed.schema))
        self._known_removed = None

    def documents(self) -> list[dict[str, Any]]:
        """The entries as JSON values."""
        return [json.loads(json.dumps(entry.row, default=str)) for entry in self.entries()]

    def removed_documents(self) -> list[list[Any]]:
        """The result of `removed` as JSON values."""
        return [[batch, outcome, rows] for (batch, outcome), rows in sorted(self.removed().items())]

    def record_removed(self, outcome: str, rows: Mapping[str, int]) -> None:
        """State how many source rows of each batch are not in bronze for this reason; none: no entry, no commit."""
        known = self.removed()
        changed = [(b, outcome, count) for b, count in rows.items() if count != known.get((b, outcome), 0)]
        if changed:
            self._tables.upsert(self._removed, frame_of(self._tables.spark, changed, self._removed.schema))
            self._known_removed = None  # the equation of conservation counts what is committed

    def removed(self) -> dict[tuple[str, str], int]:
        """By batch and outcome, the source rows that are not in bronze."""
        if self._known_removed is None:
            rows = [] if self._tables.version(self._removed) is None else self._tables.read(self._removed).collect()
            self._known_removed = {(row["_batch_id"], row["outcome"]): row["rows"] for row in rows}
        return dict(self._known_removed)


def as_of(entries: Iterable[Entry]) -> dt.date | None:
    """The newest extract date of the batches, or else the day after the newest business date; None without either."""
    known = list(entries)
    extracted = [entry.extract_date for entry in known if entry.extract_date]
    if extracted:
        return max(extracted)
    newest = [entry.newest_date for entry in known if entry.newest_date]
    return max(newest) + dt.timedelta(days=1) if newest else None


def _entry(row: dict[str, object]) -> Entry:
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    own = {each.name for each in dataclasses.fields(Entry)}
    declared = {name: values.pop(name) for name in row if name not in own}
    entry = Entry(**values, declared=declared)  # type: ignore[arg-type]  # the contract has its types
    # Spark returns the time in the machine's own zone, without stating the zone.
    return dataclasses.replace(entry, loaded_at=entry.loaded_at.astimezone(dt.timezone.utc))


def stated(document: Mapping[str, Any]) -> Entry:
    """The entry in a document of the lake's base."""
    days = {name: document[name] and dt.date.fromisoformat(document[name]) for name in ("extract_date", "newest_date")}
    return _entry({**document, **days, "loaded_at": dt.datetime.fromisoformat(document["loaded_at"])})
