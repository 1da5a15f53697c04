"""The lake's files wherever Spark reads them, by Hadoop's FileSystem: its stores answer once they have kept a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from py4j.protocol import Py4JJavaError

from lib import address, java
from lib.errors import LakehouseError
from lib.storage import LocalStorage, Stamp, Storage


def storage_of(root: str) -> Storage:
    """The files of a lake, by the shortest way to them."""
    folder = address.local_path(root)
    return LocalStorage(folder) if folder else HadoopStorage(root)


class HadoopStorage(Storage):
    """Files below any address that Hadoop knows."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self._jvm = java.jvm()
        self._conf = java.hadoop_settings()
        self._system: Any = self._path("").getFileSystem(self._conf)

    def exists(self, name: str) -> bool:
        return bool(self._system.exists(self._path(name)))

    def names(self, folder: str) -> list[str]:
        if not self.exists(folder):
            return []
        return sorted(status.getPath().getName() for status in self._system.listStatus(self._path(folder)))

    def tree(self, folder: str) -> dict[str, Stamp]:
        if not self.exists(folder):
            return {}
        found, recursive = {}, True
        files = self._system.listFiles(self._path(folder), recursive)
        prefix = len(self._system.makeQualified(self._path(folder)).toString()) + 1
        while files.hasNext():
            status = files.next()
            found[status.getPath().toString()[prefix:]] = Stamp(status.getLen(), status.getModificationTime())
        return found

    def read(self, name: str) -> str | None:
        if not self.exists(name):
            return None
        with self._open(name) as stream:
            return str(self._jvm.org.apache.commons.io.IOUtils.toString(stream, "UTF-8"))

    def digest(self, name: str) -> str | None:
        if not self.exists(name):
            return None
        with self._open(name) as stream:
            return str(self._jvm.org.apache.commons.codec.digest.DigestUtils.sha256Hex(stream))

    def passes(self, name: str) -> bool:
        """Whether Hadoop, which on a local disk compares a file with its sidecar, reads it without complaint."""
        try:
            self.digest(name)
        except Py4JJavaError as error:
            if "ChecksumException" in str(error.java_exception.getClass()):
                return False
            raise
        return True

    def write(self, name: str, text: str) -> None:
        # Delta's own log store knows how each file system does that in one step.
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
        source, target, keep = self._path(name), self._path(to), False
        self._jvm.org.apache.hadoop.fs.FileUtil.copy(self._system, source, self._system, target, keep, self._conf)

    def remove(self, names: Iterable[str]) -> None:
        recursive = True
        for name in names:
            self._system.delete(self._path(name), recursive)

    def flush(self, names: Iterable[str]) -> None:
        """Nothing is left to wait for: such a store answers once it has kept a file."""

    def make_private(self) -> None:
        permission = self._jvm.org.apache.hadoop.fs.permission.FsPermission("700")
        self._system.mkdirs(self._path(""), permission)
        self._system.setPermission(self._path(""), permission)

    @contextmanager
    def _open(self, name: str) -> Iterator[Any]:
        stream = self._system.open(self._path(name))
        try:
            yield stream
        finally:
            stream.close()

    def _conf_of_spark(self) -> Any:
        return self._jvm.org.apache.spark.SparkContext.getOrCreate().getConf()

    def _path(self, name: str) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(self.path(name))
