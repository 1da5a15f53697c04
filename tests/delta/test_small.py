"""Small tables are written and read without Spark, as Delta tables like all others."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from lib.delta import deltalog, small

SCHEMA = pa.schema(
    [
        pa.field("day", pa.date32(), metadata={"comment": "The day"}),
        pa.field("region", pa.string()),
        pa.field("revenue", pa.decimal128(28, 4)),
        pa.field("growth", pa.float64()),
        pa.field("at", pa.timestamp("us", tz="UTC")),
    ]
)
PROPERTIES = {"delta.dataSkippingNumIndexedCols": "0", "delta.enableDeletionVectors": "false"}
RUN = {"run_id": "20260101T000000-00000000"}
AT = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)


def rows(*stated: tuple[Any, ...]) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(SCHEMA.names, row, strict=True)) for row in stated], schema=SCHEMA)


SOLD = rows((dt.date(2026, 1, 1), "Asia", Decimal("1.5"), 0.1, AT), (dt.date(2026, 1, 2), None, None, None, None))


def commit(folder: Path, version: int) -> list[dict[str, Any]]:
    text = (folder / deltalog.LOG / deltalog.commit_name(version)).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_a_new_table_is_one_commit_with_its_properties_and_comments(tmp_path: Path) -> None:
    assert small.written(tmp_path / "t", SOLD, "overwrite", RUN, PROPERTIES) == 0
    table = DeltaTable(str(tmp_path / "t"))
    assert table.metadata().configuration == PROPERTIES
    assert (table.protocol().min_reader_version, table.protocol().min_writer_version) == (1, 2)
    assert table.schema().fields[0].metadata == {"comment": "The day"}
    assert all(field.nullable for field in table.schema().fields)


def test_a_commit_states_the_run_and_no_value_of_a_row(tmp_path: Path) -> None:
    small.written(tmp_path / "t", SOLD, "overwrite", RUN, PROPERTIES)
    assert small.written(tmp_path / "t", SOLD.slice(0, 1), "overwrite", RUN) == 1
    actions = commit(tmp_path / "t", 1)
    assert json.loads(actions[0]["commitInfo"]["userMetadata"]) == RUN
    statistics = [json.loads(action["add"]["stats"]) for action in actions if "add" in action]
    assert statistics == [{"numRecords": 1, "minValues": {}, "maxValues": {}, "nullCount": {}}]
    assert list((tmp_path / "t").glob("**/*#*")) == []


def test_content_is_that_of_the_version(tmp_path: Path) -> None:
    small.written(tmp_path / "t", SOLD, "append", RUN, PROPERTIES)
    small.written(tmp_path / "t", SOLD.slice(1), "append", RUN)
    small.written(tmp_path / "t", SOLD.slice(0, 0), "overwrite", RUN)
    assert [small.content(tmp_path / "t", version).num_rows for version in range(3)] == [2, 3, 0]
    assert small.are_same(small.content(tmp_path / "t", 0), SOLD)
    assert small.content(tmp_path / "t", 2).schema.names == SCHEMA.names


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (SOLD.take([1, 0]), True),
        (SOLD.take([0, 0]), False),
        (SOLD.slice(1), False),
        (SOLD.drop_columns(["growth"]), False),
        (pa.concat_tables([SOLD.slice(1), SOLD.slice(0, 1)]), True),
    ],
)
def test_rows_are_compared_in_any_order(other: pa.Table, *, same: bool) -> None:
    assert small.are_same(SOLD, other) is same


def test_rows_with_lists_are_compared_too() -> None:
    lists = pa.table({"files": [["a", "b"], None, ["c"]]})
    assert small.are_same(lists, lists.take([2, 1, 0]))
    assert not small.are_same(lists, lists.take([2, 1, 1]))


def test_rows_of_one_key_are_summed() -> None:
    schema = pa.schema(
        [("day", pa.date32()), ("region", pa.string()), ("revenue", pa.decimal128(28, 4)), ("lines", pa.int64())]
    )
    stated = [
        (dt.date(2026, 1, 1), "Asia", "1.5", 2),
        (dt.date(2026, 1, 1), "Asia", "-1.5", -2),
        (None, "Asia", "2", 1),
    ]
    cells = [dict(zip(schema.names, (day, region, Decimal(money), n), strict=True)) for day, region, money, n in stated]
    found = small.summed(pa.Table.from_pylist(cells, schema=schema), ["day", "region"])
    assert found.schema == schema
    assert found.to_pylist() == [
        {"day": dt.date(2026, 1, 1), "region": "Asia", "revenue": Decimal(0), "lines": 0},
        {"day": None, "region": "Asia", "revenue": Decimal(2), "lines": 1},
    ]


def test_rows_of_another_key_stay() -> None:
    twice = pa.table({"batch": ["a", "b", None, "c"], "rows": [1, 2, 3, 4]})
    assert small.without(twice, pa.table({"batch": ["b", None], "rows": [9, 9]}), ["batch"]).to_pylist() == [
        {"batch": "a", "rows": 1},
        {"batch": "c", "rows": 4},
    ]
