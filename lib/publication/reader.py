"""The publication, for notebooks and other programs: only the marts, at the versions of one publication.

A reader that keeps the object returned by `published` sees one publication throughout, even if a newer one appears.
"""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
from delta.tables import DeltaTable
from deltalake import DeltaTable as TableWithoutSpark
from deltalake.exceptions import DeltaError
from pyarrow.fs import FileSelector, FileSystem
from pyspark.sql import DataFrame, SparkSession

from lib import address
from lib.delta import publication
from lib.delta.pins import Pin
from lib.errors import AuditFailed, UsageError
from lib.session import session
from lib.settings import PROJECT


@dataclass(frozen=True)
class Marts:
    """The marts of one publication: `tables` maps their names (like `mart/table`) to Delta versions."""

    root: str
    run_id: str
    as_of: str
    tables: dict[str, int]
    pins: dict[str, Pin] = field(default_factory=dict)

    @cached_property
    def spark(self) -> SparkSession:
        """A Spark session with this project's settings; started on first use."""
        return local_session()

    def frame(self, name: str, version: int | None = None) -> DataFrame:
        """A mart as a Spark DataFrame: its published version, or an earlier `version`.

        Raises `UsageError` if there is no such mart.
        """
        reader = self.spark.read.format("delta").option("versionAsOf", self._checked(name, version))
        return reader.load(self._location(name))

    def history(self, name: str) -> DataFrame:
        """The versions of a mart, newest first, each with its time, operation and run."""
        self._version(name)
        return DeltaTable.forPath(self.spark, self._location(name)).history()

    def arrow(self, name: str, version: int | None = None) -> pa.Table:
        """A mart as an Arrow table, read without Spark and without Java."""
        return TableWithoutSpark(self._location(name), version=self._checked(name, version)).to_pyarrow_table()

    def _version(self, name: str, version: int | None = None) -> int:
        if name not in self.tables:
            raise UsageError(f"'{name}' is not published.", f"Published are: {', '.join(sorted(self.tables))}.")
        return self.tables[name] if version is None else version

    def _checked(self, name: str, version: int | None) -> int:
        """The version to read. The published one must match its pin; other versions cannot be checked."""
        chosen = self._version(name, version)
        if version is None and name in self.pins:
            _require_as_published(self._location(name), self.pins[name], self.run_id)
        return chosen

    def _location(self, name: str) -> str:
        return f"{self.root}/{name}"


@dataclass(frozen=True)
class _Documents:
    """The documents of a lake, read without Spark."""

    files: FileSystem
    folder: str

    def names(self, folder: str) -> list[str]:
        selected = FileSelector(f"{self.folder}/{folder}", allow_not_found=True)
        return sorted(found.base_name for found in self.files.get_file_info(selected))

    def read(self, name: str) -> str | None:
        try:
            with self.files.open_input_stream(f"{self.folder}/{name}") as stream:
                return str(stream.read().decode(errors="replace"))
        except FileNotFoundError:
            return None


def published(lake: str | os.PathLike[str]) -> Marts:
    """The marts of the lake's current publication; `lake` is a folder or a URI.

    Raises `UsageError` if nothing is published there.
    """
    root = address.normal(str(lake))
    current = publication.current(_Documents(*FileSystem.from_uri(root)))
    if current is None:
        raise UsageError(f"Nothing is published in {root}.", "Run ./spark-submit.sh first, or name another lake.")
    return Marts(root, current.run_id, current.as_of, dict(current.tables), dict(current.pins))


def _require_as_published(location: str, pinned: Pin, run: str) -> None:
    """Raise `AuditFailed` if the version has other files than the published ones, or if their content differs."""
    try:
        files, folder = FileSystem.from_uri(location)
        named = TableWithoutSpark(location, version=pinned.version).file_uris()
        found = {unquote(uri.rpartition("/")[2]) for uri in named}
        same = found == {name.rpartition("/")[2] for name in pinned.files} and all(
            _digest(files, f"{folder}/{name}") == file.digest for name, file in pinned.files.items()
        )
    except (OSError, DeltaError) as error:
        raise _differs(location, run) from error
    if not same:
        raise _differs(location, run)


def _digest(files: FileSystem, path: str) -> str:
    with files.open_input_stream(path) as stream:
        return hashlib.sha256(stream.read()).hexdigest()


def _differs(location: str, run: str) -> AuditFailed:
    return AuditFailed(
        f"{location} is not what run {run} published.",
        "Run ./spark-submit.sh pipeline, which mends what it can and says what it needs.",
    )


def local_session(**settings: str) -> SparkSession:
    """A Spark session in this process, for notebooks and tests: the project's settings and jars, and `settings`.

    Jobs get their session from spark-submit instead.
    """
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_CONF_DIR", str(PROJECT / "conf"))
    jars = ":".join(str(jar) for jar in sorted((PROJECT / ".jars").glob("*.jar")))
    builder: Any = SparkSession.builder.config("spark.driver.extraClassPath", jars)
    for name, value in {"spark.driver.memory": "2g", **settings}.items():
        builder = builder.config(name, value)
    builder.getOrCreate()
    return session("interactive")
