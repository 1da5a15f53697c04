"""Bronze: load batches unchanged, and pass their rows on, typed and pseudonymised."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import reduce

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lib import keys
from lib.contracts.model import Catalog, Table
from lib.delta.lake import Lake
from lib.delta.ledger import Entry
from lib.delta.tables import BATCH
from lib.errors import LakehouseError, UsageError
from lib.local_frames import frame_of
from lib.normal_form import trimmed
from lib.rights import corrections, suppression
from lib.settings import Settings
from lib.sources import completeness, readers
from lib.sources.inputs import Batch
from lib.sources.mapping import Source, load_source, nothing

PSEUDONYM_KEY = keys.PSEUDONYM_KEY
LAYER = "bronze"
WHOSE = "_whose"


def tables(lake: Lake) -> tuple[Table, ...]:
    """The tables of the bronze layer; one kind of source fills each of them."""
    return lake.catalog.layer(LAYER)


def tables_of_subjects(lake: Lake) -> tuple[Table, ...]:
    """The bronze tables whose rows name data subjects."""
    return tuple(table for table in tables(lake) if table.subject)


def source_of(settings: Settings, catalog: Catalog, name: str) -> Source:
    """A source mapping of this deployment. Raises `UsageError` with all its faults."""
    return load_source(settings.sources, name, *catalog.layer(LAYER))


def load(lake: Lake, source: Source, batches: Sequence[Batch]) -> list[Entry]:
    """Append the rows of new batches to bronze and enter them into the ledger: one commit each, for any number.

    Raises `UsageError` if all batches of the lake must declare the same and the source declares something else,
    `InputRefused` if an input cannot be read, `AuditFailed` if bronze does not hold each of its records once; then no
    batch enters the ledger.
    """
    _require_same_declarations(lake, source)
    target = source.table
    # Rows are judged as of this day, also in every later rebuild.
    frame = readers.read(lake.spark, source, batches, lake.started_at)
    ids = [batch.id for batch in batches]
    try:
        frame, suppressed = suppression.keep_out(lake, frame, target)
        lake.tables.replace_batches(target, frame, ids)
    except (PySparkException, Py4JJavaError):
        readers.require_readable(lake.spark, source, batches)
        raise
    rows = _complete(lake, target, batches, suppressed)
    lake.ledger.record_removed("suppressed", {batch: _sum(suppressed, batch) for batch in ids})
    entries = [_entry(lake, source, batch, rows[batch.id]) for batch in batches]
    lake.ledger.record(entries)
    return entries


def rows_of(lake: Lake, entries: Sequence[Entry], persons: Sequence[str] | None = None) -> dict[str, DataFrame]:
    """By bronze table, its rows of `entries`, read by their source mappings: typed, corrected, with pseudonyms.

    With `persons`, only the rows of these source ids.
    """
    sources = [source_of(lake.settings, lake.catalog, name) for name in sorted({entry.source for entry in entries})]
    return {table.name: _rows_of(lake, table, sources, entries, persons) for table in tables(lake)}


def _rows_of(
    lake: Lake, table: Table, sources: Sequence[Source], entries: Sequence[Entry], persons: Sequence[str] | None
) -> DataFrame:
    content = lake.tables.read(table)
    if persons is not None and table.subject:
        named = F.broadcast(frame_of(lake.spark, [(one,) for one in persons], f"{WHOSE} string"))
        marked = content.withColumn(WHOSE, trimmed(F.col(table.subject)))
        content = marked.join(named, on=WHOSE, how="left_semi").select(*content.columns)
    frames = []
    for source in sources:
        if source.table == table:
            ids = [entry.batch_id for entry in entries if entry.source == source.name]
            frames.append(_meant(lake, content.where(F.col(BATCH).isin(ids)), source))
    return reduce(DataFrame.unionByName, frames or [_meant(lake, content.limit(0), nothing(table))])


def _meant(lake: Lake, rows: DataFrame, source: Source) -> DataFrame:
    frame = corrections.applied(lake, readers.typed(rows, source), source.table)
    key = keys.secret_key(lake.settings.secrets, PSEUDONYM_KEY)
    for column in source.table.stored:
        if column.encrypted_name:
            frame = keys.with_pseudonym(frame, column.name, column.encrypted_name, key)
    return frame


def count_rows(lake: Lake, ids: Sequence[str]) -> dict[str, int]:
    """Rows by batch, counted from the committed tables."""
    rows = [lake.tables.read(table).where(F.col(BATCH).isin(list(ids))).select(BATCH) for table in tables(lake)]
    found = reduce(DataFrame.unionAll, rows).groupBy(BATCH).count().collect()
    return {row[BATCH]: row["count"] for row in found}


def _complete(
    lake: Lake, target: Table, batches: Sequence[Batch], suppressed: Mapping[completeness.Key, int]
) -> dict[str, int]:
    """The records by batch, each in bronze or suppressed; incomplete batches are removed from bronze again."""
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
        declared={name: source.declares.get(name) for name in lake.ledger.declared},
        extract_date=batch.extract_date,
        newest_date=None,
        rows=rows,
        loaded_at=(batch.loaded_at or lake.started_at).astimezone(dt.timezone.utc),
        published_run=None,
    )


def _require_same_declarations(lake: Lake, source: Source) -> None:
    for name, value in source.declares.items():
        before = {entry.declared.get(name) for entry in lake.ledger.entries()} - {None, value}
        if source.table.declarations[name].one_per_lake and before:
            raise UsageError(
                f"Source '{source.name}' states {value}, but this lake holds {before.pop()}.",
                f"One lake holds one {name}: convert the rows, or use another --lake.",
            )
