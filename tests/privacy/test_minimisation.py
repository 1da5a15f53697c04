"""What the lake and its marts do not show: ages, minors, single persons, and values in the Delta log."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pycanon import anonymity

from lib.contracts.model import Catalog
from tests.e2e.lakes import newest, records
from tests.privacy.conftest import ADA, CHILD, HIDDEN, MINOR, OTHER_TWIN, Erased, Shop
from tests.privacy.test_erasure import holding, pseudonym

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.timeout(580)]

CELL = ["region", "gender", "age_band", "segment", "status"]
BANDS = {"15-17", "18-24", "25-34", "35-44", "45-54", "55-64", "65+", "Unknown"}


@pytest.fixture(scope="module")
def catalog(shop: Shop, before: Path) -> Catalog:
    return shop.open(before).catalog


def of(shop: Shop, lake: Path, one: str) -> dict[str, object]:
    (user,) = [record for record in records(lake, "gold/dim_user") if record["user_key"] == pseudonym(shop, one)]
    return user


def persons(lake: Path) -> pa.Table:
    """The published demographics as one row per user."""
    mart = newest(lake, "mart_users/demographics")
    return mart.take([at for at, users in enumerate(mart["users"].to_pylist()) for _ in range(users)])


@pytest.mark.parametrize("when", ["before", "after"])
def test_pycanon_finds_at_least_five_alike(before: Path, erased: Erased, when: str) -> None:
    published = persons(before if when == "before" else erased.lake).to_pandas()
    assert len(published) == (78 if when == "before" else 24)
    assert anonymity.k_anonymity(published, CELL) >= 5


def test_pycanon_finds_one_alone_where_nothing_is_done(before: Path) -> None:
    """So that the test above is known to work."""
    raw = newest(before, "gold/dim_user").to_pandas()
    assert anonymity.k_anonymity(raw, ["country_code", *CELL[1:]]) == 1


def test_the_exact_age_stays_in_bronze(shop: Shop, before: Path, catalog: Catalog) -> None:
    assert {r["age"] for r in records(before, "bronze/sales_events") if r["user_id"] == OTHER_TWIN} == {"40"}
    assert of(shop, before, OTHER_TWIN)["age_band"] == "35-44"
    assert {record["age_band"] for record in records(before, "gold/dim_user")} <= BANDS
    stored = [(table.path, column.name) for table in catalog if not table.is_view for column in table.stored]
    assert [path for path, name in stored if name == "age"] == ["bronze/sales_events"]
    for name in ("silver/users", "gold/dim_user"):
        assert [
            r for r in records(before, name) if r["user_key"] == pseudonym(shop, OTHER_TWIN) and 40 in r.values()
        ] == []


def test_a_child_is_of_no_known_age(shop: Shop, before: Path) -> None:
    assert of(shop, before, CHILD)["age_band"] == "Unknown"


def test_what_is_said_of_a_minor_is_in_no_byte_of_a_mart(shop: Shop, before: Path) -> None:
    assert of(shop, before, MINOR)["age_band"] == "15-17"
    for value in HIDDEN.values():
        assert holding(before / "gold", value), value
        assert holding(before / "mart_users", value) == [], value
        assert holding(before / "mart_sales", value) == [], value
    shown = {record["channel"] for record in records(before, "mart_users/sign_ups")}
    assert shown == {"Other"}  # 78 users: no channel has five of them in each month


def test_the_delta_log_keeps_no_smallest_or_largest_value_of_a_personal_column(before: Path, catalog: Catalog) -> None:
    seen = 0
    for table in catalog:
        personal = {column.name for column in table.stored if column.personal}
        for file in (before / table.path / "_delta_log").glob("*.json"):
            for action in map(json.loads, file.read_text(encoding="utf-8").splitlines()):
                stats = json.loads(action.get("add", {}).get("stats") or "{}")
                assert personal.isdisjoint({*stats.get("minValues", {}), *stats.get("maxValues", {})}), table.path
                seen += "numRecords" in stats
    assert seen > 20


def test_nor_do_checkpoints(before: Path) -> None:
    for file in before.rglob("*.checkpoint*.parquet"):
        stats = [add["stats"] for add in pq.read_table(file)["add"].to_pylist() if add]
        assert stats
        assert not [each for each in stats if ADA in str(each) or "user_id" in str(each)]


def test_tables_of_persons_keep_no_change_feed_and_no_deletion_vectors(before: Path, catalog: Catalog) -> None:
    for table in catalog:
        log = before / table.path / "_delta_log/00000000000000000000.json"
        if table.personal and not table.is_view and log.exists():
            actions = map(json.loads, log.read_text(encoding="utf-8").splitlines())
            (stated,) = [action["metaData"]["configuration"] for action in actions if "metaData" in action]
            assert (stated["delta.enableChangeDataFeed"], stated["delta.enableDeletionVectors"]) == ("false", "false")
