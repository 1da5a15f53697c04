"""Who restricted the use of the own data, or objected, is in no user mart; sales stay; all of it can be taken back."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from lib.auditlog import audit_log
from tests.e2e.lakes import Ending, commits, content, records
from tests.oracle.case import batch, row
from tests.rgpd.conftest import ADA, OTHER_TWIN, TWIN, UNKNOWN, Erased, Shop, receipt
from tests.rgpd.test_erasure import holding, pseudonym, sales

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.timeout(580)]

NOBODY = "None of the 1 subjects {}; nothing has been written."


def ask(shop: Shop, job: str, lake: Path, *ids: str, lift: bool = False) -> Ending:
    named = shop.site.folder / "asked.txt"
    named.write_text("\n".join(ids), encoding="utf-8")
    return shop.job(job, lake, "--subjects", str(named), *(["--lift"] if lift else []))


def users(lake: Path) -> int:
    """As the published demographics count them."""
    return sum(int(str(record["users"])) for record in records(lake, "mart_users/demographics"))


def sales_of(lake: Path, user_version: int) -> list[tuple[str, object, object]]:
    facts = [fact for fact in records(lake, "gold/fact_sales") if fact["user_version_key"] == user_version]
    return sorted((str(fact["unit_price"]), fact["channel_key"], fact["rating"]) for fact in facts)


@pytest.fixture(scope="module")
def restricted(shop: Shop, before: Path) -> Path:
    """ADA and TWIN restricted the use of their data. Not to be changed: copy it."""
    lake = shop.copy(before, "restricted")
    ending = ask(shop, "restrict_subject", lake, ADA, TWIN, UNKNOWN)
    assert ending.code == 0, ending.err
    assert ending.last_line.startswith("Restriction done for 2 persons, 1 unknown; reference req-")
    assert ADA not in ending.out + ending.err
    return lake


def test_they_are_in_no_user_mart_and_nothing_is_deleted(shop: Shop, before: Path, restricted: Path) -> None:
    assert users(restricted) == users(before) - 2
    known = {record["user_key"] for record in records(restricted, "gold/dim_user")}
    assert known.isdisjoint({pseudonym(shop, ADA), pseudonym(shop, TWIN)})
    assert {"Restricted", "Unknown", pseudonym(shop, OTHER_TWIN)} <= known
    for table in ("bronze/sales_events", "silver/users", "silver/purchases"):
        assert records(restricted, table) == records(before, table)


def test_their_sales_stay_without_attributes(before: Path, restricted: Path) -> None:
    assert sales(restricted) == sales(before)
    assert sales_of(restricted, -2) == [("10.0000", -1, None), ("21.1000", -1, None), ("99.9900", -1, None)]
    buyers = [{r["period_start"]: r["buyers"] for r in records(lake, "mart_sales/buyers")
               if (r["period"], r["region"], r["category"]) == ("year", "All", "All")} for lake in (before, restricted)]  # fmt: skip
    assert buyers == [
        {dt.date(2022, 1, 1): 1, dt.date(2023, 1, 1): 26}, {dt.date(2023, 1, 1): 24},
    ]  # fmt: skip


def test_a_new_file_and_a_rebuild_keep_them_out(shop: Shop, restricted: Path, tmp_path: Path) -> None:
    lake = shop.copy(restricted, "restricted-again")
    shop.load(lake, batch(tmp_path / "new.csv", row(user=ADA, price="7"), row(user="person-new-e6")).path)
    assert users(lake) == users(restricted) + 1
    assert ("7.0000", -1, None) in sales_of(lake, -2)
    incremental = content(lake)
    shop.load(lake, rebuild=True)
    assert content(lake) == incremental


def test_lifted_everything_is_as_before(shop: Shop, before: Path, restricted: Path) -> None:
    lake = shop.copy(restricted, "lifted-restriction")
    ending = ask(shop, "restrict_subject", lake, ADA, TWIN, lift=True)
    assert ending.code == 0, ending.err
    assert content(lake) == content(before)
    assert records(lake, "rights/restrictions") == []
    again = ask(shop, "restrict_subject", lake, ADA, lift=True)
    assert (again.code, again.last_line) == (2, NOBODY.format("has a restriction to lift"))
    events = [entry["event"] for entry in audit_log(str(lake), shop.site.folder / "secrets").entries()]
    assert events == ["restriction_done", "restriction_lifted"]


def test_two_rights_of_one_person_are_lifted_one_by_one(shop: Shop, before: Path, restricted: Path) -> None:
    lake = shop.copy(restricted, "objected")
    assert ask(shop, "object_subject", lake, ADA).code == 0
    assert users(lake) == users(before) - 2
    assert ask(shop, "restrict_subject", lake, ADA, TWIN, lift=True).code == 0
    assert users(lake) == users(before) - 1
    assert [(r["user_id"], r["right"]) for r in records(lake, "rights/restrictions")] == [(ADA, "objection")]


@pytest.mark.parametrize("job", ["restrict_subject", "object_subject"])
def test_unknown_persons_change_nothing(shop: Shop, restricted: Path, job: str) -> None:
    known = commits(restricted)
    ending = ask(shop, job, restricted, UNKNOWN)
    assert (ending.code, ending.last_line) == (2, NOBODY.format("is in this lake"))
    assert commits(restricted) == known


def test_earlier_publications_cannot_be_rolled_back_to(shop: Shop, restricted: Path) -> None:
    older = min(json.loads(f.read_text())["run_id"] for f in (restricted / "publications").glob("*.json"))
    ending = shop.job("rollback", restricted, "--to", older)
    assert (ending.code, "older than the last erasure, restriction or correction" in ending.last_line) == (2, True)


def test_a_restricted_person_can_still_be_erased(shop: Shop, restricted: Path, erased: Erased) -> None:
    lake = shop.copy(restricted, "restricted-erased")
    assert shop.erase(lake, ADA, TWIN).code == 0
    assert receipt(lake)["status"] == "COMPLETE"
    assert receipt(lake)["rows_deleted"]["rights/restrictions"] == 2
    assert holding(lake, ADA, TWIN, pseudonym(shop, ADA)) == []
    assert sales(lake) == sales(erased.lake)
    assert len(records(lake, "silver/erased_sales")) == 3
