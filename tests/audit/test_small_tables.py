"""Small tables are written and read without Spark, as Delta tables like all others."""

from __future__ import annotations

import datetime as dt
import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, TableFeatures

from lib.contracts import model
from lib.delta import deltalog, small
from lib.delta.small import SmallTable

pytestmark = [pytest.mark.spark, pytest.mark.usefixtures("spark")]  # which knows the types of contracts

CONTRACT = """\
apiVersion: v3.2.0
kind: DataContract
id: shop-days
version: 1.0.0
status: active
schema:
  - name: days
    physicalType: table
    description: Sales of days
    dataGranularityDescription: one row per day
    properties:
      - {name: day, logicalType: date, physicalType: date, primaryKey: true, description: The day}
      - {name: region, logicalType: string, description: Where}
      - {name: revenue, logicalType: number, physicalType: 'decimal(28,4)', required: true, description: How much}
      - {name: growth, logicalType: number, physicalType: double, description: More than before}
      - {name: at, logicalType: timestamp, physicalType: timestamp, description: When}
"""
PROPERTIES = {"delta.dataSkippingNumIndexedCols": "0", "delta.enableDeletionVectors": "false"}
RUN = {"run_id": "20260101T000000-00000000"}
AT = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
STATED = [(dt.date(2026, 1, 1), "Asia", Decimal("1.5"), 0.1, AT), (dt.date(2026, 1, 2), None, Decimal(0), None, None)]


def table(folder: Path, contract: str = CONTRACT) -> SmallTable:
    contracts = folder / f"contracts-{len(contract)}" / "shop"
    contracts.mkdir(parents=True, exist_ok=True)
    (contracts / "days.yaml").write_text(contract, encoding="utf-8")
    found = SmallTable.at(str(folder / "lake/shop/days"), model.load(contracts.parent)["days"])
    assert found
    return found


def rows(place: SmallTable, *stated: tuple[Any, ...]) -> pa.Table:
    return pa.Table.from_pylist(
        [dict(zip(place.schema.names, row, strict=True)) for row in stated], schema=place.schema
    )


@pytest.fixture(params=["lake", "a lake of ü", "env=prod", "what?", "# 1"])
def days(tmp_path: Path, request: pytest.FixtureRequest) -> SmallTable:
    """A table of two rows, whatever its path."""
    place = table(tmp_path / request.param)
    assert place.write(rows(place, *STATED), "overwrite", RUN, PROPERTIES) == 0
    return place


def commit(place: SmallTable, version: int) -> list[dict[str, Any]]:
    text = (place.folder / deltalog.LOG / deltalog.commit_name(version)).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_a_new_table_is_one_commit_with_its_properties_and_comments(days: SmallTable) -> None:
    delta = DeltaTable(str(days.folder))
    assert (delta.version(), delta.metadata().configuration) == (0, PROPERTIES)
    assert (delta.protocol().min_reader_version, delta.protocol().min_writer_version) == (1, 2)
    assert delta.schema().fields[0].metadata == {"comment": "The day"}
    assert all(field.nullable for field in delta.schema().fields)


def test_what_was_written_is_read(days: SmallTable) -> None:
    both = rows(days, *STATED)
    days.write(both.slice(1), "append", RUN, None)
    days.write(both.slice(0, 0), "overwrite", RUN, None)
    two, three, none = (days.rows(version) for version in range(3))
    assert two is not None
    assert three is not None
    assert none is not None
    assert [two.num_rows, three.num_rows, none.num_rows] == [2, 3, 0]
    assert small.are_same(two, both)
    assert list(days.folder.glob("**/*#*")) == []


def test_a_commit_states_the_run_and_no_value_of_a_row(days: SmallTable) -> None:
    days.write(rows(days, STATED[0]), "overwrite", RUN, None)
    actions = commit(days, 1)
    assert json.loads(actions[0]["commitInfo"]["userMetadata"]) == RUN
    statistics = [json.loads(action["add"]["stats"]) for action in actions if "add" in action]
    assert statistics == [{"numRecords": 1, "minValues": {}, "maxValues": {}, "nullCount": {}}]


def test_another_description_changes_nothing(tmp_path: Path) -> None:
    before = table(tmp_path)
    before.write(rows(before, *STATED), "overwrite", RUN, PROPERTIES)
    after = table(tmp_path, CONTRACT.replace("description: The day", "description: The day of the sale"))
    assert after.write(rows(after, STATED[0]), "overwrite", RUN, None) == 1
    assert DeltaTable(str(after.folder)).schema().fields[0].metadata == {"comment": "The day"}


def test_rows_of_other_columns_are_left_to_spark(tmp_path: Path) -> None:
    before = table(tmp_path)
    before.write(rows(before, *STATED), "overwrite", RUN, PROPERTIES)
    more = "      - {name: units, logicalType: integer, physicalType: int, description: Pieces}\n"
    after = table(tmp_path, CONTRACT + more)
    assert (before.is_other(), after.is_other(), after.rows(0)) == (False, True, None)


def test_rows_of_other_types_are_left_to_spark(tmp_path: Path) -> None:
    before = table(tmp_path)
    before.write(rows(before, *STATED), "overwrite", RUN, PROPERTIES)
    after = table(tmp_path, CONTRACT.replace("physicalType: double", "physicalType: float"))
    assert (before.is_other(), after.is_other(), after.rows(0)) == (False, True, None)


