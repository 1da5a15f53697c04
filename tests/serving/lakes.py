"""Published lakes made without Spark: every mart of the contracts, rows of every region, and what must stay hidden.

Whole numbers show the publication of a row: `generation * 1000 + row`.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from lib.contracts import model
from lib.contracts.model import Column, Table

PROJECT = Path(__file__).resolve().parents[2]
CATALOG = model.load(PROJECT / "lakehouse")
MARTS = [table for table in CATALOG if table.layer.startswith("mart_")]
CANARY = "canary-7f3a9c"
ROWS = 21
PRODUCTS = "mart_sales/products"


def publish(lake: Path, generation: int, texts: Sequence[str] = ()) -> None:
    """Write every mart again, then publish: the operations' tables separately.

    With texts, `mart_sales.products` has one row for each, as its product.
    """
    hidden(lake)
    versions = {table.path: _write(lake, table, generation) for table in MARTS}
    if texts:
        versions[PRODUCTS] = _write(lake, CATALOG[PRODUCTS], generation, texts)
    for name, wanted in (("published", False), ("published_operations", True)):
        tables = {
            path: {"path": path, "version": version}
            for path, version in versions.items()
            if path.startswith("mart_operations") == wanted
        }
        document = {
            "run_id": f"run-{generation}",
            "published_at": "2026-01-01Z",
            "as_of": "2023-01-01",
            "tables": tables,
        }
        draft = lake / f".{name}"
        draft.write_text(json.dumps(document), encoding="utf-8")
        draft.replace(lake / f"{name}.json")


def hidden(lake: Path) -> None:
    """A table behind the marts, full of canaries."""
    if not (lake / "silver/users").exists():
        write_deltalake(str(lake / "silver/users"), pa.table({"user_key": [CANARY], "country": [CANARY]}))


def published(lake: Path) -> dict[str, pa.Table]:
    """What is published, as the files say."""
    tables = {}
    for name in ("published.json", "published_operations.json"):
        for path, entry in json.loads((lake / name).read_text(encoding="utf-8"))["tables"].items():
            tables[path] = DeltaTable(str(lake / path), version=entry["version"]).to_pyarrow_table()
    return tables


def _write(lake: Path, table: Table, generation: int, texts: Sequence[str] = ()) -> int:
    rows = list(_rows(table, generation, len(texts) or ROWS))
    for row, text in zip(rows, texts, strict=False):
        row["product"] = text
    schema = pa.schema([(column.name, _type(column.physical_type)) for column in table.stored])
    write_deltalake(str(lake / table.path), pa.Table.from_pylist(rows, schema=schema), mode="overwrite")
    return int(DeltaTable(str(lake / table.path)).version())


def _rows(table: Table, generation: int, count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield {column.name: _value(column, generation, number) for column in table.stored}


def _value(column: Column, generation: int, number: int) -> Any:
    kind = column.physical_type
    if column.values:
        return column.values[number % len(column.values)]
    if kind.startswith("decimal"):
        return Decimal(generation * 1000 + number).quantize(Decimal("0.01"))
    values = {
        "string": f"{column.name} {number}",
        "date": dt.date(2023, 1, 1) + dt.timedelta(days=number),
        "timestamp": dt.datetime(2023, 1, 1, number, tzinfo=dt.timezone.utc) if number < 24 else None,
        "double": number / 8,
        "boolean": number % 2 == 0,
    }
    return values.get(kind, generation * 1000 + number)


def _type(physical: str) -> pa.DataType:
    decimal = re.fullmatch(r"decimal\((\d+),(\d+)\)", physical)
    if decimal:
        return pa.decimal128(int(decimal[1]), int(decimal[2]))
    return {
        "string": pa.string(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us", tz="UTC"),
        "double": pa.float64(),
        "boolean": pa.bool_(),
        "int": pa.int32(),
    }.get(physical, pa.int64())
