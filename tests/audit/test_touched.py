"""Of a large table, an audit asks what a run has touched, and what that may have broken elsewhere."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Collection, Mapping
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from lib.audit import staged
from lib.audit.audit import Touched, audit
from lib.audit.staged import Staged
from lib.contracts.model import Catalog, Check
from lib.delta.tables import Tables

pytestmark = pytest.mark.spark

WARDS = ["(-1L, 'Unknown')", "(1L, 'Eyes')", "(2L, 'Hands')"]
OLD = ["(date'2024-01-02', 1, 1, 'planned', 'H52', 10.00BD)", "(date'2024-01-02', 2, 2, 'urgent', 'H53', 20.00BD)"]
NONE = "cast(null as decimal(10,2))"


@pytest.fixture(
    autouse=True,
    params=[({"wards", "visits"}, 9), ({"wards", "visits"}, 0), ({"visits"}, 9), ({"visits"}, 0)],
    ids=["large tables, few touched", "large tables, many touched", "a large table, few touched", "many touched"],
)
def large_tables(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Which tables are too large to be read into memory, and how many touched rows are not too many for it."""
    names, few = request.param
    in_memory = Staged._in_memory

    def read(self: Staged) -> pa.Table | None:
        return None if self.table.name in names else in_memory(self)

    monkeypatch.setattr(Staged, "_in_memory", read)
    monkeypatch.setattr(staged, "FEW", few)


@pytest.fixture
def tables(spark: SparkSession, tmp_path: Path) -> Tables:
    return Tables(spark, str(tmp_path / "lake"), "test")


def write(tables: Tables, catalog: Catalog, wards: Collection[str], visits: Collection[str]) -> dict[str, int]:
    """A version of both tables, with its number."""
    spark = tables.spark
    frames = {
        "wards": spark.sql(f"select * from values {', '.join(wards)} as w(ward_key, ward)"),
        "visits": spark.sql(f"select * from values {', '.join(visits)} as v(day, number, ward_key, kind, code, fee)"),
    }
    return {f"clinic/{name}": tables.replace(catalog[name], frame) or 0 for name, frame in frames.items()}


def names(table: DeltaTable) -> list[str]:
    return [file.rpartition("/")[2] for file in table.file_uris()]


def found(
    tables: Tables, catalog: Catalog, before: Mapping[str, int], now: Mapping[str, int], of_visits: str
) -> dict[str, str]:
    """The red checks of a run that touched these visits and all wards."""
    lake = Path(tables.root)
    long_ago = time.time() - 10 * 24 * 3600
    for commit in lake.glob("clinic/*/_delta_log/*.json"):
        os.utime(commit, (long_ago, long_ago))  # by now Delta would refuse to read an earlier version
    files = {path: names(DeltaTable(str(lake / path), version=version)) for path, version in before.items()}
    touched = Touched({"clinic/visits": lambda rows: rows.where(of_visits)}, files)
    changed = {path for path in now if now[path] != before[path]}
    findings = audit(tables, catalog, now, changed, touched)
    return {each.check: each.observed for each in findings if not each.passed}


def test_a_sound_run_on_an_old_fault_passes_and_the_whole_audit_finds_it(tables: Tables, clinic: Catalog) -> None:
    fault = f"(date'2024-01-02', 3, 1, cast(null as string), 'H1', {NONE})"
    before = write(tables, clinic, WARDS, [*OLD, fault])
    now = write(tables, clinic, WARDS, [*OLD, fault, f"(date'2024-01-03', 1, 2, 'urgent', 'H1', {NONE})"])
    assert found(tables, clinic, before, now, "day > '2024-01-02'") == {}
    everything = {each.check: each.observed for each in audit(tables, clinic, now) if not each.passed}
    assert everything == {"kind: required": "1 of 4 rows otherwise"}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (f"(date'2024-01-03', 1, 1, cast(null as string), 'H1', {NONE})", {"kind: required": "1 of 1 rows otherwise"}),
        (f"(date'2024-01-03', 1, 99, 'urgent', 'H1', {NONE})", {"ward_key: relationship": "1 rows without"}),
        ("(date'2024-01-03', 1, 1, 'urgent', 'H1', 5.00BD)", {"fees_are_known": "35.00"}),
    ],
    ids=["null", "orphan", "a sum over all rows"],
)
def test_a_fault_among_the_touched_rows(tables: Tables, clinic: Catalog, row: str, expected: dict[str, str]) -> None:
    before = write(tables, clinic, WARDS, OLD)
    now = write(tables, clinic, WARDS, [*OLD, row])
    expected |= {"wards_have_visits": "false"} if ", 99," in row else {}
    assert found(tables, clinic, before, now, "day > '2024-01-02'") == expected


