"""A lake does not grow without bound, and nothing is lost by that."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from unittest import mock

import pytest
from deltalake import DeltaTable

from lib.delta import deltalog
from lib.delta.lake import Lake
from lib.delta.tables import Tables
from lib.durations import Duration
from lib.errors import UsageError
from lib.pipeline import upkeep
from lib.settings import Keep, load
from lib.storage import LocalStorage
from tests.e2e.lakes import PROJECT, Ending
from tests.oracle.case import batch, row
from tests.reliability.conftest import DAY, MART, Content, Shop

BRONZE = "bronze/sales_events"
FEWEST = 5  # publications that a deployment may keep
spark = pytest.mark.spark


@dataclasses.dataclass(frozen=True)
class Day:
    """A run: its id, what people read after it, and the version of the mart."""

    run: str
    told: Content
    version: int


def deployment(shop: Shop) -> Path:
    """The shop's deployment, which keeps as few publications as it may."""
    file = shop.deployment()
    file.write_text(f"{file.read_text(encoding='utf-8')}\nkeep: {{publications: {FEWEST}}}\n", encoding="utf-8")
    return file


def load_day(shop: Shop, number: int) -> Day:
    rows = [row(user=f"daily-{number}-{each}", price=str(20 + number), day="2023-07-01") for each in range(3)]
    file = batch(shop.folder / f"daily-{number}.csv", *rows).path
    options = ("--input", str(file), "--extract-date", f"{DAY + dt.timedelta(days=number)}")
    done = shop.job("pipeline", *options, deployment=deployment(shop))
    assert done.code == 0, done.err
    published = json.loads((shop.lake / "published.json").read_text(encoding="utf-8"))
    return Day(published["run_id"], shop.told(), published["tables"][MART]["version"])


def back_to(shop: Shop, day: Day) -> Ending:
    return shop.job("rollback", "--to", day.run, deployment=deployment(shop))


def named(table: Path, version: int | None = None) -> set[str]:
    return {uri.rpartition("/")[2] for uri in DeltaTable(str(table), version=version).file_uris()}


def there(table: Path) -> set[str]:
    return {file.name for file in table.glob("*.parquet")}


def rows(table: Path) -> list[str]:
    return sorted(map(repr, DeltaTable(str(table)).to_pyarrow_table().to_pylist()))


def stated(table: Path) -> set[str]:
    """The columns of which Delta states values."""
    actions = DeltaTable(str(table)).get_add_actions(flatten=True)
    return {name for name in actions.column_names if name.startswith(("min.", "max."))}


@spark
@pytest.mark.timeout(1800)
def test_after_many_days_the_newest_publications_can_be_read_and_nothing_else_is_left(shop: Shop, start: Path) -> None:
    shop.begin(start)
    before_all = json.loads((shop.lake / "published.json").read_text(encoding="utf-8"))["run_id"]
    with mock.patch.object(upkeep, "MANY", 4):
        days = [load_day(shop, number) for number in range(FEWEST + 1)]
    mart = shop.lake / MART
    assert there(mart) == {name for day in days[-FEWEST:] for name in named(mart, day.version)}
    assert len(list((shop.lake / "publications").glob("*.json"))) == FEWEST
    log = [file.name for file in (mart / deltalog.LOG).iterdir()]
    assert 0 < min(deltalog.versions(log)) <= days[-FEWEST].version  # from a checkpoint on
    assert len(named(shop.lake / BRONZE)) <= 4
    assert len(there(shop.lake / BRONZE)) <= 8  # with those that older documents of the base would fall back to
    assert there(shop.lake / "gold/sales_daily") == named(shop.lake / "gold/sales_daily")

    gone = shop.job("rollback", "--to", before_all)
    assert (gone.code, f"no publication '{before_all}'" in gone.last_line) == (2, True)
    too_old = back_to(shop, days[0])
    assert too_old.code == 2
    oldest = days[-FEWEST]
    assert back_to(shop, oldest).code == 0
    assert shop.told() == oldest.told
    assert shop.job("maintain", "--grace", "0", deployment=deployment(shop)).code == 0
    assert shop.told() == oldest.told  # what people read stays, though it is not the newest version
    assert back_to(shop, days[-1]).code == 0
    assert shop.told() == days[-1].told
    assert shop.job("verify").code == 0


@spark
@pytest.mark.timeout(1800)
def test_a_good_publication_outlives_many_bad_ones_that_were_taken_back(shop: Shop, start: Path) -> None:
    shop.begin(start)
    good = load_day(shop, 0)
    for number in range(1, FEWEST + 1):
        load_day(shop, number)
        assert back_to(shop, good).code == 0
    load_day(shop, FEWEST + 1)
    assert shop.job("rollback", deployment=deployment(shop)).code == 0
    assert shop.told() == good.told


