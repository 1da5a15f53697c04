"""Columns of a table in memory: those that hold text, at any nesting, and their texts as one run of bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

TEXTS = (
    pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view,
    pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_fixed_size_binary,
)  # fmt: skip
LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
SEPARATOR = b"\0"
LARGE = 1 << 10  # bytes of a value that is searched by itself


def leaves(column: Any) -> Iterator[pa.Array]:
    """The columns of plain values inside a column."""
    values = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    kind = values.type
    if isinstance(values, pa.ChunkedArray):  # two gigabytes or more do not fit into one array
        for chunk in values.chunks:
            yield from leaves(chunk)
    elif pa.types.is_dictionary(kind):
        yield from leaves(values.dictionary)
    elif pa.types.is_struct(kind):
        for each in values.flatten():
            yield from leaves(each)
    elif pa.types.is_map(kind):
        yield from leaves(values.keys)
        yield from leaves(values.items)
    elif any(is_kind(kind) for is_kind in LISTS):
        yield from leaves(values.flatten())
    else:
        yield values


def distinct(values: pa.Array) -> pa.Array | None:
    """The different values of a column of texts or bytes, as bytes; None for another column."""
    if not any(is_kind(values.type) for is_kind in TEXTS):
        return None
    return values.cast(pa.large_binary()).unique().drop_null()


def joined(values: pa.Array) -> bytes:
    """All values, each followed by a zero byte."""
    nothing, separator = (pa.scalar(each, pa.large_binary()) for each in (b"", SEPARATOR))
    marked = pc.binary_join_element_wise(values, nothing, separator)
    return bytes(marked.buffers()[2]) if len(marked) else b""


def for_bytes(values: pa.Array) -> pa.Array:
    """The values that may encode other bytes, in base64 or hexadecimal digits: no hashes, no keys."""
    may = pc.and_not(
        pc.match_substring_regex(values, "[A-Za-z0-9+/_-]{12}"),
        pc.match_substring_regex(values, "^(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64})$"),
    )
    return values.filter(may)


def is_binary(kind: pa.DataType) -> bool:
    """Whether a column's values are bytes and not text."""
    return any(is_kind(kind) for is_kind in TEXTS[3:])


def large(values: pa.Array) -> list[bytes]:
    """The values that are long enough to be files."""
    return list(values.filter(pc.greater_equal(pc.binary_length(values), LARGE)).to_pylist())


def count(values: pa.Array, known: frozenset[int]) -> int:
    """The number of known numbers in a column; 0 for a column without whole numbers."""
    if not known or not pa.types.is_integer(values.type):
        return 0
    wanted = pa.array(sorted(known), type=pa.int64())
    return int(pc.sum(pc.is_in(values.cast(pa.int64(), safe=False), value_set=wanted)).as_py() or 0)


def count_whole(values: pa.Array, known: frozenset[str]) -> int:
    """The number of different values that are among the known ones; blanks around a value are ignored."""
    if not known:
        return 0
    return sum(value.decode(errors="replace").strip() in known for value in values.to_pylist())
