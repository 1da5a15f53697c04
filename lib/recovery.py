"""Recovery: what of a damaged lake can be made again, and from what.

| table | made again from |
|---|---|
| silver, gold and marts | bronze, as by a rebuild; nothing is lost by it, so it is done without being asked |
| bronze | the inputs of the batches that are no longer whole: they have to be given again |
| the ledger | the pins of the base, which hold its rows |
| `mart_operations` | nothing: what the runs before did is lost, and the marts are as right without it |
| lists of persons, anonymous sales | a backup; nothing is begun before |

Whatever is written here lasts only together with what the run loads next, or with the batches being pending again: a
run that is killed in between begins with the damage.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from lib import base, deltalog
from lib.deltalog import LOG
from lib.errors import AuditFailed
from lib.ledger import BATCHES, REMOVED
from lib.tables import BATCH

if TYPE_CHECKING:
    from lib.contracts import Table
    from lib.inputs import Batch
    from lib.lake import Lake

OPERATION = "TAKE OUT WHAT IS DAMAGED"


def mend(lake: Lake, given: Collection[str]) -> bool:
    """Make the damaged tables sound, and say so; whether everything behind bronze has to be computed anew.

    `given` are the ids of the batches that this run can load. Raises `AuditFailed` if more is lost than these.
    """
    damaged = [lake.catalog[path] for path in lake.base.damages]
    if not damaged:
        return False
    for table in damaged:
        if not (base.is_computed(table) or lake.base.is_restorable(table) or _is_bronze(lake, table)):
            raise AuditFailed(_told(lake, table), base.BACKUP)
    lost = {b: name for table in damaged if _is_bronze(lake, table) for b, name in _lost(lake, table).items()}
    if not lost.keys() <= set(given):
        raise AuditFailed(*_needed(lake, lost))
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
    """A batch with the extract date that it had, if it was lost and comes again: its rows are judged as of that day."""
    for known in lake.base.pins.batches:
        if known["batch_id"] == batch.id:
            day = known["extract_date"]
            return dataclasses.replace(batch, extract_date=day and dt.date.fromisoformat(day))
    return batch


def require_kept_out(lake: Lake, batches: Collection[str]) -> None:
    """Raise `AuditFailed` if loading lost batches again has brought back rows that had been removed from them.

    The rows of a person whom the list of suppressions names are kept out at the door. Those of others, whose period has
    ended, would come back and count beside the anonymous sales that were made of them.
    """
    before, after = (dict.fromkeys(batches, 0) for _ in range(2))
    for counts, documents in ((before, lake.base.pins.removed), (after, lake.ledger.removed_documents())):
        for batch, _, rows in documents:
            if batch in counts:
                counts[batch] += rows
    back = sum(max(0, rows - after[batch]) for batch, rows in before.items())
    if back:
        raise AuditFailed(
            f"The lost batches hold {back} rows of persons who have been removed from the lake since and whom nothing "
            "would keep out now, so they cannot be loaded again.",
            "Put bronze back from a backup of the lake, and run the same command again.",
        )


def _is_bronze(lake: Lake, table: Table) -> bool:
    return table == lake.catalog.layer("bronze")[0]


def _told(lake: Lake, table: Table) -> str:
    return f"{table.path} was not what the last job left: {lake.base.damages[table.path]}."


def _done(lake: Lake, table: Table) -> str:
    if _is_bronze(lake, table):
        return "Its batches were loaded again."
    if base.is_computed(table):
        return "It was computed anew from bronze."
    if table.path in lake.ledger.paths:
        return "It was written anew from the lake's pins."
    return "It begins anew; the marts do not need it."


def _needed(lake: Lake, lost: Mapping[str, Mapping[str, Any]]) -> tuple[str, str]:
    """What to say of batches that have to be given again."""
    (table,) = (lake.catalog[path] for path in lake.base.damages if _is_bronze(lake, lake.catalog[path]))
    named = "; ".join(f"{', '.join(each['files'])} ({each['rows']} rows)" for each in lost.values())
    source = " or ".join(sorted({str(each["source"]) for each in lost.values()}))
    inputs = " ".join(f"--input {name}" for each in lost.values() for name in each["files"])
    return (
        f"{_told(lake, table)} {len(lost)} of {len(lake.base.pins.batches)} batches are no longer whole: {named}.",
        f"Load exactly these again, all in one run: ./spark-submit.sh pipeline --source {source} {inputs}",
    )


def _lost(lake: Lake, table: Table) -> dict[str, Mapping[str, Any]]:
    """The batches of which bronze no longer holds all rows, by their id: what the ledger says of them."""
    pinned, differing = lake.base.pins.tables[table.path], lake.base.damages[table.path]
    sound = [f"{lake.tables.location(table)}/{name}" for name in pinned.files if name not in differing.files]
    held = {}
    if sound and not differing.log:
        rows = lake.spark.read.schema(table.schema).parquet(*sound).groupBy(BATCH).agg(F.count("*").alias("rows"))
        held = {row[BATCH]: row["rows"] for row in rows.collect()}
    removed: dict[str, int] = {}
    for batch, _, count in lake.base.pins.removed:
        removed[batch] = removed.get(batch, 0) + count
    expected = {one["batch_id"]: one["rows"] - removed.get(one["batch_id"], 0) for one in lake.base.pins.batches}
    known = {one["batch_id"]: one for one in lake.base.pins.batches}
    return {batch: known[batch] for batch, rows in expected.items() if held.get(batch, 0) != rows}


def _take_out(lake: Lake, table: Table) -> None:
    """Let the table name nothing that is damaged: of bronze the damaged files, of any other table all of them.

    A table whose log is lost goes as a whole.
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
