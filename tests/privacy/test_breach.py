"""The scope of a breach is counted, without naming any person."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.privacy.conftest import ADA, Shop

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.timeout(580)]


def test_every_table_that_holds_persons_is_counted(shop: Shop, before: Path) -> None:
    ending = shop.job("breach_scope", before)
    assert ending.code == 0, ending.err
    found = {each["table"]: (each["persons"], each["rows"]) for each in json.loads(ending.out)}
    assert found["bronze/sales_events"] == (78, 131)
    assert found["silver/users"] == (78, 78)
    assert found["silver/quarantine"] == (51, 51)
    assert ending.last_line.startswith("8 tables; at most ")
    assert ADA not in ending.out


def test_a_version_may_be_named(shop: Shop, before: Path) -> None:
    ending = shop.job("breach_scope", before, "--table", "bronze/sales_events@0")
    (found,) = json.loads(ending.out)
    assert (found["version"], found["persons"]) == (0, 78)
    assert found["protection"].startswith("none: identifiers of the source")
    assert "gender" in found["columns"]


@pytest.mark.parametrize("place", ["bronze/sales_events@99", "bronze/nothing", "bronze"])
def test_what_is_not_there_is_refused(shop: Shop, before: Path, place: str) -> None:
    ending = shop.job("breach_scope", before, "--table", place)
    assert (ending.code, ending.out) == (2, "")
