"""The output folder: everything is written beside its final place; manifest.json appears last, in one step.

    DIR/.splitter-partial/     the parts while they are written; then the manifest; then each moves up
    DIR/manifest.json          moves up last: if it is there, the parts are complete

A killed run leaves `.splitter-partial`. If a manifest is in it, parts may have moved up already.
Only in this case are parts in DIR without a manifest known to be ours, and they are removed.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from splitter.errors import UsageError, write_failed
from splitter.files import HashedFile, sync
from splitter.parts import CSV_FILE, JSON_FILE, SQLITE_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MANIFEST = "manifest.json"
STAGING = ".splitter-partial"
_PARTS = (JSON_FILE, SQLITE_FILE, CSV_FILE)
_PRIVATE_FOLDER = 0o700


@dataclass(frozen=True)
class Target:
    """An output folder that is locked and free, with an empty staging folder in it."""

    folder: Path
    staging: Path

    @property
    def marker(self) -> str:
        """A name for this folder that does not reveal its place: a table in a database carries it."""
        return f"splitter part of {sha256(os.fsencode(self.folder.resolve())).hexdigest()[:32]}"

    def publish(self, manifest: bytes) -> Path:
        """Move all parts up, the manifest last."""
        names = sorted(path.name for path in self.staging.iterdir())
        file = HashedFile(self.staging / MANIFEST)
        file.write(manifest)
        file.finish()
        sync(self.staging)
        for name in names:
            (self.staging / name).replace(self.folder / name)
        sync(self.folder)
        (self.staging / MANIFEST).replace(self.folder / MANIFEST)
        sync(self.folder)
        return self.folder / MANIFEST


@contextmanager
def open_target(folder: Path, source: Path) -> Iterator[Target]:
    """Lock a folder and prepare it; after any failure inside, nothing of this run is left in it."""
    created = _make(folder)
    try:
        with _locked(folder):
            _refuse_taken(folder, source)
            target = _prepare(folder)
            try:
                yield target
            except OSError as error:
                raise write_failed(folder, error) from None
            finally:
                _clean(folder)
    finally:
        if created and not any(folder.iterdir()):
            folder.rmdir()


def _make(folder: Path) -> bool:
    try:
        if folder.is_dir():
            return False
        folder.mkdir(mode=_PRIVATE_FOLDER, parents=True)
    except OSError as error:
        raise _unusable(folder, error) from None
    return True


def _prepare(folder: Path) -> Target:
    try:
        _clean(folder)
        (folder / STAGING).mkdir(mode=_PRIVATE_FOLDER)
    except OSError as error:
        raise _unusable(folder, error) from None
    return Target(folder, folder / STAGING)


def _unusable(folder: Path, error: OSError) -> UsageError:
    if error.errno == errno.ENOSPC:
        message = f"There is no space left in {folder}."
    else:
        message = f"The output folder {folder} cannot be used ({error.strerror})."
    return UsageError(message, "Give --out a folder that you may write to.")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the operating system releases it at the end of the process."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        message = f"Another splitter is writing to {folder}."
        raise UsageError(message, "Wait until it has ended, or give another --out.") from None
    finally:
        os.close(descriptor)


def _refuse_taken(folder: Path, source: Path) -> None:
    if source.resolve().parent == folder.resolve() and source.name in (*_PARTS, MANIFEST):
        message = f"The input {source} has the name of a part in its own output folder."
        raise UsageError(message, "Give another --out.")
    if os.path.lexists(folder / MANIFEST):
        message = f"{folder} already holds an output ({MANIFEST})."
        raise UsageError(message, "Give another --out, or remove the old output.")
    if (folder / STAGING / MANIFEST).exists():
        return
    for name in _PARTS:
        if os.path.lexists(folder / name):
            message = f"{folder} holds a file {name} that no unfinished run of the splitter left."
            raise UsageError(message, "Give another --out, or remove the file.")


def _clean(folder: Path) -> None:
    """Remove the staging folder, and parts that moved up from it without their manifest."""
    staging = folder / STAGING
    if (staging / MANIFEST).exists():
        for name in _PARTS:
            (folder / name).unlink(missing_ok=True)
        sync(folder)
    if staging.exists():
        shutil.rmtree(staging)
