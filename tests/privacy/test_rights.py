"""Restriction, objection and rectification hold in increments and rebuilds, can be taken back, and end with erasure."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest
from pyspark.sql import functions as F

from lib.accountability.auditlog import audit_log
from lib.privacy import subject_rights
from lib.rights import restrictions
from tests.e2e.lakes import Died, Ending, commits, content, records
from tests.oracle.case import batch, row
from tests.privacy.conftest import ADA, BLANKS, OTHER_TWIN, TWIN, UNKNOWN, Erased, Shop, receipt
from tests.privacy.test_erasure import holding, pseudonym, sales
from tests.privacy.test_export import ask as ask_for
from tests.privacy.test_export import documents

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.timeout(580)]

CORRECTED = "Gender as corrected 5c"
CORRECTIONS: list[Mapping[str, str | None]] = [
    {"user_id": OTHER_TWIN, "country": "France", "gender": CORRECTED, "sign_up_date": "2022-12-24"},
    {"user_id": BLANKS, "segment": None},
    {"user_id": UNKNOWN, "country": "France"},
]


def ask(shop: Shop, job: str, lake: Path, *ids: str, lift: bool = False, known_only: bool = False) -> Ending:
    named = shop.site.folder / "asked.txt"
    named.write_text("\n".join(ids), encoding="utf-8")
    options = [*(["--lift"] if lift else []), *(["--known-only"] if known_only else [])]
    return shop.job(job, lake, "--subjects", str(named), *options)


def rectify(shop: Shop, lake: Path, *stated: Mapping[str, str | None], known_only: bool = False) -> Ending:
    named = shop.site.folder / "corrections.jsonl"
    named.write_text("\n".join(map(json.dumps, stated)), encoding="utf-8")
    options = ["--known-only"] if known_only else []
    return shop.job("rectify_subject", lake, "--corrections", str(named), *options)


def users(lake: Path) -> int:
    """As the published demographics count them."""
    return sum(int(str(record["users"])) for record in records(lake, "mart_users/demographics"))


def restricted_sales(lake: Path) -> list[tuple[str, object, object]]:
    facts = [fact for fact in records(lake, "gold/fact_sales") if fact["user_version_key"] == -2]
    return sorted((str(fact["unit_price"]), fact["channel_key"], fact["rating"]) for fact in facts)


def of(shop: Shop, lake: Path, table: str, one: str) -> list[dict[str, object]]:
    return [record for record in records(lake, table) if record["user_key"] == pseudonym(shop, one)]


def without(lake: Path, table: str, changed: set[str]) -> list[str]:
    return sorted(repr(record) for record in records(lake, table) if record["user_key"] not in changed)


def revenue(lake: Path, region: str) -> Decimal:
    cells = records(lake, "mart_sales/monthly")
    return sum((Decimal(str(cell["revenue"])) for cell in cells if cell["region"] == region), Decimal(0))


def events(shop: Shop, lake: Path) -> list[str]:
    return [entry["event"] for entry in audit_log(str(lake), shop.site.folder / "secrets").entries()]


@pytest.fixture(scope="module")
def corrected(shop: Shop, before: Path) -> Path:
    """Not to be changed: copy it."""
    lake = shop.copy(before, "corrected")
    ending = rectify(shop, lake, *CORRECTIONS, known_only=True)
    assert ending.code == 3, ending.err
    assert ending.last_line.endswith("1 of 3 ids (line 3) is not in this lake.")
    assert ending.last_line.startswith("Rectification done for 2 persons, 1 unknown; reference req-")
    assert not [one for one in (OTHER_TWIN, CORRECTED) if one in ending.out + ending.err]
    return lake


@pytest.fixture(scope="module")
def exercised(shop: Shop, corrected: Path) -> Path:
    """And ADA and TWIN restricted the use of their data. Not to be changed: copy it."""
    lake = shop.copy(corrected, "exercised")
    ending = ask(shop, "restrict_subject", lake, ADA, TWIN, UNKNOWN, known_only=True)
    assert ending.code == 3, ending.err
    assert ending.last_line.endswith("1 of 3 ids (line 3) is not in this lake.")
    assert ending.last_line.startswith("Restriction done for 2 persons, 1 unknown; reference req-")
    assert ADA not in ending.out + ending.err
    return lake


def test_a_corrected_value_stands_everywhere_but_in_bronze(shop: Shop, before: Path, corrected: Path) -> None:
    assert records(corrected, "bronze/sales_events") == records(before, "bronze/sales_events")
    (user,) = of(shop, corrected, "silver/users", OTHER_TWIN)
    assert (user["country_code"], user["gender"], user["sign_up_date"]) == ("FR", CORRECTED, dt.date(2022, 12, 24))
    (version,) = of(shop, corrected, "gold/dim_user", OTHER_TWIN)
    assert (version["country_code"], version["gender"]) == ("FR", CORRECTED)
    assert of(shop, corrected, "gold/dim_user", BLANKS)[0]["segment"] == "Unknown"
    assert holding(corrected, "Japan")  # of the other twin, and in bronze


def test_nobody_elses_rows_and_no_total_have_changed(shop: Shop, before: Path, corrected: Path) -> None:
    changed = {pseudonym(shop, OTHER_TWIN), pseudonym(shop, BLANKS)}
    for table in ("silver/users", "silver/purchases", "gold/dim_user"):
        assert without(corrected, table, changed) == without(before, table, changed)
    # The twin's lamp was sold in France and not in Japan.
    assert revenue(before, "Asia") - revenue(corrected, "Asia") == Decimal("21.10")
    assert revenue(corrected, "Europe") - revenue(before, "Europe") == Decimal("21.10")


def test_restricted_persons_are_in_no_user_mart_and_nothing_is_deleted(
    shop: Shop, corrected: Path, exercised: Path
) -> None:
    assert users(exercised) == users(corrected) - 2
    known = {record["user_key"] for record in records(exercised, "gold/dim_user")}
    assert known.isdisjoint({pseudonym(shop, ADA), pseudonym(shop, TWIN)})
    assert {"Restricted", "Unknown", pseudonym(shop, OTHER_TWIN)} <= known
    for table in ("bronze/sales_events", "silver/users", "silver/purchases"):
        assert records(exercised, table) == records(corrected, table)


def test_their_sales_stay_without_attributes(corrected: Path, exercised: Path) -> None:
    assert sales(exercised) == sales(corrected)
    assert restricted_sales(exercised) == [("10.0000", -1, None), ("21.1000", -1, None), ("99.9900", -1, None)]
    buyers = [{r["period_start"].year: r["buyers"] for r in records(lake, "mart_sales/buyers")  # type: ignore[attr-defined]  # rows are of any type
               if (r["period"], r["region"], r["category"]) == ("year", "All", "All")}
              for lake in (corrected, exercised)]  # fmt: skip
    assert buyers == [{2022: 1, 2023: 78}, {2023: 76}]


def test_the_export_shows_both_lists(shop: Shop, exercised: Path, tmp_path: Path) -> None:
    assert ask_for(shop, exercised, tmp_path / "out", ADA, OTHER_TWIN).code == 0
    ada, twin = ({table["table"]: table["rows"] for table in each["tables"]} for each in documents(tmp_path / "out"))
    assert [row["right"] for row in ada["rights/restrictions"]] == ["restriction"]
    assert len(ada["gold/fact_sales"]) == 2  # these name their person, restricted or not
    assert sorted((row["attribute"], row["value"]) for row in twin["rights/corrections"]) == [
        ("country", "France"), ("gender", CORRECTED), ("sign_up_date", "2022-12-24"),
    ]  # fmt: skip


def test_a_later_file_does_not_undo_them_and_a_rebuild_gives_the_same(
    shop: Shop, exercised: Path, tmp_path: Path
) -> None:
    lake = shop.copy(exercised, "exercised-again")
    new = [row(user=ADA, price="7"), row(user=OTHER_TWIN, country="Japan", day="2023-03-03"), row(user="person-new-e6")]
    shop.load(lake, batch(tmp_path / "new.csv", *new).path)
    assert users(lake) == users(exercised) + 1
    assert ("7.0000", -1, None) in restricted_sales(lake)
    assert {user["country_code"] for user in of(shop, lake, "silver/users", OTHER_TWIN)} == {"FR"}
    incremental = content(lake)
    shop.load(lake, rebuild=True)
    assert content(lake) == incremental


def test_one_right_taken_back_leaves_the_other_in_force(shop: Shop, corrected: Path, exercised: Path) -> None:
    lake = shop.copy(exercised, "taken-back")
    opened = shop.open(lake)
    restrictions.record(opened, [ADA], restrictions.OBJECTION, dt.date(2026, 1, 1))
    opened.base.advance()
    assert ask(shop, "restrict_subject", lake, ADA, TWIN, lift=True).code == 0
    assert users(lake) == users(corrected) - 1  # who objected stays out
    assert ask(shop, "object_subject", lake, ADA, lift=True).code == 0
    assert content(lake) == content(corrected)
    assert records(lake, "rights/restrictions") == []
    assert holding(lake / "rights/restrictions", ADA, TWIN) == []
    assert events(shop, lake)[-2:] == ["restriction_lifted", "objection_lifted"]


@pytest.mark.long
def test_taken_back_one_by_one_everything_is_as_before(shop: Shop, before: Path, exercised: Path) -> None:
    lake = shop.copy(exercised, "taken-back-all")
    assert ask(shop, "object_subject", lake, ADA).code == 0
    assert ask(shop, "restrict_subject", lake, ADA, TWIN, lift=True).code == 0
    assert ask(shop, "object_subject", lake, ADA, lift=True).code == 0
    named = shop.site.folder / "asked.txt"
    named.write_text(f"{OTHER_TWIN}\n{BLANKS}", encoding="utf-8")
    assert shop.job("rectify_subject", lake, "--lift", str(named)).code == 0
    assert content(lake) == content(before)
    assert [records(lake, f"rights/{name}") for name in ("restrictions", "corrections")] == [[], []]
    assert holding(lake / "rights", ADA, OTHER_TWIN) == []
    assert events(shop, lake)[-4:] == [
        "objection_done", "restriction_lifted", "objection_lifted", "rectification_lifted",
    ]  # fmt: skip


def test_earlier_publications_cannot_be_rolled_back_to(shop: Shop, exercised: Path) -> None:
    older = min(json.loads(f.read_text())["run_id"] for f in (exercised / "publications").glob("*.json"))
    ending = shop.job("rollback", exercised, "--to", older)
    assert (ending.code, "older than the last erasure, restriction or correction" in ending.last_line) == (2, True)


def test_who_exercised_a_right_can_still_be_erased(shop: Shop, exercised: Path, erased: Erased) -> None:
    lake = shop.copy(exercised, "exercised-erased")
    ending = shop.erase(lake, ADA, TWIN, OTHER_TWIN)
    assert (ending.code, receipt(lake)["status"]) == (0, "COMPLETE"), ending.err
    deleted = receipt(lake)["rows_deleted"]
    assert (deleted["rights/restrictions"], deleted["rights/corrections"]) == (2, 3)
    assert holding(lake, ADA, TWIN, OTHER_TWIN, CORRECTED, pseudonym(shop, ADA), pseudonym(shop, OTHER_TWIN)) == []
    assert sales(lake) == sales(exercised)
    assert len(records(lake, "silver/erased_sales")) == 4


@pytest.mark.parametrize("job", ["restrict_subject", "object_subject"])
def test_unknown_persons_change_nothing(shop: Shop, exercised: Path, job: str) -> None:
    known = commits(exercised)
    ending = ask(shop, job, exercised, TWIN, UNKNOWN)
    lifted = ask(shop, job, exercised, UNKNOWN, lift=True)
    right = {"restrict_subject": "restriction", "object_subject": "objection"}[job]
    assert (ending.code, "1 of 2 ids (line 2) is not in this lake; nothing" in ending.last_line) == (3, True)
    assert (lifted.code, lifted.last_line) == (
        3, f"1 of 1 ids (line 1) is without a {right} to lift; nothing has been written. Correct the lines.",
    )  # fmt: skip
    assert commits(exercised) == known


def test_corrections_of_unknown_persons_change_nothing(shop: Shop, exercised: Path) -> None:
    known = commits(exercised)
    ending = rectify(shop, exercised, {"user_id": TWIN, "country": "Fiji"}, {"user_id": UNKNOWN, "country": "France"})
    assert (ending.code, "1 of 2 ids (line 2) is not in this lake" in ending.last_line) == (3, True)
    assert commits(exercised) == known


@pytest.mark.long
def test_what_a_killed_job_was_to_take_back_may_be_asked_for_again(
    shop: Shop, corrected: Path, exercised: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = shop.copy(exercised, "killed-while-lifting")

    def stop(*_: object) -> None:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(subject_rights, "_publish", stop)
        with pytest.raises(Died):
            ask(shop, "restrict_subject", lake, ADA, TWIN, lift=True)
    ending = ask(shop, "restrict_subject", lake, ADA, TWIN, lift=True)
    assert (ending.code, ending.last_line.startswith("Restriction lifted for 2 persons, 0 unknown")) == (0, True)
    assert content(lake) == content(corrected)
    assert events(shop, lake).count("restriction_lifted") == 1


def test_a_correction_is_balanced_though_retention_has_emptied_the_quarantine(shop: Shop, before: Path) -> None:
    lake = shop.copy(before, "expired-quarantine")
    opened = shop.open(lake)
    opened.tables.delete_where(opened.catalog["silver/quarantine"], F.expr("true"))
    opened.base.advance()
    corrected = rectify(shop, lake, {"user_id": OTHER_TWIN, "country": "France"})
    assert corrected.code == 0, corrected.err
    assert shop.job("pipeline", lake).code == 0
    assert holding(lake, "France")
