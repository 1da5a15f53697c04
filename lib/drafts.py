"""What is written aside before it gets its place, and how its writer is known to live: by a lock on a folder."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DRAFT = ".new"  # ends the name of a draft


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder against others who lock it; the operating system frees it with the process."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def own_draft(parent: Path, name: str) -> Iterator[Path]:
    """A new folder `name` that this process holds by a lock; those of that form that nobody holds are removed first.

    What is still there at the end is removed too.
    """
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = parent / name
    with locked(parent):
        for left in parent.glob(".req-*"):
            _remove_if_dead(left)
        folder.mkdir(mode=0o700)
        descriptor = os.open(folder, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _remove_if_dead(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    except BlockingIOError:
        pass  # somebody is still writing it
    finally:
        os.close(descriptor)
