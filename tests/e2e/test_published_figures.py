"""The reference export through the real command, against its check figures and a second computation."""

from __future__ import annotations

import datetime as dt
import json
import re
from decimal import Decimal
from pathlib import Path

import pytest

from splitter.split import Order, split
from tests.e2e.lakes import PROJECT, Ending, Site, commits, content, differences, newest, records
from tests.oracle import Batch
from tests.oracle.delta import published

EXPORT = PROJECT.parent / "shared" / "data" / "ecommerce.csv"
pytestmark = [
    pytest.mark.spark,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not EXPORT.exists(), reason="the reference export is not beside the project"),
]
FIGURES = {
    "price_not_positive": 740,
    "quantity_not_positive": 744,
    "product_name_missing": 75,
    "rating_out_of_range": 572,
    "age_out_of_range": 1032,
    "country_unknown": 38,
    "purchase_before_sign_up": 1016,
}


@pytest.fixture(scope="module")
def lake(site: Site) -> Path:
    return site.lake("reference")


@pytest.fixture(scope="module")
def ending(site: Site, lake: Path) -> Ending:
    return site.submit("pipeline", lake, "--source", "ecommerce", "--input", str(EXPORT))


@pytest.mark.e2e
def test_it_says_what_it_published(lake: Path, ending: Ending) -> None:
    assert ending.code == 0, ending.err
    run = json.loads((lake / "published.json").read_text(encoding="utf-8"))["run_id"]
    assert ending.last_line == f"Published as of 2023-08-26 by run {run}: {lake}/published.json"
    assert re.search(r" 1,500 +388 +1,112 +0 +0 +0\b", ending.out)


@pytest.mark.e2e
def test_the_marts_are_those_of_the_second_computation(lake: Path, ending: Ending) -> None:
    assert differences(lake, Batch(EXPORT, None)) == []


@pytest.mark.e2e
def test_the_check_figures(lake: Path, ending: Ending) -> None:
    marts = published(lake)

    def total(mart: str, column: str) -> object:
        return sum(marts[mart].column(column).to_pylist())

    for mart in ("monthly", "quarterly", "yearly", "trends"):
        assert total(f"mart_sales/{mart}", "revenue") == Decimal("1053519.00")
        assert total(f"mart_sales/{mart}", "order_lines") == 388
    assert total("mart_users/demographics", "users") == 1500
    assert total("mart_users/sign_ups", "sign_ups") == 1500
    assert total("mart_users/churn", "churned_users") == 893
    assert total("mart_users/churn", "declared_churned") == 910


@pytest.mark.e2e
def test_the_record_of_the_run(lake: Path, ending: Ending) -> None:
    (run,) = records(lake, "mart_operations/runs")
    named = ("job", "status", "as_of", "batches", "rows_in", "accepted", "quarantined", "duplicates", "users")
    values = [run[name] for name in named]
    assert values == ["pipeline", "published", dt.date(2023, 8, 26), 1, 1500, 388, 1112, 0, 1500]
    found = {row["rule"]: row["violations"] for row in records(lake, "mart_operations/quality")}
    assert {rule: count for rule, count in found.items() if count} == FIGURES
    reasons = newest(lake, "silver/quarantine").column("reasons").to_pylist()
    assert sum({"price_not_positive", "quantity_not_positive"} <= set(codes) for codes in reasons) == 372


@pytest.mark.e2e
def test_the_lake_is_its_owners_alone(lake: Path, ending: Ending) -> None:
    assert lake.stat().st_mode & 0o777 == 0o700


@pytest.mark.e2e
def test_the_same_command_again_writes_nothing(site: Site, lake: Path, ending: Ending) -> None:
    before, publication = commits(lake), (lake / "published.json").read_bytes()
    again = site.submit("pipeline", lake, "--source", "ecommerce", "--input", str(EXPORT))
    assert again.code == 0, again.err
    assert again.last_line.startswith("Nothing new to do; published as of 2023-08-26")
    assert commits(lake) == before
    assert (lake / "published.json").read_bytes() == publication


@pytest.mark.e2e
def test_its_three_parts_publish_the_same(site: Site, lake: Path, ending: Ending, tmp_path: Path) -> None:
    manifest, _ = split(Order(EXPORT, tmp_path / "parts"))
    parts = site.lake("parts")
    result = site.run(parts, Batch(manifest, None))
    assert [balance.rows_in for balance in result.balances] == [1500]
    assert content(parts) == content(lake)
