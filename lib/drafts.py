"""Drafts: files and folders written under another name first, so that they appear complete or not at all.

A lock on the draft's folder shows that its writer is alive.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

DRAFT = ".new"  # ends the name of a draft


def write(file: Path, content: bytes) -> None:
    """Write a file for its owner only, in one step; it is on the disk when this returns.

    A reader sees the old content or the new. The caller ensures that nobody else writes the file now.
    """
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = of(file)
    draft.unlink(missing_ok=True)  # a killed job may have left it
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(file)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    sync(file.parent)


def of(file: Path) -> Path:
    """The path of a file's draft."""
    return file.with_name(f"{file.name}{DRAFT}")


def sync(path: Path) -> None:
    """Wait until a file's content, or the names in a folder, are on the disk; do nothing if it is gone."""
    with suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a folder against other processes; the operating system releases it at the end of the process."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def own_draft(parent: Path, name: str) -> Iterator[Path]:
    """A new folder `name` that this process holds by a lock. First, folders of this form without a lock are removed.

    At the end the folder is removed, with its remaining content.
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
        pass  # its writer is still alive
    finally:
        os.close(descriptor)