@spark
@pytest.mark.timeout(1800)
def test_a_job_does_not_fail_because_files_stay_small(shop: Shop, start: Path) -> None:
    shop.begin(start)
    with (
        mock.patch.object(upkeep, "MANY", 1),
        mock.patch.object(Tables, "compact", side_effect=OSError("no space left")),
    ):
        done = shop.load(3)
    assert done.code == 0
    assert "Small files were left as they are (OSError); maintain says more." in done.err


@spark
@pytest.mark.timeout(1800)
def test_maintenance_changes_files_and_no_row(shop: Shop, start: Path) -> None:
    shop.begin(start)
    load_day(shop, 1)
    tables = (BRONZE, "silver/purchases", "silver/users", "gold/fact_sales", "mart_operations/runs")
    held = {name: rows(shop.lake / name) for name in tables}
    known = {name: stated(shop.lake / name) for name in tables}
    files = sum(len(there(shop.lake / name)) for name in tables)
    told = shop.told()
    done = shop.job("maintain", "--grace", "0")
    assert done.code == 0, done.err
    assert done.last_line.startswith("Maintained: ")
    assert sum(len(there(shop.lake / name)) for name in tables) == len(tables) < files
    assert {name: rows(shop.lake / name) for name in tables} == held
    assert {name: stated(shop.lake / name) for name in tables} == known  # no statistic of personal data
    assert shop.told() == told
    assert shop.job("verify").code == 0
    again = shop.job("maintain", "--grace", "0")
    assert again.last_line.startswith("Maintained: 0 files of 0 tables became 0; 0 publications,")
    assert "user" not in done.last_line
    load_day(shop, 2)


def test_a_version_is_stated_from_a_checkpoint_or_from_the_first_commit_on() -> None:
    commits = [deltalog.commit_name(number) for number in range(4, 8)]
    cut = [*commits, "00000000000000000005.checkpoint.parquet"]
    assert [deltalog.is_stated(cut, number) for number in (3, 4, 5, 7, 8)] == [False, False, True, True, False]
    whole = [deltalog.commit_name(number) for number in range(3)]
    assert [deltalog.is_stated(whole, number) for number in (0, 2, 3)] == [True, True, False]


def lake_with(folder: Path, keep: Keep) -> Lake:
    parts = SimpleNamespace(
        storage=LocalStorage(folder),
        settings=SimpleNamespace(keep=keep),
        started_at=dt.datetime(2026, 3, 31, 12, tzinfo=dt.timezone.utc),
    )
    return cast("Lake", parts)


def test_reports_and_receipts_go_after_their_periods(tmp_path: Path) -> None:
    reports, receipts = tmp_path / "reports", tmp_path / "receipts"
    for name in ("20260227T235959-aaaa.html", "20260228T000000-bbbb.html", "notes.html", "99999999T.html"):
        reports.mkdir(exist_ok=True)
        (reports / name).write_text("report", encoding="utf-8")
    receipts.mkdir()
    for name, finished in (("old", '"2025-03-30T10:00:00Z"'), ("new", '"2025-03-31T10:00:00Z"'), ("odd", "7")):
        (receipts / f"{name}.json").write_text(f'{{"finished_at": {finished}}}', encoding="utf-8")
    (receipts / "torn.json").write_text("", encoding="utf-8")
    lake = lake_with(tmp_path, Keep(reports=Duration(months=1), receipts=Duration(years=1)))
    assert upkeep._expire_reports(lake) == 1
    assert upkeep._expire_receipts(lake) == 1
    assert {file.name for file in reports.iterdir()} == {"20260228T000000-bbbb.html", "notes.html", "99999999T.html"}
    assert {file.name for file in receipts.iterdir()} == {"new.json", "odd.json", "torn.json"}


@pytest.mark.parametrize(
    ("keep", "said"),
    [
        ("{publications: 4}", "'keep.publications' is not a whole number of at least 5."),
        ("{publications: many}", "'keep.publications' is not a whole number of at least 5."),
        ("{reports: 1 year}", "'keep.reports' is not a period."),
        ("{report: P1Y}", "setting 'keep.report' is unknown."),
    ],
)
def test_a_deployment_that_keeps_something_odd_is_refused(tmp_path: Path, keep: str, said: str) -> None:
    file = tmp_path / "conf.yaml"
    whole = (PROJECT / "conf/local.yaml").read_text(encoding="utf-8")
    file.write_text(f"{whole}\nkeep: {keep}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=said.replace(".", r"\.")):
        load(file)


def test_a_deployment_says_what_it_keeps(tmp_path: Path) -> None:
    file = tmp_path / "conf.yaml"
    whole = (PROJECT / "conf/local.yaml").read_text(encoding="utf-8")
    file.write_text(f"{whole}\nkeep: {{publications: 60, receipts: P10Y}}\n", encoding="utf-8")
    assert load(file).keep == Keep(60, Duration(days=90), Duration(years=10))
    assert load(PROJECT / "conf/local.yaml").keep == Keep(14, Duration(days=90), Duration(years=5))
