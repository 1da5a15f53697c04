"""Upkeep: a lake does not grow without bound.

| what grows | what is kept |
|---|---|
| small files: every batch adds some to each table | rows of small files are put together in larger ones |
| versions of marts, publications | those of the newest publications, to which `rollback` can return |
| versions of other tables | none but the newest, by which the next run works |
| logs of tables | what states a kept version |
| reports of runs, receipts of erasures | those of a period |

The deployment states the numbers (`lib.settings.Keep`). Every job that writes does so at its end, as far as it has time
and as far as no reader can notice; the job `maintain` does the rest.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from lib.accountability.anchors import RECEIPTS
from lib.contracts.model import Table
from lib.delta.lake import Lake
from lib.durations import Duration
from lib.publication.report import FOLDER as REPORTS

SMALL = 16 << 20  # bytes of a file that is worth putting together with others
MANY = 24  # small files of a table from which on every run feels them
MOST = 128 << 20  # bytes of small files that a job puts together at its end
SECONDS = 5.0  # after which a job begins with no further table
MIB = 1 << 20


@dataclass(frozen=True)
class Compacted:
    """Tables whose small files were put together; their files before and after."""

    tables: int = 0
    before: int = 0
    after: int = 0


def tidy(lake: Lake) -> None:
    """What a job does at its end. Its own work is done by then, so that it does not fail if files stay small."""
    try:
        compact(lake, least=MANY, most=MOST, until=time.monotonic() + SECONDS)
    except (PySparkException, Py4JJavaError, OSError) as error:
        lake.base.said.append(f"Small files were left as they are ({type(error).__name__}); maintain says more.")
    lake.base.drop_unread(lake.settings.keep.publications)
    _expire_reports(lake)


def maintain(lake: Lake, *, grace: float) -> str:
    """Everything that can be done, after running queries had `grace` seconds to end. Returns the last line."""
    before = _bytes(lake)
    done = compact(lake, least=2)
    with lake.steps.step("drop"):
        time.sleep(grace)
        publications = lake.base.drop_unread(lake.settings.keep.publications, everything=True)
        reports, receipts = _expire_reports(lake), _expire_receipts(lake)
    after = _bytes(lake)
    return (
        f"Maintained: {done.before} files of {done.tables} tables became {done.after}; {publications} publications, "
        f"{reports} reports and {receipts} receipts removed; the lake has {after / MIB:.1f} MiB, "
        f"{(before - after) / MIB:.1f} less."
    )


def compact(lake: Lake, *, least: int, most: float = math.inf, until: float = math.inf) -> Compacted:
    """Put small files together in the tables that have at least this number of them, first where there are most.

    Tables whose small files have more than `most` bytes are left out. After the time `until`, no other is begun.
    """
    sizes = {table.path: _small_files(lake, table) for table in _compactable(lake)}
    wanting = [path for path, found in sizes.items() if len(found) >= least and sum(found) <= most]
    done = Compacted()
    for table in map(lake.catalog.__getitem__, sorted(wanting, key=lambda path: -len(sizes[path]))):
        if time.monotonic() > until:
            break
        with lake.steps.step(f"compact: {table.path}"):
            before = _files(lake, table)
            lake.tables.compact(table, SMALL)
            lake.base.advance()
            lake.base.renew_operations()
            done = Compacted(done.tables + 1, done.before + before, done.after + _files(lake, table))
    return done


def _compactable(lake: Lake) -> list[Table]:
    """The order of anonymous lines is a promise of its own, and each of them is one file anyway."""
    there = [table for table in lake.catalog.stored if table.path in lake.base.pins.tables]
    return [table for table in there if table.load != "anonymous" and not lake.base.is_read_as_it_was(table)]


def _files(lake: Lake, table: Table) -> int:
    return len(lake.base.pins.tables[table.path].files)


def _small_files(lake: Lake, table: Table) -> list[int]:
    """The bytes of each."""
    return [file.size for file in lake.base.pins.tables[table.path].files.values() if file.size < SMALL]


def _expire_reports(lake: Lake) -> int:
    """The name of a report begins with the day of its run."""
    return _expire(lake, REPORTS, lake.settings.keep.reports, lambda name: _day(f"{name[:4]}-{name[4:6]}-{name[6:8]}"))


def _expire_receipts(lake: Lake) -> int:
    return _expire(lake, RECEIPTS, lake.settings.keep.receipts, lambda name: _finished(lake, name))


def _expire(lake: Lake, folder: str, period: Duration, day: Callable[[str], dt.date | None]) -> int:
    """Remove the files of a folder that are older than the period; a file of an unknown day stays."""
    limit = period.before(lake.started_at.date())
    old = [name for name in lake.storage.names(folder) if (it := day(name)) is not None and it < limit]
    lake.storage.remove(f"{folder}/{name}" for name in old)
    return len(old)


def _finished(lake: Lake, receipt: str) -> dt.date | None:
    with suppress(ValueError, KeyError, TypeError):
        return _day(str(json.loads(lake.storage.read(f"{RECEIPTS}/{receipt}") or "")["finished_at"])[:10])
    return None


def _day(text: str) -> dt.date | None:
    with suppress(ValueError):
        return dt.date.fromisoformat(text)
    return None


def _bytes(lake: Lake) -> int:
    return sum(stamp.size for stamp in lake.storage.tree("").values())
