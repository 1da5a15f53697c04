"""Verification: whether the lake is what the last job left, without a change to its content.

Every job does the fast check before it begins: it reads the logs of all tables, lists their data files, and reads those
that have been written since. The full check reads every byte, and also asks Delta and Parquet themselves: whether Delta
sees exactly these files, and whether each file holds as many rows as Delta's statistics state.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from lib.contracts.model import Table
from lib.delta import pins, publication
from lib.delta.lake import Lake
from lib.errors import AuditFailed
from lib.hadoop_storage import HadoopStorage
from lib.storage import sidecar


def verify(lake: Lake, *, full: bool) -> str:
    """What was checked, as the job's last line. Raises `AuditFailed`, which names the difference, and what to do."""
    damages = {path: str(differing) for path, differing in lake.base.damages.items()}
    if full:
        damages |= _read_through(lake)
    damages |= _as_published(lake, full=full)
    if damages:
        path, first = next(iter(damages.items()))
        more = f" ({len(damages) - 1} more tables differ)" if len(damages) > 1 else ""
        raise AuditFailed(f"{path} is not what the last job left: {first}{more}.", lake.base.remedy(lake.catalog[path]))
    tables = lake.base.pins.tables.values()
    files = [file for table in tables for file in table.files.values()]
    size = sum(file.size for file in files) / (1 << 20)
    how = "every byte was read" if full else "every log was read, and every data file is there"
    return (
        f"Sound, as run {lake.base.pins.run_id} left it: "
        f"{len(tables)} tables, {len(files)} files, {size:,.1f} MiB; {how}."
    )


def _read_through(lake: Lake) -> dict[str, str]:
    """The damage found by reading every data file of the newest versions, by table."""
    found: dict[str, str] = {}
    for table in lake.catalog:
        path, pinned = table.path, lake.base.pins.tables.get(table.path)
        if pinned is None or path in lake.base.damages:
            continue
        listed = lake.storage.tree(path)
        broken = pins.file_differences(lake.storage, path, pinned, listed, full=True)
        _drop_wrong_sidecars(
            lake, path, [name for name in pinned.files if name not in broken and sidecar(name) in listed]
        )
        if broken:
            found[path] = f"{broken[0]} has other content"
            lake.base.suspect(path, broken)
        elif said := _delta_says(lake, table, pinned):
            found[path] = said
    return found


def _drop_wrong_sidecars(lake: Lake, path: str, names: Sequence[str]) -> None:
    """Remove wrong checksums beside sound files: Hadoop compares a file with them."""
    hadoop = HadoopStorage(lake.storage.root)
    for name in names:
        if not hadoop.passes(f"{path}/{name}"):
            lake.storage.remove([f"{path}/{sidecar(name)}"])
            lake.base.said.append(f"{path}/{sidecar(name)} held wrong checksums of a sound file and was removed.")


def _delta_says(lake: Lake, table: Table, pinned: pins.Pin) -> str:
    """How Delta's own view differs from the pin; empty if it does not."""
    seen = lake.tables.statistics(table)
    if seen.keys() != pinned.files.keys():
        return f"Delta names {len(seen)} files, and {len(pinned.files)} were left"
    stated: dict[str, Any] = {name: json.loads(text or "{}").get("numRecords") for name, text in seen.items()}
    counted = [name for name, rows in stated.items() if rows is not None]
    if counted:
        places = [f"{lake.tables.location(table)}/{name}" for name in counted]
        rows, expected = lake.spark.read.parquet(*places).count(), sum(stated[name] for name in counted)
        if rows != expected:
            return f"its files hold {rows} rows, and Delta's statistics say {expected}"
    return ""


def _as_published(lake: Lake, *, full: bool) -> dict[str, str]:
    """How the tables that people read differ from their publication, by table."""
    published = [lake.base.published, publication.operations(lake.storage)]
    found: dict[str, str] = {}
    for path, pinned in ((p, pin) for each in published if each for p, pin in each.pins.items()):
        newest = lake.base.pins.tables.get(path)
        if newest is None or newest.version != pinned.version:
            differing = pins.differences(lake.storage, path, pinned, full=full)
            if differing:
                found[path] = str(differing)
    return found