def test_a_touched_row_with_the_key_of_one_that_was_not(tables: Tables, clinic: Catalog) -> None:
    before = write(tables, clinic, WARDS, OLD)
    now = write(tables, clinic, WARDS, [*OLD, f"(date'2024-01-02', 1, 2, 'urgent', 'H9', {NONE})"])
    assert found(tables, clinic, before, now, "code = 'H9'") == {"key: day, number": "1 rows too many"}


def test_a_member_that_leaves_rows_that_were_not_touched(tables: Tables, clinic: Catalog) -> None:
    before = write(tables, clinic, WARDS, OLD)
    now = write(tables, clinic, [ward for ward in WARDS if "Eyes" not in ward], OLD)
    expected = {"ward_key: relationship": "1 rows without", "wards_have_visits": "false"}
    assert found(tables, clinic, before, now, "false") == expected


def test_rows_of_a_member_that_leaves_and_touched_ones_without_any(tables: Tables, clinic: Catalog) -> None:
    """Each is counted once, also the touched row of the member that left."""
    before = write(tables, clinic, WARDS, OLD)
    new = [f"(date'2024-01-03', {number}, {ward}, 'urgent', 'H1', {NONE})" for number, ward in [(1, 1), (2, 99)]]
    now = write(tables, clinic, [ward for ward in WARDS if "Eyes" not in ward], [*OLD, *new])
    red = found(tables, clinic, before, now, "day > '2024-01-02'")
    assert red["ward_key: relationship"] == "3 rows without"


def test_a_check_of_each_subject_asks_the_subjects_of_the_run(tables: Tables, clinic: Catalog) -> None:
    """Here a day stands for a subject: each has one first visit."""
    query = "select count(*) from (select day from visits group by day having count_if(number = 1) <> 1)"
    check = Check("one_first_visit", "Each day has one first visit", query, 0, of_each_subject=True)
    visits = dataclasses.replace(clinic["visits"], load="subject", checks=(*clinic["visits"].checks, check))
    catalog = Catalog(tuple(visits if table.name == "visits" else table for table in clinic))
    without = [f"(date'{day}', 2, 1, 'urgent', 'H1', {NONE})" for day in ("2024-01-03", "2024-01-04", "2024-01-05")]
    before = write(tables, catalog, WARDS, [*OLD, *without[:2]])
    now = write(tables, catalog, WARDS, [*OLD, *without])
    red = found(tables, catalog, before, now, "day > '2024-01-03'")
    assert red == {"one_first_visit": "2"}
    assert {each.check: each.observed for each in audit(tables, catalog, now) if not each.passed} == {
        "one_first_visit": "3"
    }


def test_a_run_after_which_no_touched_row_is_left(tables: Tables, clinic: Catalog) -> None:
    """As after an erasure: there is nothing to judge, and nothing to complain about."""
    before = write(tables, clinic, WARDS, [*OLD, f"(date'2024-01-03', 1, 2, 'urgent', 'H1', {NONE})"])
    now = write(tables, clinic, WARDS, OLD)
    assert found(tables, clinic, before, now, "day > '2024-01-02'") == {}
