"""A lake's publication, read without Spark, and its differences from the expected one."""

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable

from tests.oracle.grain import GRAIN

COMPARED = ("mart_sales/", "mart_users/")
TOLERANCE = 1e-12
EXAMPLES = 5

Row = dict[str, object]
Rows = dict[tuple[object, ...], list[Row]]


def published(lake: Path) -> dict[str, pa.Table]:
    """Every published table by name, at its version in `published.json`."""
    publication = json.loads((lake / "published.json").read_text(encoding="utf-8"))
    return {
        name: DeltaTable(str(lake / table["path"]), version=table["version"]).to_pyarrow_table()
        for name, table in publication["tables"].items()
    }


def compare(expected: Mapping[str, pa.Table], actual: Mapping[str, pa.Table]) -> list[str]:
    """The differences between two sets of marts, one line each; none means equal.

    The order of rows is free, that of columns is not. Values are equal exactly, DOUBLE to a relative 1e-12.
    Published tables outside `mart_sales` and `mart_users` are no part of it.
    """
    marts = {name for name in actual if name.startswith(COMPARED)}
    absent = [f"{name}: not published" for name in sorted(set(expected) - marts)]
    surplus = [f"{name}: published, not expected" for name in sorted(marts - set(expected))]
    common = sorted(marts & set(expected))
    return absent + surplus + [line for name in common for line in _differences(name, expected[name], actual[name])]


def _differences(name: str, expected: pa.Table, actual: pa.Table) -> Iterator[str]:
    if expected.column_names != actual.column_names:
        yield f"{name}: columns {actual.column_names}, expected {expected.column_names}"
        return
    yield from _types(name, expected.schema, actual.schema)
    keys = GRAIN.get(name) or _exact_columns(expected.schema)
    wanted, found = _by_key(expected, keys), _by_key(actual, keys)
    yield from _examples(f"{name}: row missing", (_named(keys, key) for key in wanted if key not in found))
    yield from _examples(f"{name}: row not expected", (_named(keys, key) for key in found if key not in wanted))
    both = [key for key in wanted if key in found]
    yield from _examples(
        f"{name}: row differs",
        (f"{_named(keys, key)} {text}" for key in both if (text := _difference(wanted[key], found[key]))),
    )


def _types(name: str, expected: pa.Schema, actual: pa.Schema) -> Iterator[str]:
    for wanted, found in zip(expected, actual, strict=True):
        if _kind(wanted.type) != _kind(found.type):
            yield f"{name}: {wanted.name} is {found.type}, expected {wanted.type}"


def _kind(kind: pa.DataType) -> pa.DataType:
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    return pa.string() if text else kind


def _exact_columns(schema: pa.Schema) -> tuple[str, ...]:
    return tuple(field.name for field in schema if not pa.types.is_floating(field.type))


def _by_key(table: pa.Table, keys: Sequence[str]) -> Rows:
    rows: Rows = defaultdict(list)
    for row in table.to_pylist():
        rows[tuple(row[key] for key in keys)].append(row)
    return rows


def _named(keys: Sequence[str], values: tuple[object, ...]) -> str:
    return "(" + ", ".join(f"{key}={value}" for key, value in zip(keys, values, strict=True)) + ")"


def _examples(what: str, found: Iterable[str]) -> list[str]:
    """The first few, then how many more."""
    texts = list(found)
    more = [f"{what}: {len(texts) - EXAMPLES} more"] if len(texts) > EXAMPLES else []
    return [f"{what}: {text}" for text in texts[:EXAMPLES]] + more


def _difference(expected: list[Row], actual: list[Row]) -> str:
    if len(expected) != len(actual):
        return f"occurs {len(actual)} times, expected {len(expected)}"
    pairs = zip(sorted(expected, key=repr), sorted(actual, key=repr), strict=True)
    return "; ".join(text for wanted, found in pairs for text in _unequal(wanted, found))


def _unequal(expected: Row, actual: Row) -> Iterator[str]:
    for column, wanted in expected.items():
        if not _equal(wanted, actual[column]):
            yield f"{column}={actual[column]}, expected {wanted}"


def _equal(expected: object, actual: object) -> bool:
    if isinstance(expected, float) and isinstance(actual, float):
        return math.isclose(expected, actual, rel_tol=TOLERANCE)
    return type(expected) is type(actual) and expected == actual
