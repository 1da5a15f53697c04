"""Direct access to the lake's files, without Spark and Delta: the same on a disk or in an object store.

On this machine's disk they are read and written directly, and flushed: when a method that writes returns, a power cut
cannot take back what it wrote. Elsewhere Hadoop's FileSystem does it, whose stores acknowledge what they have kept.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from lib import address, drafts
from lib.drafts import DRAFT
from lib.errors import LakehouseError, UsageError

AT_ONCE = 8  # files that are flushed or read in parallel: a disk handles several at once
BLOCK = 1 << 20


@dataclass(frozen=True)
class Stamp:
    """A file in a listing: its bytes, and the time of its last write, in the finest unit of its storage."""

    size: int
    modified: int


class Storage:
    """Files below one root; names are relative to it, with slashes."""

    def __init__(self, spark: SparkSession, root: str) -> None:
        self.root = root
        self.local = address.local_path(root)
        self._jvm: Any = spark._jvm
        self._conf: Any = spark._jsparkSession.sessionState().newHadoopConf()
        self._system: Any = self._path("").getFileSystem(self._conf)

    def path(self, name: str) -> str:
        """The full path of `name`."""
        return f"{self.root}/{name}" if name else self.root

    def exists(self, name: str) -> bool:
        """Whether there is a file or folder of that name."""
        return (self.local / name).exists() if self.local else bool(self._system.exists(self._path(name)))

    def names(self, folder: str) -> list[str]:
        """The names in a folder, sorted; none if there is no such folder."""
        if self.local:
            with os.scandir(self.local / folder) if (self.local / folder).is_dir() else nullcontext(()) as entries:
                return sorted(entry.name for entry in entries if not entry.name.endswith(DRAFT))
        if not self.exists(folder):
            return []
        return sorted(status.getPath().getName() for status in self._system.listStatus(self._path(folder)))

    def tree(self, folder: str) -> dict[str, Stamp]:
        """All files below a folder, by their names relative to it, hidden ones too; none if there is no such folder."""
        if self.local:
            return dict(_below(self.local / folder, ""))
        return self._listed(folder) if self.exists(folder) else {}

    def _listed(self, folder: str) -> dict[str, Stamp]:
        found, recursive = {}, True
        files = self._system.listFiles(self._path(folder), recursive)
        prefix = len(self._system.makeQualified(self._path(folder)).toString()) + 1
        while files.hasNext():
            status = files.next()
            found[status.getPath().toString()[prefix:]] = Stamp(status.getLen(), status.getModificationTime())
        return found

    def read(self, name: str) -> str | None:
        """The text of a file, or None if there is none."""
        if not self.exists(name):
            return None
        if self.local:
            return (self.local / name).read_text(encoding="utf-8", errors="replace")
        stream = self._system.open(self._path(name))
        try:
            return str(self._jvm.org.apache.commons.io.IOUtils.toString(stream, "UTF-8"))
        finally:
            stream.close()

    def digest(self, name: str) -> str | None:
        """The SHA-256 of a file's bytes as hexadecimal digits, or None if there is none."""
        if self.local:
            return file_digest(self.local / name)
        if not self.exists(name):
            return None
        stream = self._system.open(self._path(name))
        try:
            return str(self._jvm.org.apache.commons.codec.digest.DigestUtils.sha256Hex(stream))
        finally:
            stream.close()

    def digests(self, names: Iterable[str]) -> dict[str, str | None]:
        """The digests of several files."""
        listed = list(names)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip(listed, pool.map(self.digest, listed), strict=True))

    def passes(self, name: str) -> bool:
        """Whether Hadoop, which compares a file with its sidecar, reads it without complaint."""
        stream = self._system.open(self._path(name))
        try:
            self._jvm.org.apache.commons.codec.digest.DigestUtils.sha256Hex(stream)
        except Py4JJavaError as error:
            if "ChecksumException" in str(error.java_exception.getClass()):
                return False
            raise
        finally:
            stream.close()
        return True

    def write(self, name: str, text: str) -> None:
        """Write a file in one atomic step: a reader sees the old text or the new one, never a part."""
        if self.local:
            _replace(self.local / name, text.encode())
            return
        # Delta's own log store knows how each file system does that.
        store = self._jvm.org.apache.spark.sql.delta.storage.LogStore.apply(self._conf_of_spark(), self._conf)
        lines = self._jvm.scala.jdk.javaapi.CollectionConverters.asScala(self._jvm.java.util.List.of(text).iterator())
        self._system.mkdirs(self._path(name).getParent())
        overwrite = True
        try:
            store.write(self._path(name), lines, overwrite, self._conf)
        except Py4JJavaError as error:
            raise LakehouseError(
                f"{self.path(name)} cannot be written: {error.java_exception.getMessage()}."
            ) from error

    def copy(self, name: str, to: str) -> None:
        """Make `to` a copy of the file `name`, in one step; only `flush` makes it last."""
        if self.local:
            file = self.local / to
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            draft = drafts.of(file)
            shutil.copyfile(self.local / name, draft)
            draft.replace(file)
            return
        source, target, keep = self._path(name), self._path(to), False
        self._jvm.org.apache.hadoop.fs.FileUtil.copy(self._system, source, self._system, target, keep, self._conf)

    def remove(self, names: Iterable[str]) -> None:
        """Remove files, and folders with their content; skip missing ones."""
        recursive = True
        for name in names:
            if self.local:
                _remove(self.local / name)
            else:
                self._system.delete(self._path(name), recursive)

    def flush(self, names: Iterable[str]) -> None:
        """Wait until these files, and their names in all folders on the way to them, are on the disk."""
        if self.local:
            files = [self.local / name for name in names]
            folders = {folder for file in files for folder in file.parents if folder.is_relative_to(self.local)}
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(drafts.sync, files))
                list(pool.map(drafts.sync, folders))

    def make_private(self) -> None:
        """Create the root, for its owner only."""
        permission = self._jvm.org.apache.hadoop.fs.permission.FsPermission("700")
        self._system.mkdirs(self._path(""), permission)
        self._system.setPermission(self._path(""), permission)

    def require(self) -> None:
        """Raise `UsageError` if there is no lake here."""
        if not self.exists(""):
            raise UsageError(f"There is no lake at {self.root}.", "Check --lake, or run the pipeline first.")

    def _conf_of_spark(self) -> Any:
        return self._jvm.org.apache.spark.SparkContext.getOrCreate().getConf()

    def _path(self, name: str) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(self.path(name))


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
