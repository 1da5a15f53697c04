"""Whether a lake is exactly as its last job left it, asked of its files alone: neither Spark nor Delta is needed.

Then a job has nothing to drop and nothing to restore (`lib.delta.base`), and the pins of the base hold everything that
the ledger's tables hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from lib.contracts.model import Catalog, Table
from lib.delta import deltalog, pins, publication
from lib.delta.deltalog import LAST_CHECKPOINT, LOG
from lib.delta.pins import DataFile, Pin, Pins
from lib.delta.publication import Document, Publication
from lib.errors import LakehouseError
from lib.storage import Stamp, Storage, sidecar

LEFT_OUT = "_"  # begins the names of Delta's own folders


def left(storage: Storage, catalog: Catalog) -> Document | None:
    """What the last job left, if the lake is still exactly that; None if a job has to look closer."""
    found = publication.newest(storage)
    return found if found and is_as_left(storage, catalog, found) else None


def is_as_left(storage: Storage, catalog: Catalog, found: Document) -> bool:
    """Whether `Base.settle` would find nothing to drop, to restore or to state."""
    base = found.base
    return (
        base is not None
        and is_current(storage, found)
        and (not base.operations or states_operations(storage, base))
        and not publication.missing_from_history(storage)
        and all(_is_table_as_left(storage, base, table) for table in catalog.stored)
        and all(_is_read_as_published(storage, base, found.publication, table) for table in catalog.stored)
    )


def is_current(storage: Storage, found: Document) -> bool:
    if found.publication is None:
        return True
    with suppress(LakehouseError):
        return publication.parsed(storage.read(publication.CURRENT) or "") == found
    return False


def states_operations(storage: Storage, base: Pins) -> bool:
    return publication.states(storage, publication.OPERATIONS, base.operations or {})


def _is_table_as_left(storage: Storage, base: Pins, table: Table) -> bool:
    """Whether a table's folder holds the pinned files as they were written, and no others of an interrupted job."""
    pinned, listed = base.tables.get(table.path), storage.tree(table.path)
    if pinned is None:
        return not listed
    return (
        all(_is_as_written(name, file, listed) for name, file in pinned.files.items())
        and not orphans(pinned, listed)
        and not _has_tail(pinned, listed)
        and not pins.log_differences(storage, table.path, pinned)
    )


def _is_as_written(name: str, file: DataFile, listed: Mapping[str, Stamp]) -> bool:
    """Whether a data file has its size and time, and its sidecar if it had one."""
    stamp = listed.get(name)
    if stamp is None or (stamp.size, stamp.modified) != (file.size, file.modified):
        return False
    return file.guarded == (sidecar(name) in listed) == pins.guarded(name, stamp, listed)


def _has_tail(pinned: Pin, listed: Mapping[str, Stamp]) -> bool:
    """Whether the log holds anything after the pinned version."""
    log = [name.removeprefix(f"{LOG}/") for name in listed if name.startswith(f"{LOG}/")]
    known = LAST_CHECKPOINT in pinned.log or LAST_CHECKPOINT not in log
    later = (name for name in log if (deltalog.version_of(name) or 0) > pinned.version or deltalog.is_unfinished(name))
    return not known or any("/" not in name for name in later)


def orphans(pinned: Pin, listed: Mapping[str, Stamp]) -> list[str]:
    """The files of a table's folder that no version names: they come from an interrupted job."""
    known = {*pinned.files, *pinned.left}
    known |= {sidecar(name) for name in known}
    return [name for name in listed if not name.startswith(LEFT_OUT) and name not in known]


def is_read_as_it_was(base: Pins, published: Publication | None, table: Table) -> bool:
    read = published.pins.get(table.path) if published else None
    newest = base.tables.get(table.path)
    return bool(read and newest and not read.files.keys() <= newest.files.keys())


def _is_read_as_published(storage: Storage, base: Pins, published: Publication | None, table: Table) -> bool:
    """Whether people read what was published, where that is not the newest version."""
    if published is None or not is_read_as_it_was(base, published, table):
        return True
    return not pins.differences(storage, table.path, published.pins[table.path])
