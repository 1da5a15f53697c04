"""The lake's files outside Delta tables, by Hadoop's FileSystem: the same on a disk, in HDFS or in an object store."""

from __future__ import annotations

from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from lib.errors import LakehouseError, UsageError


class Storage:
    """Small text files below one root."""

    def __init__(self, spark: SparkSession, root: str) -> None:
        self.root = root
        self._jvm: Any = spark._jvm
        self._conf: Any = spark._jsparkSession.sessionState().newHadoopConf()
        self._system: Any = self._path("").getFileSystem(self._conf)

    def path(self, name: str) -> str:
        """The full path of `name`."""
        return f"{self.root}/{name}" if name else self.root

    def exists(self, name: str) -> bool:
        """Whether there is a file or folder of that name."""
        return bool(self._system.exists(self._path(name)))

    def names(self, folder: str) -> list[str]:
        """The names in a folder, sorted; none if there is no such folder."""
        if not self.exists(folder):
            return []
        return sorted(status.getPath().getName() for status in self._system.listStatus(self._path(folder)))

    def read(self, name: str) -> str | None:
        """The text of a file, or None if there is none."""
        if not self.exists(name):
            return None
        stream = self._system.open(self._path(name))
        try:
            return str(self._jvm.org.apache.commons.io.IOUtils.toString(stream, "UTF-8"))
        finally:
            stream.close()

    def write(self, name: str, text: str) -> None:
        """Write a file in one atomic step: a reader sees the old text or the new one, never a part.

        Delta's own log store knows how each file system does that.
        """
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
