"""Small tables on this machine, read and written by delta-rs.

For a table of some thousands of rows Spark's work is nearly all planning, listing files and committing: several jobs
and most of a second for each write. delta-rs needs some milliseconds and no job. The table is the same for both.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import unquote

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError
from pyarrow import compute, parquet
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from lib import address
from lib.contracts.model import Table
from lib.delta.deltalog import LAST_CHECKPOINT, LOG, commit_name

FEW = 200_000  # rows up to which a table is written from memory
BYTES = 4_000_000  # on disk, up to which a table is read into memory
UNREADABLE = frozenset("[]%|^\\")  # in a path: delta-rs would take them for something else, or end the process
CHUNK = 512  # bytes for each code of Hadoop's checksums


@dataclass(frozen=True)
class SmallTable:
    """A table in a folder of this machine, without personal data."""

    folder: Path
    table: Table

    @classmethod
    def at(cls, location: str, table: Table) -> SmallTable | None:
        """The table there; None if it is elsewhere or about persons, so that Spark must read and write it."""
        folder = folder_of(location)
        return cls(folder, table) if folder and not table.personal else None

    @cached_property
    def types(self) -> StructType:
        """The contract's columns and types."""
        return cast("StructType", StructType.fromDDL(self.table.schema))

    @cached_property
    def schema(self) -> pa.Schema:
        """The same for Arrow. As Spark stores them: each may be NULL, the audit says which may not."""
        return pa.schema([pa.field(each.name, each.type) for each in to_arrow_schema(self.types)])

    def rows(self, version: int) -> pa.Table | None:
        """All rows of a version; None if there are many, if they are damaged, or if the table `is_other`.

        Whatever is wrong with them, Spark says it in words that are known.
        """
        try:
            delta = DeltaTable(str(self.folder), version=version)
            names = {unquote(uri.rpartition("/")[2]) for uri in delta.file_uris()}
            sizes = sum(delta.get_add_actions()["size_bytes"].to_pylist())
            return None if self._is_other(delta) else self.rows_of(names, sizes)
        except (OSError, ValueError, pa.ArrowException, DeltaError):
            return None

    def rows_of(self, names: Sequence[str] | set[str], size: int) -> pa.Table | None:
        """The rows of data files of `size` bytes together; None as above."""
        if size > BYTES:
            return None
        if not names:
            return self.schema.empty_table()
        try:
            return in_memory([self.folder / name for name in sorted(names)]).select(self.schema.names).cast(self.schema)
        except (OSError, ValueError, pa.ArrowException):
            return None

    def write(
        self,
        rows: pa.Table,
        mode: Literal["append", "overwrite"],
        metadata: Mapping[str, Any],
        properties: Mapping[str, str] | None,
    ) -> int:
        """Append rows, or let them be the whole content; return the new version.

        `properties` are those of a new table; None if the table exists. Beside each new file stands Hadoop's sidecar.
        """
        comments = {column.name: {"comment": column.description} for column in self.table.stored}
        # The comments of an existing table stay what they are.
        schema = [each.with_metadata(comments[each.name]) for each in self.schema] if properties else self.schema
        stated = CommitProperties(custom_metadata={"userMetadata": json.dumps(metadata)})
        before = _files(self.folder)
        write_deltalake(
            str(self.folder),
            # delta-rs would write the chunks of a table in any order.
            rows.select(self.schema.names).cast(pa.schema(schema)).combine_chunks(),
            mode=mode,
            configuration=properties,
            commit_properties=stated,
        )
        after = _files(self.folder)
        for file, stamp in after.items():
            if before.get(file) != stamp:
                guard(file)
        for file in before.keys() - after.keys():  # commits that are older than the log's retention
            sidecar(file).unlink(missing_ok=True)
        return DeltaTable(str(self.folder)).version()

    def is_other(self) -> bool:
        """Whether the stored table has other columns or types than its contract, or a feature that hides rows."""
        return self._is_other(DeltaTable(str(self.folder)))

    def _is_other(self, delta: DeltaTable) -> bool:
        return has_features(delta) or described(types_of(delta)) != described(self.types)


def folder_of(location: str) -> Path | None:
    """The folder of a table if delta-rs reads it: on this machine, and of a name that it does not take for another."""
    folder = address.local_path(location)
    return folder if folder and str(folder).isprintable() and not UNREADABLE & set(str(folder)) else None


