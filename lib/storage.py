"""Direct access to the lake's files, without Spark and Delta: the same on a disk or in an object store.

`LocalStorage` reads and writes the disk of this machine, and flushes: when a method that writes returns, a power cut
cannot take back what it wrote. It needs neither Spark nor Java. Any other place is `lib.hadoop_storage`'s.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from lib import drafts
from lib.drafts import DRAFT
from lib.errors import UsageError

AT_ONCE = 8  # files that are flushed or read in parallel: a disk handles several at once
BLOCK = 1 << 20


@dataclass(frozen=True)
class Stamp:
    """A file in a listing: its bytes, and the time of its last write, in the finest unit of its storage."""

    size: int
    modified: int


class Storage(ABC):
    """Files below one root; names are relative to it, with slashes."""

    def __init__(self, root: str) -> None:
        self.root = root

    def path(self, name: str) -> str:
        """The full path of `name`."""
        return f"{self.root}/{name}" if name else self.root

    @abstractmethod
    def exists(self, name: str) -> bool:
        """Whether there is a file or folder of that name."""

    @abstractmethod
    def names(self, folder: str) -> list[str]:
        """The names in a folder, sorted; none if there is no such folder."""

    @abstractmethod
    def tree(self, folder: str) -> dict[str, Stamp]:
        """All files below a folder, by their names relative to it, hidden ones too; none if there is no such folder."""

    @abstractmethod
    def read(self, name: str) -> str | None:
        """The text of a file, or None if there is none."""

    @abstractmethod
    def digest(self, name: str) -> str | None:
        """The SHA-256 of a file's bytes as hexadecimal digits, or None if there is none."""

    @abstractmethod
    def write(self, name: str, text: str) -> None:
        """Write a file in one atomic step: a reader sees the old text or the new one, never a part."""

    @abstractmethod
    def copy(self, name: str, to: str) -> None:
        """Make `to` a copy of the file `name`, in one step; only `flush` makes it last."""

    @abstractmethod
    def remove(self, names: Iterable[str]) -> None:
        """Remove files, and folders with their content; skip missing ones."""

    @abstractmethod
    def flush(self, names: Iterable[str]) -> None:
        """Wait until these files, and their names in all folders on the way to them, are on the disk."""

    @abstractmethod
    def make_private(self) -> None:
        """Create the root, for its owner only."""

    def digests(self, names: Iterable[str]) -> dict[str, str | None]:
        """The digests of several files."""
        listed = list(names)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip(listed, pool.map(self.digest, listed), strict=True))

    def require(self) -> None:
        """Raise `UsageError` if there is no lake here."""
        if not self.exists(""):
            raise UsageError(f"There is no lake at {self.root}.", "Check --lake, or run the pipeline first.")


class LocalStorage(Storage):
    """Files in a folder of this machine."""

    def __init__(self, root: Path) -> None:
        super().__init__(str(root))
        self._folder = root

    def exists(self, name: str) -> bool:
        return (self._folder / name).exists()

    def names(self, folder: str) -> list[str]:
        place = self._folder / folder
        with os.scandir(place) if place.is_dir() else nullcontext(()) as entries:
            return sorted(entry.name for entry in entries if not entry.name.endswith(DRAFT))

    def tree(self, folder: str) -> dict[str, Stamp]:
        return dict(_below(self._folder / folder, ""))

    def read(self, name: str) -> str | None:
        try:
            return (self._folder / name).read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, NotADirectoryError):
            return None

    def digest(self, name: str) -> str | None:
        return file_digest(self._folder / name)

    def write(self, name: str, text: str) -> None:
        _replace(self._folder / name, text.encode())

    def copy(self, name: str, to: str) -> None:
        file = self._folder / to
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = drafts.of(file)
        shutil.copyfile(self._folder / name, draft)
        draft.replace(file)

    def remove(self, names: Iterable[str]) -> None:
        for name in names:
            _remove(self._folder / name)

    def flush(self, names: Iterable[str]) -> None:
        files = [self._folder / name for name in names]
        folders = {folder for file in files for folder in file.parents if folder.is_relative_to(self._folder)}
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(drafts.sync, files))
            list(pool.map(drafts.sync, folders))

    def make_private(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder.chmod(0o700)


def sidecar(name: str) -> str:
    """The file in which Hadoop keeps checksums of the file `name` on a local disk."""
    folder, slash, file = name.rpartition("/")
    return f"{folder}{slash}.{file}.crc"


def file_digest(file: Path) -> str | None:
    """Like `Storage.digest`, for a file of this machine."""
    digest = hashlib.sha256()
    try:
        with file.open("rb") as stream:
            while block := stream.read(BLOCK):
                digest.update(block)
    except FileNotFoundError:
        return None
    return digest.hexdigest()


def _below(folder: Path, prefix: str) -> Iterable[tuple[str, Stamp]]:
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _below(folder / entry.name, f"{prefix}{entry.name}/")
        else:
            stat = entry.stat()
            yield prefix + entry.name, Stamp(stat.st_size, stat.st_mtime_ns)


def _replace(file: Path, content: bytes) -> None:
    # Hadoop would compare the sidecar with the new text. It is not needed: readers check what is written here.
    Path(sidecar(str(file))).unlink(missing_ok=True)
    drafts.write(file, content)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        for below in path.iterdir():
            _remove(below)
        path.rmdir()
    else:
        path.unlink(missing_ok=True)
