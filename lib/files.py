"""The files of inputs, read by Hadoop's FileSystem: a disk, HDFS and an object store look the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import IllegalArgumentException
from pyspark.sql import SparkSession

from lib import access, address, java
from lib.errors import InputRefused

UNSEEN = ("_", ".")  # Spark skips files whose names begin with these
UNFINISHED = "._COPYING_"  # and files whose names end with this: Hadoop's own unfinished copies
GLOB = "\\{}[]*?"


@dataclass(frozen=True)
class File:
    """A file as the file system names it; `size` in bytes."""

    uri: str
    name: str
    size: int


class Files:
    """Finds, identifies and opens files."""

    def __init__(self) -> None:
        self._jvm = java.jvm()
        self._conf = java.hadoop_settings()

    def find(self, location: str) -> tuple[File, ...]:
        """The file of that name, or else the files in the folder, or else those that match the glob; sorted by name.

        Raises `InputRefused` if there is none, or if one is invisible to Spark or cannot be opened by Hadoop.
        """
        _require_text(location)
        try:
            found = self._statuses(location)
        except Py4JJavaError as error:
            raise _forbidden(location) or InputRefused(
                f"{location} cannot be reached: {_reason(error)}.", "Check path and rights."
            ) from error
        except IllegalArgumentException as error:
            raise InputRefused(f"Hadoop cannot read {location} as a path.", "Rename the file.") from error
        files = sorted((self._file(status) for status in found if status.isFile()), key=lambda file: file.uri)
        if not files:
            raise _forbidden(location) or InputRefused(
                f"There is no file {location}.", "Check --input; a pattern must match something."
            )
        for file in files:
            _require_seen(file)
        return tuple(files)

    def beside(self, file: File, name: str) -> str:
        """The location of the file `name` in the folder of `file`."""
        return f"{file.uri.rsplit('/', maxsplit=1)[0]}/{name}"

    def local_path(self, file: File) -> str:
        """The file's path on this machine. Raises `InputRefused` if it is elsewhere: SQLite opens local files only."""
        if not file.uri.startswith("file:"):
            raise InputRefused(f"{file.uri} is a database file that is not on this machine.", "Copy it here.")
        return f"/{file.uri.removeprefix('file:').lstrip('/')}"

    def sha256(self, file: File) -> str:
        """The SHA-256 of the file's bytes, as hex digits."""
        with self._open(file) as stream:
            return str(self._jvm.org.apache.commons.codec.digest.DigestUtils.sha256Hex(stream))

    def head(self, file: File, limit: int) -> bytes:
        """The first bytes of the file, decompressed if its name says that it is compressed."""
        with self._open(file) as raw:
            factory = self._jvm.org.apache.hadoop.io.compress.CompressionCodecFactory(self._conf)
            codec = factory.getCodec(self._path(file.uri))
            stream = raw if codec is None else codec.createInputStream(raw)
            return bytes(stream.readNBytes(limit))

    def _statuses(self, location: str) -> list[Any]:
        path = self._path(location)
        system = path.getFileSystem(self._conf)
        if not system.exists(path):
            return self._globbed(system, path)
        status = system.getFileStatus(path)
        if status.isFile():
            return [status]
        entries = list(system.listStatus(path))
        _require_texts(system.makeQualified(path))
        return [entry for entry in entries if not entry.getPath().getName().startswith(UNSEEN)]

    def _globbed(self, system: Any, path: Any) -> list[Any]:
        """The files that match a pattern. Hadoop's own search fails at any name with a ':', even without a match."""
        try:
            found = list(system.globStatus(path) or [])
        except IllegalArgumentException:
            pattern = self._jvm.org.apache.hadoop.fs.GlobPattern(path.getName())
            folders = [status.getPath() for status in self._globbed(system, path.getParent()) if status.isDirectory()]
            entries = [entry for folder in folders for entry in system.listStatus(folder)]
            return [entry for entry in entries if pattern.matches(entry.getPath().getName())]
        if found and system.exists(path.getParent()):
            pattern = self._jvm.org.apache.hadoop.fs.GlobPattern(path.getName())
            _require_texts(system.makeQualified(path.getParent()), pattern.matches)
        return found

    def _file(self, status: Any) -> File:
        return File(str(status.getPath().toString()), str(status.getPath().getName()), int(status.getLen()))

    @contextmanager
    def _open(self, file: File) -> Iterator[Any]:
        path = self._path(file.uri)
        try:
            stream = path.getFileSystem(self._conf).open(path)
            try:
                yield stream
            finally:
                stream.close()
        except Py4JJavaError as error:
            raise _forbidden(file.uri) or InputRefused(
                f"{file.uri} cannot be read: {_reason(error)}.", "Check the file and its rights."
            ) from error

    def _path(self, location: str) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(location)


def _require_texts(folder: Any, is_meant: Callable[[str], bool] = lambda _: True) -> None:
    """Refuse a local folder with a file whose name is not UTF-8: Java silently omits it from every list."""
    if folder.toUri().getScheme() != "file":
        return
    for file in Path(folder.toUri().getPath()).iterdir():
        if is_meant(file.name.encode(errors="replace").decode()) and not file.name.startswith(UNSEEN):
            _require_text(str(file))


def _require_text(location: str) -> None:
    try:
        location.encode()
    except UnicodeEncodeError:
        raise InputRefused(f"{location!a}: this name is not UTF-8.", "Rename the file.") from None


def _require_seen(file: File) -> None:
    if ":" in file.name:
        raise InputRefused(f"{file.uri}: Hadoop cannot open files with a ':' in their names.", "Rename the file.")
    if file.name.startswith(UNSEEN):
        raise InputRefused(f"{file.uri}: Spark ignores names beginning with '_' or '.'.", "Rename the file.")
    if file.name.endswith(UNFINISHED):
        raise InputRefused(
            f"{file.uri}: Spark ignores names ending with '{UNFINISHED}'.", "Wait for the copy, or rename the file."
        )


def literal(uri: str) -> str:
    """The location, with all characters escaped that Spark would read as a glob."""
    return "".join(f"\\{letter}" if letter in GLOB else letter for letter in uri)


def encoded(spark: SparkSession, uri: str) -> str:
    """The location as Spark's `_metadata.file_path` writes it."""
    jvm: Any = spark._jvm
    return str(jvm.org.apache.hadoop.fs.Path(uri).toUri().toString())


def _forbidden(location: str) -> InputRefused | None:
    """The refusal of a local input that this user may not read, which Java reports in many ways; otherwise None."""
    stem = location[: next((at for at, letter in enumerate(location) if letter in GLOB), len(location))]
    path = address.local_path(stem)
    closed = access.first_closed(path, access.READ) if path else None
    if closed is None:
        return None
    message = f"The user {access.me()} may not read {location}: {closed} belongs to {access.owner(closed)}."
    if access.me() == access.owner(closed):
        return InputRefused(message, f"Run: chmod u+rX '{closed}'")
    return InputRefused(message, f"Ask {access.owner(closed)} for the right, or for a copy in a folder of your own.")


def _reason(error: Py4JJavaError) -> str:
    return str(error.java_exception.getClass().getSimpleName())
