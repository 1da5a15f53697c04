"""Replay of the quarantine: batches whose waiting rows would pass today are judged again from bronze."""

from __future__ import annotations

from collections import Counter

from pyspark.sql import functions as F

from lib.build import bronze
from lib.build.layers import Layers
from lib.contracts.model import Table
from lib.delta.lake import Lake
from lib.delta.tables import BATCH
from lib.pipeline import pipeline


def run(lake: Lake) -> str:
    """Reopen those batches and publish the result. The caller holds the lake's lock. Returns the last line."""
    reopened = _passing(lake)
    if not reopened:
        return "Nothing to replay: no row in quarantine passes the rules of today."
    waiting = sum(reopened.values())
    result = pipeline.run(lake, pipeline.Request(job="replay_quarantine", reopen=tuple(reopened)))
    return f"{waiting} of the rows in quarantine passed. {result.message}"


def _passing(lake: Lake) -> dict[str, int]:
    """The number of waiting rows that no rule would quarantine today, by batch."""
    found: Counter[str] = Counter()
    for quarantine in lake.catalog:
        if quarantine.quarantine_of is not None:
            found.update(_passing_of(lake, quarantine, lake.catalog[quarantine.quarantine_of]))
    return dict(found)


def _passing_of(lake: Lake, quarantine: Table, judged: Table) -> dict[str, int]:
    waiting = lake.tables.read(quarantine).select(*quarantine.key)
    batches = {row[BATCH] for row in waiting.select(BATCH).distinct().collect()}
    entries = [entry for entry in lake.ledger.entries() if entry.batch_id in batches]
    if not entries:
        return {}
    layers = Layers(lake, sorted(batches), whole=False)
    for name, rows in bronze.rows_of(lake, entries).items():
        layers.provide(name, rows.join(waiting, on=list(quarantine.key), how="left_semi"))
    layers.build([table for table in lake.catalog if table.name in (*judged.inputs, judged.name) and table.is_view], {})
    frame = layers.frame(judged.name)
    accepts = [name for name in frame.columns if name.startswith("accepts_")]
    passing = frame.where(F.forall(F.array(*accepts), lambda accepted: accepted))
    return {row[BATCH]: row["count"] for row in passing.groupBy(BATCH).count().collect()}