def has_features(delta: DeltaTable) -> bool:
    """Whether the files alone do not state the rows: readers of a later protocol know deletion vectors, for example."""
    return delta.protocol().min_reader_version > 1


def types_of(delta: DeltaTable) -> StructType:
    """The columns and types of a version."""
    return StructType.fromJson(json.loads(delta.schema().to_json()))


def described(types: StructType) -> list[str]:
    """Name and type of each column, as Spark writes them."""
    return [f"{field.name} {field.dataType.simpleString()}" for field in types]


def _files(folder: Path) -> dict[Path, tuple[int, int]]:
    """Size and time of each data file, and of each file of the log that may have become another one."""
    log = folder / LOG
    found = [*folder.glob("*.parquet"), *log.glob(commit_name(0).replace("0", "[0-9]")), *log.glob("*.parquet")]
    return {
        file: (file.stat().st_size, file.stat().st_mtime_ns)
        for file in (*found, log / LAST_CHECKPOINT)
        if file.exists()
    }


def guard(file: Path) -> None:
    """Write Hadoop's sidecar of a file: it tells Hadoop's readers and every later job of a changed bit."""
    sidecar(file).write_bytes(codes(file.read_bytes()))


def sidecar(file: Path) -> Path:
    return file.with_name(f".{file.name}.crc")


def codes(content: bytes) -> bytes:
    """The content of a sidecar: a header with the size of a chunk, then the CRC-32 of each chunk."""
    chunks = (content[start : start + CHUNK] for start in range(0, len(content), CHUNK))
    return b"crc\0" + struct.pack(">I", CHUNK) + b"".join(struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks)


def in_memory(files: Sequence[Path | str]) -> pa.Table:
    """The rows of Parquet files. Raises `OSError` or an Arrow error for a damaged one.

    Spark's pages have checksums, those of delta-rs have none; Hadoop's sidecar is compared if it is there.
    """
    for file in map(Path, files):
        if sidecar(file).exists() and sidecar(file).read_bytes() != codes(file.read_bytes()):
            raise OSError(f"{file.name} is not what its sidecar states.")
    return parquet.read_table(
        [str(file) for file in files],
        page_checksum_verification=True,
        coerce_int96_timestamp_unit="us",
        partitioning=None,
    )


def summed(rows: pa.Table, key: Sequence[str]) -> pa.Table:
    """One row for each key, which has the sums of all other columns, in the columns and types of `rows`.

    Raises `pa.ArrowInvalid` if a sum does not fit its type.
    """
    measures = [name for name in rows.column_names if name not in key]
    # Arrow adds whole numbers without a look at their size, but not decimals.
    wide = [
        field.with_type(pa.decimal128(38)) if field.name in measures and pa.types.is_integer(field.type) else field
        for field in rows.schema
    ]
    found = rows.cast(pa.schema(wide)).group_by(list(key)).aggregate([(name, "sum") for name in measures])
    columns = [found.column(f"{name}_sum" if name in measures else name) for name in rows.column_names]
    return pa.table(dict(zip(rows.column_names, columns, strict=True))).cast(rows.schema)


def replaced(rows: pa.Table, others: pa.Table, key: Sequence[str]) -> pa.Table | None:
    """The rows, with the others in place of those of the same key; None if two of the others have the same key.

    NULL is a value of a key like any other.
    """
    new = list(zip(*(others.column(name).to_pylist() for name in key), strict=True))
    known = set(new)
    if len(known) != len(new):
        return None
    keys = zip(*(rows.column(name).to_pylist() for name in key), strict=True)
    kept = rows.filter(pa.array([each not in known for each in keys], pa.bool_()))
    return pa.concat_tables([kept, others.select(rows.column_names).cast(rows.schema)])


def are_same(left: pa.Table, right: pa.Table) -> bool:
    """Whether two tables of the same columns and types hold the same rows, in any order."""
    if left.num_rows != right.num_rows or left.schema != right.schema:
        return False
    try:
        return bool(_sorted(left).equals(_sorted(right)))
    except (pa.ArrowNotImplementedError, pa.ArrowTypeError):  # lists, for example, have no order
        return Counter(map(repr, left.to_pylist())) == Counter(map(repr, right.to_pylist()))


def _sorted(rows: pa.Table) -> pa.Table:
    keys = [(name, "ascending") for name in rows.column_names]
    return rows.take(compute.sort_indices(rows, sort_keys=keys)).combine_chunks()
