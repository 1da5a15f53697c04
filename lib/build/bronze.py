"""Bronze: load batches as they come, and hand their rows on, typed and pseudonymised."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import reduce

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lib import keys
from lib.contracts.model import Table
from lib.delta.lake import Lake
from lib.delta.ledger import Entry
from lib.delta.tables import BATCH
from lib.errors import LakehouseError, UsageError
from lib.rights import corrections, suppression
from lib.sources import completeness, readers
from lib.sources.inputs import Batch
from lib.sources.mapping import Source, load_source

PSEUDONYM_KEY = keys.PSEUDONYM_KEY
LAYER = "bronze"


def table(lake: Lake) -> Table:
    """The one table of the bronze layer."""
    return lake.catalog.layer(LAYER)[0]


def load(lake: Lake, source: Source, batches: Sequence[Batch]) -> list[Entry]:
    """Append the rows of new batches to bronze and enter them into the ledger. One commit each, whatever the number.

    Raises `UsageError` if the source's currency is not the lake's, `InputRefused` if an input cannot be read,
    `AuditFailed` if bronze does not hold each of its records once; then no batch is known.
    """
    _require_one_currency(lake, source)
    target = table(lake)
    # Rows are judged as of this day, in every later rebuild too.
    frame = readers.read(lake.spark, source, batches, target, lake.started_at)
    ids = [batch.id for batch in batches]
    try:
        frame, suppressed = suppression.keep_out(lake, frame, target)
        lake.tables.replace_batches(target, frame, ids)
    except (PySparkException, Py4JJavaError):
        readers.require_readable(lake.spark, source, batches)
        raise
    rows = _complete(lake, batches, suppressed)
    lake.ledger.record_removed("suppressed", {batch: _sum(suppressed, batch) for batch in ids})
    entries = [_entry(lake, source, batch, rows[batch.id]) for batch in batches]
    lake.ledger.record(entries)
    return entries


def pending_rows(lake: Lake, entries: Sequence[Entry]) -> DataFrame:
    """The bronze rows of `entries` as their sources mean them: typed, corrected, user ids replaced by pseudonyms."""
    target = table(lake)
    content = lake.tables.read(target)
    key = keys.secret_key(lake.settings.secrets, PSEUDONYM_KEY)
    frames = []
    for name in sorted({entry.source for entry in entries}):
        source = load_source(lake.settings.sources, name, target)
        ids = [entry.batch_id for entry in entries if entry.source == name]
        frame = readers.typed(content.where(F.col(BATCH).isin(ids)), source, target)
        frame = corrections.applied(lake, frame, target)
        for column in target.stored:
            if column.encrypted_name:
                frame = keys.with_pseudonym(frame, column.name, column.encrypted_name, key)
        frames.append(frame)
    return reduce(DataFrame.unionByName, frames)


def count_rows(lake: Lake, ids: Sequence[str]) -> dict[str, int]:
    """Rows by batch, counted from the committed table."""
    found = lake.tables.read(table(lake)).where(F.col(BATCH).isin(list(ids))).groupBy(BATCH).count().collect()
    return {row[BATCH]: row["count"] for row in found}


def _complete(lake: Lake, batches: Sequence[Batch], suppressed: Mapping[completeness.Key, int]) -> dict[str, int]:
    """The records by batch, each of them in bronze or suppressed; what is not complete is taken out of bronze again."""
    target = table(lake)
    entered = F.col(BATCH).isin([batch.id for batch in batches])
    try:
        return completeness.require_complete(lake.spark, lake.tables.read(target).where(entered), batches, suppressed)
    except (LakehouseError, PySparkException, Py4JJavaError):
        lake.tables.delete_where(target, entered)
        raise


def _sum(suppressed: Mapping[completeness.Key, int], batch: str) -> int:
    return sum(rows for (id_, _), rows in suppressed.items() if id_ == batch)


def _entry(lake: Lake, source: Source, batch: Batch, rows: int) -> Entry:
    return Entry(
        batch_id=batch.id,
        source=source.name,
        files=tuple(part.name for part in batch.parts),
        dropped_columns=readers.dropped_columns(lake.spark, batch.header, source),
        currency=source.currency,
        extract_date=batch.extract_date,
        newest_date=None,
        rows=rows,
        loaded_at=(batch.loaded_at or lake.started_at).astimezone(dt.timezone.utc),
        published_run=None,
    )


def _require_one_currency(lake: Lake, source: Source) -> None:
    for entry in lake.ledger.entries():
        if entry.currency != source.currency:
            raise UsageError(
                f"Source '{source.name}' states {source.currency}, but this lake holds {entry.currency}.",
                "One lake holds one currency: convert the prices, or use another --lake.",
            )
