"""One writer per lake: a lock of the operating system that dies with its holder.

The JVM holds it, not Python: the JVM writes, and it may outlive the Python process for a moment.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JJavaError

from lib import address, java
from lib.errors import LakeBusy

SPAN = 1 << 20  # of the locked region; the holder's name is written after it, where others may read it


@contextmanager
def writer_of(lake: str, secrets: Path, job: str) -> Iterator[None]:
    """Hold the lake's lock. Raises `LakeBusy`, which names the current holder.

    A lake on this machine has its lock file beside its tables. Any other lake has it under `secrets`; that file
    protects only against jobs of this machine.
    """
    file = _file(lake, secrets)
    stream = java.jvm().java.io.RandomAccessFile(str(file), "rw")
    interrupted = False
    try:
        lock = _try(stream)
        if lock is None:
            raise LakeBusy(
                f"Another job holds the lake {lake}{_holder(file)}.",
                "Wait until it has ended and run the command again.",
            )
        stream.setLength(SPAN)
        stream.seek(SPAN)
        stream.writeBytes(f"{job}, process {os.getpid()}, since {dt.datetime.now(dt.timezone.utc):%Y-%m-%d %H:%M:%SZ}")
        yield
    except KeyboardInterrupt:
        interrupted = True
        raise
    finally:
        if not interrupted:  # otherwise the JVM may still be writing: the lock ends with it
            stream.close()


def _try(stream: Any) -> Any:
    try:
        return stream.getChannel().tryLock(0, SPAN, False)  # noqa: FBT003 - a Java call
    except Py4JJavaError as error:
        if "OverlappingFileLock" in str(error.java_exception):
            return None
        raise


def _holder(file: Path) -> str:
    with file.open("rb") as stream:
        stream.seek(SPAN)
        text = stream.read(200).decode("ascii", "replace").strip("\0 ")
    return f" ({text})" if text else ""


def _file(lake: str, secrets: Path) -> Path:
    folder = address.local_path(lake)
    if folder is None:
        secrets.mkdir(parents=True, exist_ok=True, mode=0o700)
        return secrets / f"lock-{address.digests(lake)[0]}"
    return folder / ".lock"
