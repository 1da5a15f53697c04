"""What the contracts keep for a period is gone when it has ended, and only that."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from lib.auditlog import audit_log
from tests.e2e.lakes import Ending, commits, newest, records
from tests.oracle.case import batch, row
from tests.rgpd.conftest import Shop
from tests.rgpd.test_erasure import holding, pseudonym, sales

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.timeout(580)]

# Last active on 2 March 2020, and on the very day on which the period ends on 25 August 2026.
OLD, LIMIT, NEW = "person-inactive-a1", "person-at-limit-b2", "person-active-c3"
DAY = "2026-08-25"


def dates(last: str) -> dict[str, str]:
    return {"sign_up": "2019-01-01", "login": last, "last_purchase": "2020-01-01", "day": "2020-01-01"}


@pytest.fixture(scope="module")
def inactive(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published lake with an inactive person. Not to be changed: copy it."""
    lake = shop.site.lake("inactive")
    others = [row(user=f"person-other-{n}", login="2023-08-25") for n in range(8)]
    rows = [
        *others,
        row(user=OLD, **dates("2020-03-02"), price="31.10"),
        row(user=OLD, **dates("2020-03-02"), price="-1"),
        row(user=LIMIT, **dates("2023-08-25"), price="12"),
        row(user=NEW, **dates("2023-08-24"), price="13"),
        # One activity after the limit: a purchase.
        row(user=NEW, sign_up="2019-01-01", login="2019-01-02", last_purchase="2019-01-02", day="2023-08-25"),
    ]
    shop.load(lake, batch(tmp_path_factory.mktemp("inactive") / "export.csv", *rows).path)
    return lake


def enforce(shop: Shop, lake: Path, *options: str) -> Ending:
    return shop.job("enforce_retention", lake, "--grace", "0", *options)


def test_a_dry_run_says_what_is_due_and_writes_nothing(shop: Shop, inactive: Path) -> None:
    known = commits(inactive)
    ending = enforce(shop, inactive, "--as-of", DAY, "--dry-run")
    assert ending.code == 0, ending.err
    assert ending.last_line == (
        f"Due on {DAY}: 1 persons by last activity and no rows by date. Nothing has been written."
    )
    assert commits(inactive) == known


def test_an_inactive_person_is_gone_to_the_byte(shop: Shop, inactive: Path) -> None:
    lake = shop.copy(inactive, "three-years-on")
    ending = enforce(shop, lake, "--as-of", DAY)
    assert ending.code == 0, ending.err
    assert holding(lake, OLD, pseudonym(shop, OLD)) == []
    for one in (LIMIT, NEW):
        assert holding(lake, one), one
    assert sales(lake) == sales(inactive)
    assert [str(line["unit_price"]) for line in records(lake, "silver/erased_sales")] == ["31.1000"]
    receipt = json.loads(next((lake / "receipts").glob("*.json")).read_text(encoding="utf-8"))
    assert (receipt["kind"], receipt["status"], receipt["subjects"]) == ("retention", "COMPLETE", 1)
    # Who becomes active again may come again: nobody is suppressed.
    assert not (lake / "rights").exists()
    events = [entry["event"] for entry in audit_log(str(lake), shop.site.folder / "secrets").entries()]
    assert events == ["retention_started", "retention_complete"]
    again = enforce(shop, lake, "--as-of", DAY)
    assert again.last_line == f"Retention as of {DAY}: 0 persons by last activity and no rows by date."


def test_rows_that_count_from_their_own_date_go_by_it(shop: Shop, inactive: Path) -> None:
    lake = shop.copy(inactive, "quarantine")
    (waiting,) = records(lake, "silver/quarantine")
    loaded = waiting["quarantined_on"]
    assert isinstance(loaded, dt.date)
    before = records(lake, "silver/users")
    assert enforce(shop, lake, "--as-of", "2000-01-01").code == 0
    assert len(records(lake, "silver/quarantine")) == 1
    last_day, next_day = f"{loaded + _days(90)}", f"{loaded + _days(91)}"
    dry = enforce(shop, lake, "--as-of", last_day, "--dry-run")
    assert "rows of silver/quarantine" not in dry.last_line
    ending = enforce(shop, lake, "--as-of", next_day, "--dry-run")
    assert "1 rows of silver/quarantine" in ending.last_line
    assert len(before) == len(records(lake, "silver/users"))


def _days(count: int) -> dt.timedelta:

    return dt.timedelta(days=count)


def test_a_day_that_is_none_is_refused(shop: Shop, inactive: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        enforce(shop, inactive, "--as-of", "soon")
    assert caught.value.code == 2
    assert newest(inactive, "silver/users").num_rows == 11