def test_a_table_whose_files_may_hide_rows_is_left_to_spark(days: SmallTable) -> None:
    DeltaTable(str(days.folder)).alter.add_feature(TableFeatures.DeletionVectors, allow_protocol_versions_increase=True)
    assert (days.is_other(), days.rows(1)) == (True, None)


def test_rows_are_written_in_their_order(tmp_path: Path) -> None:
    place = table(tmp_path)
    money = [Decimal(number) for number in range(30_000)]
    many = pa.Table.from_pylist([{"revenue": each} for each in money], schema=place.schema)
    chunks = pa.concat_tables([many.slice(start, 5_000) for start in range(0, len(money), 5_000)])
    place.write(chunks, "overwrite", RUN, PROPERTIES)
    (file,) = place.folder.glob("*.parquet")
    assert small.in_memory([file])["revenue"].to_pylist() == money


def test_a_commit_that_is_too_old_takes_its_sidecar_along(tmp_path: Path) -> None:
    place = table(tmp_path)
    stated = PROPERTIES | {"delta.checkpointInterval": "5", "delta.logRetentionDuration": "interval 1 days"}
    place.write(rows(place, *STATED), "overwrite", RUN, stated)
    for _ in range(6):
        place.write(rows(place, *STATED), "overwrite", RUN, None)
    log = place.folder / deltalog.LOG
    for file in log.iterdir():
        os.utime(file, (0, 0))
    place.write(rows(place, *STATED), "overwrite", RUN, None)
    names = {file.name for file in log.iterdir()}
    assert deltalog.commit_name(0) not in names
    assert {name for name in names if name.startswith(".")} == {f".{name}.crc" for name in names if name[0] != "."}


def test_each_changed_bit_is_found(tmp_path: Path) -> None:
    place = table(tmp_path)
    place.write(rows(place, *STATED), "overwrite", RUN, PROPERTIES)
    (file,) = place.folder.glob("*.parquet")
    content = file.read_bytes()
    for at in range(0, len(content), 7):
        file.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        assert place.rows(0) is None
    file.unlink()
    assert place.rows(0) is None


def test_every_file_has_its_sidecar_after_checkpoints_too(tmp_path: Path) -> None:
    place = table(tmp_path)
    place.write(rows(place, *STATED), "overwrite", RUN, PROPERTIES | {"delta.checkpointInterval": "2"})
    for _ in range(5):
        place.write(rows(place, *STATED), "overwrite", RUN, None)
    files = [file for file in place.folder.glob("**/*") if file.is_file() and not file.name.startswith(".")]
    assert any(".checkpoint." in file.name for file in files)
    assert {small.sidecar(file).read_bytes() == small.codes(file.read_bytes()) for file in files} == {True}


@pytest.mark.parametrize("folder", ["a%20b", "lakes[1]", "a|b", "a^b", "a\\b", "a\tb", "a\x7fb"])
def test_paths_that_delta_rs_misreads_are_left_to_spark(tmp_path: Path, folder: str) -> None:
    known = table(tmp_path).table
    assert SmallTable.at(str(tmp_path / folder), known) is None
    assert SmallTable.at("s3a://bucket/lake", known) is None


@pytest.mark.parametrize(("order", "same"), [([1, 0], True), ([0, 0], False), ([1], False), ([0, 1], True)])
def test_rows_are_compared_in_any_order(tmp_path: Path, order: list[int], *, same: bool) -> None:
    both = rows(table(tmp_path), *STATED)
    assert small.are_same(both, both.take(order)) is same


def test_rows_with_lists_are_compared_too() -> None:
    lists = pa.table({"files": [["a", "b"], None, ["c"]]})
    assert small.are_same(lists, lists.take([2, 1, 0]))
    assert not small.are_same(lists, lists.take([2, 1, 1]))


CELLS = pa.schema([("day", pa.date32()), ("region", pa.string()), ("revenue", pa.decimal128(28, 4)), ("n", pa.int64())])


def test_rows_of_one_key_are_summed() -> None:
    day = dt.date(2026, 1, 1)
    stated = [(day, "Asia", "1.5", 2), (day, "Asia", "-1.5", -2), (None, "Asia", "2", 1)]
    cells = [dict(zip(CELLS.names, (day, region, Decimal(money), n), strict=True)) for day, region, money, n in stated]
    found = small.summed(pa.Table.from_pylist(cells, schema=CELLS), ["day", "region"])
    assert found.schema == CELLS
    assert found.to_pylist() == [
        {"day": day, "region": "Asia", "revenue": Decimal(0), "n": 0},
        {"day": None, "region": "Asia", "revenue": Decimal(2), "n": 1},
    ]


def test_a_sum_that_does_not_fit_is_refused() -> None:
    with pytest.raises(pa.ArrowInvalid):
        small.summed(pa.table({"key": [1, 1], "n": [1 << 62, 1 << 62]}), ["key"])


def test_rows_of_the_same_key_are_replaced() -> None:
    known = pa.table({"batch": ["a", "b", None], "rows": [1, 2, 3]})
    found = small.replaced(known, pa.table({"batch": [None, "c"], "rows": [8, 9]}), ["batch"])
    assert found is not None
    assert [tuple(row.values()) for row in found.to_pylist()] == [("a", 1), ("b", 2), (None, 8), ("c", 9)]
    assert small.replaced(known, pa.table({"batch": ["c", "c"], "rows": [8, 9]}), ["batch"]) is None
