"""Data that the contracts keep for a period are removed at its end, and no other data are."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from lib.accountability import subject_requests
from lib.accountability.auditlog import audit_log
from lib.accountability.subject_requests import SubjectRequest
from lib.privacy import erasure, retention_due
from lib.rights import restrictions
from splitter.split import Order, split
from tests.e2e.lakes import Ending, commits, newest, records
from tests.oracle.case import batch, row
from tests.privacy.conftest import Shop, receipt
from tests.privacy.test_erasure import holding, pseudonym, sales

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.timeout(580)]

# Last active on 2 March 2020, and on the very day on which the period ends on 25 August 2026.
OLD, LIMIT, NEW = "person-inactive-a1", "person-at-limit-b2", "person-active-c3"
UNDATED = "person-undated-d4"
NAMELESS = "Product of nobody 9d"
DAY = "2026-08-25"
TODAY = dt.datetime.now(dt.timezone.utc).date()
# Three years after the lake was loaded, on any real day.
LATER = f"{TODAY.replace(year=TODAY.year + 3, day=1) + dt.timedelta(days=40)}"
PHASES = ("expire", "anonymise", "delete", "publish", "vacuum", "scan")


def dates(last: str) -> dict[str, str]:
    return {"sign_up": "2019-01-01", "login": last, "last_purchase": "2020-01-01", "day": "2020-01-01"}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the splitter's parts."""
    folder = tmp_path_factory.mktemp("inactive")
    others = [row(user=f"person-other-{n}", login="2023-08-25") for n in range(8)]
    rows = [
        *others,
        row(user=OLD, **dates("2020-03-02"), price="31.10"),
        row(user=OLD, **dates("2020-03-02"), price="-1"),
        row(user=LIMIT, **dates("2023-08-25"), price="12"),
        row(user=NEW, **dates("2023-08-24"), price="13"),
        # One activity after the limit: a purchase.
        row(user=NEW, sign_up="2019-01-01", login="2019-01-02", last_purchase="2019-01-02", day="2023-08-25"),
        row(user=UNDATED, sign_up="", login="", last_purchase="", day=""),
        row(user="", product=NAMELESS),
    ]
    split(Order(batch(folder / "export.csv", *rows).path, folder / "split"))
    return folder / "split"


@pytest.fixture(scope="module")
def inactive(shop: Shop, inputs: Path) -> Path:
    """A published lake with an inactive person. Not to be changed: copy it."""
    lake = shop.site.lake("inactive")
    shop.load(lake, inputs / "manifest.json")
    return lake


def enforce(shop: Shop, lake: Path, *options: str) -> Ending:
    return shop.job("enforce_retention", lake, "--grace", "0", *options)


def events(shop: Shop, lake: Path) -> list[str]:
    return [entry["event"] for entry in audit_log(str(lake), shop.site.folder / "secrets").entries()]


def test_a_dry_run_says_what_is_due_and_writes_nothing(shop: Shop, inactive: Path, inputs: Path) -> None:
    known = commits(inactive)
    ending = enforce(shop, inactive, "--as-of", DAY, "--dry-run", "--purge-inputs", str(inputs))
    assert ending.code == 0, ending.err
    assert ending.last_line == (
        f"Due on {DAY}: 1 persons by last activity and no rows by date. Nothing has been written. "
        "The parts of 1 of 1 manifests would be removed."
    )
    assert (commits(inactive), (inputs / "manifest.json").exists()) == (known, True)


def kill(shop: Shop, lake: Path, phase: str, day: str) -> None:
    killed = shop.site.kill(
        f"retention: {phase} ...", lake, "--as-of", day, "--grace", "0",
        job="enforce_retention", deployment=shop.deployment,
    )  # fmt: skip
    assert (killed.alive, killed.status) == (True, -9), killed.lines


def test_killed_and_run_again_an_inactive_person_is_gone_to_the_byte_and_the_active_are_untouched(
    shop: Shop, inactive: Path, inputs: Path
) -> None:
    """Killed for real between deleting and vacuuming: the next run has nothing more to delete."""
    lake = shop.copy(inactive, "three-years-on")
    kill(shop, lake, "vacuum", DAY)
    assert holding(lake, OLD)  # in older versions
    ending = enforce(shop, lake, "--as-of", DAY, "--purge-inputs", str(inputs))
    assert ending.code == 0, ending.err
    assert ending.last_line.startswith("3 parts of 1 manifests removed. Retention as of 2026-08-25: 0 persons")
    assert "COMPLETE: 1 erased" in ending.last_line
    assert list(inputs.iterdir()) == []
    assert holding(lake, OLD, pseudonym(shop, OLD)) == []
    for table, column in (
        ("bronze/sales_events", "user_id"),
        ("silver/users", "user_key"),
        ("gold/dim_user", "user_key"),
    ):
        gone = {OLD, pseudonym(shop, OLD)}
        kept = [sorted(repr(r) for r in records(each, table) if r[column] not in gone) for each in (inactive, lake)]
        assert kept[0] == kept[1]
    assert sales(lake) == sales(inactive)
    assert [str(line["unit_price"]) for line in records(lake, "silver/erased_sales")] == ["31.1000"]
    told = receipt(lake)
    assert (told["kind"], told["status"], told["subjects"]) == ("retention", "COMPLETE", 1)
    # Who becomes active again may come again: nobody is suppressed.
    assert not (lake / "rights").exists()
    assert sorted(events(shop, lake)) == ["inputs_purged", "retention_complete", "retention_started"]
    assert subject_requests.opened(shop.site.folder / "secrets", str(lake)) == []
    again = enforce(shop, lake, "--as-of", DAY)
    assert again.last_line == f"Retention as of {DAY}: 0 persons by last activity and no rows by date."


