"""Rows in quarantine enter exactly once when the rule that kept them out has changed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.e2e.lakes import Site, change_contract, content, contracts, differences, records
from tests.oracle.case import batch, row

pytestmark = [pytest.mark.long, pytest.mark.spark, pytest.mark.timeout(1800)]


def dear_only(folder: Path) -> Path:
    """Contracts that accept only prices above 100."""
    copied = contracts(folder)
    file = copied / "silver" / "events.yaml"
    rules = yaml.safe_load(file.read_text(encoding="utf-8"))["schema"][0]["quality"]
    price = next(rule for rule in rules if rule["name"] == "price_not_positive")
    price["implementation"] = "unit_price is null or unit_price > 100"
    change_contract(file, {"quality": rules})
    return copied


def test_waiting_rows_enter_exactly_once(site: Site, tmp_path: Path) -> None:
    lake = site.lake("replayed")
    export = batch(
        tmp_path / "export.csv",
        row(user="1", price="200"),
        row(user="2", price="10", quantity="3"),
        row(user="2", price="10.00", quantity="3"),
        row(user="3", price="20", day="2023-01-31"),
        row(user="4", price="-5"),
    )
    site.run(lake, export, contracts=dear_only(tmp_path / "contracts"))
    assert len(records(lake, "silver/quarantine")) == 4

    replayed = site.job("replay_quarantine", lake)
    assert replayed.code == 0, replayed.err
    assert replayed.last_line.startswith("3 of the rows in quarantine passed. Published as of ")
    assert [row["reasons"] for row in records(lake, "silver/quarantine")] == [["price_not_positive"]]
    assert [row["outcome"] for row in records(lake, "silver/dropped_rows")] == ["duplicate"]
    assert differences(lake, export) == []

    before = content(lake)
    again = site.job("replay_quarantine", lake)
    assert (again.code, again.last_line.startswith("Nothing to replay")) == (0, True)
    assert content(lake) == before
