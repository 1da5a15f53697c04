"""Small tables on this machine, read and written by delta-rs.

For a table of some thousands of rows Spark's work is nearly all planning, listing files and committing: several jobs
and most of a second for each write. delta-rs needs some milliseconds and no job. The table is the same for both.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, write_deltalake
from pyarrow import compute, parquet

FEW = 200_000  # rows up to which a table is written from memory
BYTES = 4_000_000  # on disk, up to which a table is read into memory


def written(
    folder: Path, rows: pa.Table, mode: str, metadata: Mapping[str, Any], properties: Mapping[str, str] | None = None
) -> int:
    """Append rows to the table in a folder, or let them be its whole content; return the new version.

    Without a table there, one is made with the rows' columns and these `properties`.
    """
    stated = CommitProperties(custom_metadata={"userMetadata": json.dumps(metadata)})
    write_deltalake(str(folder), rows, mode=mode, configuration=properties, commit_properties=stated)  # type: ignore[call-overload]  # mode is one of two
    return DeltaTable(str(folder)).version()


def content(folder: Path, version: int) -> pa.Table:
    """All rows of a version."""
    table = DeltaTable(str(folder), version=version)
    files = table.file_uris()
    return in_memory(files) if files else pa.schema(table.schema()).empty_table()


def in_memory(files: Sequence[str]) -> pa.Table:
    """The rows of Parquet files. Raises `OSError` or an Arrow error for a damaged one: its pages have checksums."""
    return parquet.read_table(list(files), page_checksum_verification=True, coerce_int96_timestamp_unit="us")


def without(rows: pa.Table, others: pa.Table, key: Sequence[str]) -> pa.Table:
    """The rows whose key none of the others has. NULL is a value of a key like any other."""
    known = set(zip(*(others.column(name).to_pylist() for name in key), strict=True))
    keys = zip(*(rows.column(name).to_pylist() for name in key), strict=True)
    return rows.filter(pa.array([each not in known for each in keys], pa.bool_()))


def summed(rows: pa.Table, key: Sequence[str]) -> pa.Table:
    """One row for each key, which has the sums of all other columns, in the columns and types of `rows`."""
    measures = [name for name in rows.column_names if name not in key]
    found = rows.group_by(list(key)).aggregate([(name, "sum") for name in measures])
    columns = [found.column(f"{name}_sum" if name in measures else name) for name in rows.column_names]
    return pa.table(dict(zip(rows.column_names, columns, strict=True))).cast(rows.schema)


def are_same(left: pa.Table, right: pa.Table) -> bool:
    """Whether two tables of the same columns hold the same rows, in any order."""
    if left.num_rows != right.num_rows or left.column_names != right.column_names:
        return False
    try:
        return bool(_sorted(left).equals(_sorted(right)))
    except (pa.ArrowNotImplementedError, pa.ArrowTypeError):  # lists, for example, have no order
        return Counter(map(repr, left.to_pylist())) == Counter(map(repr, right.to_pylist()))


def _sorted(rows: pa.Table) -> pa.Table:
    keys = [(name, "ascending") for name in rows.column_names]
    return rows.take(compute.sort_indices(rows, sort_keys=keys)).combine_chunks()