@pytest.fixture
def later(shop: Shop, inactive: Path, request: pytest.FixtureRequest) -> Path:
    """A lake; one of its persons has restricted the use of their data."""
    lake = shop.copy(inactive, f"later-{getattr(request, 'param', 'on')}")
    restrictions.record(shop.open(lake), [LIMIT], restrictions.RESTRICTION, TODAY)
    return lake


def check_later(shop: Shop, lake: Path, inactive: Path) -> None:
    told = receipt(lake)  # of which there is one
    assert (told["status"], told["subjects"]) == ("COMPLETE", 11)
    assert (told["rows_deleted"]["silver/quarantine"], told["rows_deleted"]["bronze/sales_events"]) == (3, 14)
    assert holding(lake, OLD, NEW, UNDATED, NAMELESS, "person-other-", pseudonym(shop, NEW)) == []
    assert [record["user_id"] for record in records(lake, "bronze/sales_events")] == [LIMIT]
    assert records(lake, "silver/quarantine") == []
    assert sales(lake) == sales(inactive)
    assert subject_requests.opened(shop.site.folder / "secrets", str(lake)) == []
    assert events(shop, lake) == ["retention_started", "retention_complete"]


@pytest.mark.long
def test_years_later_all_is_due_but_the_restricted(shop: Shop, inactive: Path, later: Path) -> None:
    ending = enforce(shop, later, "--as-of", LATER)
    assert ending.code == 0, ending.err
    check_later(shop, later, inactive)
    assert enforce(shop, later, "--as-of", LATER).last_line == (
        f"Retention as of {LATER}: 0 persons by last activity (1 restricted persons are kept) and no rows by date."
    )


@pytest.mark.long
@pytest.mark.parametrize(("later", "phase"), [(phase, phase) for phase in PHASES], indirect=["later"])
def test_killed_for_real_in_any_phase_it_ends_the_same(shop: Shop, inactive: Path, later: Path, phase: str) -> None:
    kill(shop, later, phase, LATER)
    ending = enforce(shop, later, "--as-of", LATER)
    assert ending.code == 0, ending.err
    check_later(shop, later, inactive)


def test_who_restricted_the_use_is_not_due(shop: Shop, inactive: Path) -> None:
    lake = shop.open(shop.copy(inactive, "restricted-retention"))
    restrictions.record(lake, [OLD], restrictions.RESTRICTION, TODAY)
    restrictions.record(lake, [LIMIT], restrictions.OBJECTION, TODAY)
    due = retention_due.due(lake, dt.date.fromisoformat("2026-08-26"))
    assert (LIMIT in due.persons, OLD in due.persons, due.kept) == (True, False, 1)


def test_the_period_of_who_was_never_active_begins_with_the_load(shop: Shop, inactive: Path) -> None:
    lake = shop.open(inactive)
    end = TODAY.replace(year=TODAY.year + 3)
    assert UNDATED not in retention_due.due(lake, end).persons
    assert UNDATED in retention_due.due(lake, end + dt.timedelta(days=2)).persons
    assert retention_due.due_rows(lake, end)["bronze/sales_events"] == 0
    assert retention_due.due_rows(lake, end + dt.timedelta(days=2))["bronze/sales_events"] == 1


def test_rows_that_count_from_their_own_date_go_by_it(shop: Shop, inactive: Path) -> None:
    waiting = records(inactive, "silver/quarantine")
    loaded = waiting[0]["quarantined_on"]
    assert isinstance(loaded, dt.date)
    lake = shop.open(inactive)
    assert retention_due.due_rows(lake, loaded + dt.timedelta(days=90))["silver/quarantine"] == 0
    assert retention_due.due_rows(lake, loaded + dt.timedelta(days=91))["silver/quarantine"] == len(waiting)


def test_a_day_that_is_none_is_refused(shop: Shop, inactive: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        enforce(shop, inactive, "--as-of", "soon")
    assert caught.value.code == 2
    assert newest(inactive, "silver/users").num_rows == 12


def test_inputs_that_are_none_are_refused_and_nothing_is_deleted(shop: Shop, inactive: Path, tmp_path: Path) -> None:
    known = commits(inactive)
    (tmp_path / "manifest.json").write_text(json.dumps({"format": "another"}), encoding="utf-8")
    ending = enforce(shop, inactive, "--as-of", DAY, "--purge-inputs", str(tmp_path))
    assert (ending.code, "is not a manifest of the splitter" in ending.last_line) == (2, True)
    assert commits(inactive) == known


@pytest.mark.long
def test_who_asks_after_a_killed_retention_is_suppressed_all_the_same(
    shop: Shop, inactive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = shop.copy(inactive, "asked-late")
    opened = shop.open(lake)
    request = SubjectRequest.new("retention", opened.tables.root, [OLD], "2040-01-01T00:00:00.000000Z")
    request.day = DAY
    with monkeypatch.context() as patched:
        patched.setattr(erasure, "carry_out", lambda *_: None)
        erasure.begin(opened, request)
    ending = shop.erase(lake, OLD)
    assert (ending.code, receipt(lake)["kind"]) == (0, "retention"), ending.err
    assert len(records(lake, "rights/suppressions")) == 1
    assert holding(lake, OLD, pseudonym(shop, OLD)) == []
