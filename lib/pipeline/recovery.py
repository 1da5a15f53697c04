"""Recovery: which parts of a damaged lake can be made again, and from what.

| table | made again from |
|---|---|
| silver, gold and marts | bronze, as by a rebuild; nothing is lost, so it happens without a request |
| bronze | the inputs of the batches that are no longer whole: the operator must give them again |
| the ledger | the pins of the base, which hold its rows |
| `mart_operations` | nothing: the records of earlier runs are lost; the marts are right without them |
| lists of persons, anonymous sales | a backup; no job begins before |

The repair lasts only together with the run's next load, or with the batches that are pending again: if the run is
killed in between, the next one begins with the damage.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Collection
from contextlib import suppress
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lib.build import bronze
from lib.delta import base, deltalog, ledger
from lib.delta.deltalog import LOG
from lib.delta.ledger import BATCHES, REMOVED, Entry
from lib.delta.tables import BATCH
from lib.errors import AuditFailed, UsageError

if TYPE_CHECKING:
    from lib.contracts.model import Table
    from lib.delta.lake import Lake
    from lib.sources.inputs import Batch

OPERATION = "TAKE OUT WHAT IS DAMAGED"
# The operator must name these places: the lake knows the names of parts and tables, but not where they are.
PLACES = {
    "MANIFEST": "the manifest.json that the splitter wrote beside these parts, or writes if it splits that file again",
    "DATABASE": "the address of the database that holds this table, as sqlite:///FILE",
}


def mend(lake: Lake, given: Collection[str]) -> bool:
    """Repair the damaged tables, and report it; return whether everything after bronze must be computed again.

    `given` are the ids of the batches that this run can load. Raises `AuditFailed` if more batches are lost.
    """
    damaged = [lake.catalog[path] for path in lake.base.damages]
    if not damaged:
        return False
    for table in damaged:
        if not (base.is_computed(table) or lake.base.is_restorable(table) or _is_bronze(lake, table)):
            raise AuditFailed(_told(lake, table), base.BACKUP)
    lost = {each.batch_id: each for each in _lost(lake)} if any(_is_bronze(lake, table) for table in damaged) else {}
    if not lost.keys() <= set(given):
        raise AuditFailed(*_needed(lake, lost.values()))
    for table in damaged:
        _take_out(lake, table)
    lake.tables.forget()
    _restore(lake, {table.path for table in damaged})
    for table in damaged:
        if _is_bronze(lake, table) and lake.tables.version(table) is not None:
            lake.tables.replace_batches(table, lake.tables.read(table).limit(0), sorted(lost))
    if lost:
        lake.ledger.forget(lost)
    lake.ledger.record(dataclasses.replace(entry, published_run=None) for entry in lake.ledger.entries())
    lake.base.said += [f"{_told(lake, table)} {_done(lake, table)}" for table in damaged]
    lake.base.damages.clear()
    if not lost:
        lake.base.advance()
    return True


def as_before(lake: Lake, batch: Batch) -> Batch:
    """A batch with its earlier days if it was lost and comes again: its rows are judged as of these days."""
    for known in map(ledger.stated, lake.base.pins.batches):
        if known.batch_id == batch.id:
            return dataclasses.replace(batch, extract_date=known.extract_date, loaded_at=known.loaded_at)
    return batch


def require_kept_out(lake: Lake, batches: Collection[str]) -> None:
    """Raise `AuditFailed` if a repeated load of lost batches has brought back rows that had been removed from them.

    The suppression list keeps out the rows of its persons. Rows of persons who were removed at the end of a retention
    period would come back, and would count in addition to the anonymous sales made from them.
    """
    before, after = (dict.fromkeys(batches, 0) for _ in range(2))
    for counts, documents in ((before, lake.base.pins.removed), (after, lake.ledger.removed_documents())):
        for batch, _, rows in documents:
            if batch in counts:
                counts[batch] += rows
    back = sum(max(0, rows - after[batch]) for batch, rows in before.items())
    if back:
        raise AuditFailed(
            f"The lost batches hold {back} rows of persons who have since been removed from the lake. No list would "
            "keep these rows out now, so the batches cannot be loaded again.",
            "Put bronze back from a backup of the lake, and run the same command again.",
        )


def _is_bronze(lake: Lake, table: Table) -> bool:
    return table in bronze.tables(lake)


def _told(lake: Lake, table: Table) -> str:
    return f"{table.path} was not what the last job left: {lake.base.damages[table.path]}."


def _done(lake: Lake, table: Table) -> str:
    if _is_bronze(lake, table):
        return "Its batches were loaded again."
    if base.is_computed(table):
        return "It was computed again from bronze."
    if table.path in lake.ledger.paths:
        return "It was written again from the lake's pins."
    return "It begins again; the marts do not need it."


def _needed(lake: Lake, lost: Collection[Entry]) -> tuple[str, str]:
    """Message and remedy for batches that the operator must give again."""
    damaged = [lake.catalog[path] for path in lake.base.damages if _is_bronze(lake, lake.catalog[path])]
    named = "; ".join(f"{', '.join(each.files)} ({each.rows} rows)" for each in lost)
    words = [
        word
        for source in sorted({each.source for each in lost})
        for word in (f"--source {source}", *(_input(lake, each) for each in lost if each.source == source))
    ]
    places = [f"{place} is {what}" for place, what in PLACES.items() if any(place in word for word in words)]
    explained = f" ({'; '.join(places)})" if places else ""
    what = " ".join(_told(lake, table) for table in damaged)
    return (
        f"{what} {len(lost)} of {len(lake.base.pins.batches)} batches are no longer whole: {named}.",
        f"Load exactly these again, all in one run{explained}: ./spark-submit.sh pipeline {' '.join(words)}",
    )


def _input(lake: Lake, batch: Entry) -> str:
    """A batch as an option of the command line. The lake knows only the names of its inputs, not their places."""
    if len(batch.files) > 1:
        return "--input MANIFEST"
    with suppress(UsageError):  # the mapping itself may be lost
        if bronze.source_of(lake.settings, lake.catalog, batch.source).format == "table":
            return f"--input DATABASE?table={batch.files[0]}"
    return f"--input {batch.files[0]}"


def _lost(lake: Lake) -> list[Entry]:
    """The batches whose rows are no longer all in bronze."""
    rows = [_sound_rows(lake, table).select(BATCH) for table in bronze.tables(lake)]
    counted = reduce(DataFrame.unionAll, rows).groupBy(BATCH).agg(F.count("*").alias("rows")).collect()
    held = {row[BATCH]: row["rows"] for row in counted}
    removed: dict[str, int] = {}
    for batch, _, count in lake.base.pins.removed:
        removed[batch] = removed.get(batch, 0) + count
    known = map(ledger.stated, lake.base.pins.batches)
    return [one for one in known if held.get(one.batch_id, 0) != one.rows - removed.get(one.batch_id, 0)]


def _sound_rows(lake: Lake, table: Table) -> DataFrame:
    """The rows of a bronze table that can still be read."""
    differing = lake.base.damages.get(table.path)
    if differing is None:
        return lake.tables.read(table)
    pinned = lake.base.pins.tables[table.path]
    sound = [name for name in pinned.files if name not in differing.files]
    return lake.tables.read_files(table, [] if differing.log else sound)


def _take_out(lake: Lake, table: Table) -> None:
    """Remove damaged files from the table's log: of bronze only the damaged ones, of any other table all files.

    If the log is lost, the whole table is removed.
    """
    differing, pinned = lake.base.damages[table.path], lake.base.pins.tables[table.path]
    if differing.log:
        lake.storage.remove([table.path])
        lake.base.begin_anew(table.path)
        return
    files = differing.files if _is_bronze(lake, table) else tuple(pinned.files)
    newest = max(deltalog.versions(lake.storage.names(f"{table.path}/{LOG}")))
    text = deltalog.removal(int(time.time() * 1000), OPERATION, lake.tables.metadata, files)
    lake.storage.write(f"{table.path}/{LOG}/{deltalog.commit_name(newest + 1)}", text)


def _restore(lake: Lake, damaged: Collection[str]) -> None:
    if BATCHES in damaged:
        lake.ledger.restore_entries(lake.base.pins.batches)
    if REMOVED in damaged:
        lake.ledger.restore_removed(lake.base.pins.removed)
