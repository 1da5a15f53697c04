"""Files of the output: private to their owner, hashed while they are written, on the disk when closed."""

from __future__ import annotations

import io
import os
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PRIVATE = 0o600
_BUFFER = 1 << 20


def create(path: Path) -> int:
    """Open a new file that only its owner may read."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE)


def sync(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class HashedFile:
    """A file being written."""

    def __init__(self, path: Path) -> None:
        self._raw = io.FileIO(create(path), "wb")
        self._file = io.BufferedWriter(self._raw, _BUFFER)
        self._hash = sha256()
        self.bytes = 0

    def write(self, data: bytes) -> None:
        """Append."""
        self._hash.update(data)
        self.bytes += len(data)
        self._file.write(data)

    def finish(self) -> str:
        """Write out, wait for the disk, close; return the SHA-256."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self._hash.hexdigest()

    def abort(self) -> None:
        """Close the file at any state; content that cannot be written out any more is lost."""
        try:
            self._file.close()
        except OSError:
            self._raw.close()


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a whole file."""
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(_BUFFER):
            digest.update(block)
    return digest.hexdigest()
