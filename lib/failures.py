"""Failures of the machine, stated so that they can be repaired: a full disk, a missing right, a damaged file.

Java states them somewhere in a chain of causes, in words of the operating system. This module searches only for these
words, and for paths below known places. It never repeats other parts of a message: they may quote rows.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lib import access, address, faults
from lib.errors import AuditFailed, LakehouseError, UsageError
from lib.settings import Settings

FULL = re.compile(r"No space left on device|Disk quota exceeded|database or disk is full|QuotaExceededException")
READ_ONLY = re.compile(r"Read-only file system|readonly database")
FORBIDDEN = re.compile(
    r"Permission denied|AccessDeniedException|Operation not permitted|Mkdirs failed to create|ExitCodeException"
)
MEMORY = re.compile(r"java\.lang\.OutOfMemoryError|SparkOutOfMemoryError|UNABLE_TO_ACQUIRE_MEMORY")
TOO_LITTLE_FOR_SPARK = re.compile(r"INVALID_DRIVER_MEMORY|INVALID_EXECUTOR_MEMORY")
DAMAGED = re.compile(
    r"ChecksumException|FAILED_READ_FILE|FILE_NOT_EXIST|is not a Parquet file|FileNotFoundException"
    r"|ParquetDecodingException"
    r"|DELTA_TRUNCATED_TRANSACTION_LOG|DELTA_LOG_FILE_NOT_FOUND|DELTA_FILE_NOT_FOUND|DELTA_VERSIONS_NOT_CONTIGUOUS"
)
# Below a lake: layer, table, and a file name that a writer made. No value of a row can look like this.
NAME_IN_LAKE = r"/((?:[a-z_]+/){2}(?:_delta_log/)?(?:part-)?[0-9a-z.-]+\.(?:parquet|json|checkpoint|crc)\b)"
AGAIN = "run the same command again; nothing is lost."


@dataclass(frozen=True)
class Place:
    """A folder where a job writes, and what an operator may do instead of repairing it."""

    what: str
    folder: Path
    instead: str = ""


def of_the_machine(error: BaseException, settings: Settings | None) -> LakehouseError | None:
    """The error as a failure of the machine; None if it was not the machine, or if the place is unknown."""
    text = "\n".join(faults.texts(error))
    places = list(_places(settings))
    numbers = {each.errno for each in faults.chain(error) if isinstance(each, OSError)}
    if is_out_of_memory(error):
        return LakehouseError("Memory ran out.", f"Give the job more by --driver-memory, and {AGAIN}")
    if TOO_LITTLE_FOR_SPARK.search(text):
        return UsageError("Spark needs more memory than it was given.", "Run the same command with --driver-memory 1g.")
    if numbers & {errno.ENOSPC, errno.EDQUOT} or FULL.search(text):
        return _full(places)
    if numbers & {errno.EROFS, errno.EACCES, errno.EPERM} or READ_ONLY.search(text) or FORBIDDEN.search(text):
        return next((found for place in places if (found := _closed(place))), None)
    if DAMAGED.search(text) and settings:
        return _damaged(text, settings.lake)
    return None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether Java or Python had no memory left."""
    return any(isinstance(each, MemoryError) for each in faults.chain(error)) or any(
        MEMORY.search(text) for text in faults.texts(error)
    )


def _places(settings: Settings | None) -> Iterator[Place]:
    lake = address.local_path(settings.lake) if settings else None
    if settings and lake:
        yield Place("the lake", lake)
    if settings:
        yield Place("the secrets", settings.secrets)
    temporary = os.environ.get("TMPDIR")
    for folder in os.environ.get("SPARK_LOCAL_DIRS", "").split(","):
        if folder and folder != temporary:
            yield Place("Spark's spill files", Path(folder), "name another folder by --conf spark.local.dir=FOLDER")
    if temporary:
        yield Place("the temporary files", Path(temporary), "name another folder in LAKEHOUSE_TEMP")


def _full(places: list[Place]) -> LakehouseError | None:
    """Name the place with the least free space: unfinished files, which filled it, are often removed by now."""
    if not places:
        return None
    place = min(places, key=lambda place: _free(access.existing(place.folder)))
    remedy = f"Free some space there{f', or {place.instead},' if place.instead else ''} and {AGAIN}"
    return LakehouseError(f"The disk of {place.what} is full: {_shown(place)}.", remedy)


def _closed(place: Place) -> LakehouseError | None:
    """Why nobody, or at least not this user, may write there; None if this user may."""
    there = access.existing(place.folder)
    if os.statvfs(there).f_flag & os.ST_RDONLY:
        real = there.resolve()  # a link to another disk is not a mount
        mount = next(path for path in (real, *real.parents) if path.is_mount())
        return UsageError(
            f"The file system of {place.what} is read-only: {_shown(place)}.",
            f"Mount it for writing (mount -o remount,rw '{mount}'), and {AGAIN}",
        )
    blocked = _blocked(place.folder)
    if blocked is None:
        return None
    message = f"The user {access.me()} has no right to {place.what}: {blocked} belongs to {access.owner(blocked)}."
    if place.folder not in (blocked, *blocked.parents):
        return UsageError(message, f"Name a place of your own instead of {place.folder}: {_option(place)}.")
    if access.me() == access.owner(blocked):
        return UsageError(message, f"Run: chmod -R u+rwX '{place.folder}'")
    return UsageError(message, f"Run the job as that user, or let root run: chown -R {access.me()} '{place.folder}'")


def _blocked(folder: Path) -> Path | None:
    """The first place on the path to a folder, or inside it, that this user cannot write."""
    there = access.existing(folder)
    way = access.first_closed(there, access.WRITE)
    if way or there != folder:
        return way
    inside = (Path(parent, name) for parent, *names in os.walk(folder) for name in sorted([*names[0], *names[1]]))
    closed = next((path for path in inside if not access.is_open(path, access.WRITE)), None)
    # A job makes this folder private, and only the owner may do that.
    return closed or (folder if access.owner(folder) != access.me() else None)


def _option(place: Place) -> str:
    return place.instead or ("--lake FOLDER" if place.what == "the lake" else "its line in a --conf FILE of your own")


def _shown(place: Place) -> Path:
    """The folder that an operator knows, not the subfolder that the launcher made for this user and this job."""
    own = re.compile(r"lakehouse-\d+|job-\w+")
    return next(path for path in (place.folder, *place.folder.parents) if not own.fullmatch(path.name))


def _free(path: Path) -> int:
    status = os.statvfs(path)
    return min(
        status.f_bavail * status.f_frsize, status.f_favail * status.f_frsize or status.f_bavail * status.f_frsize
    )


def _damaged(text: str, lake: str) -> LakehouseError | None:
    found = re.search(re.escape(lake) + NAME_IN_LAKE, text)
    if found is None:
        return None
    return AuditFailed(
        f"A file of the lake {lake} is damaged or missing: {found[1]}. Nothing has been published.",
        "Run ./spark-submit.sh verify --full, which states what else is damaged and how to repair it.",
    )
