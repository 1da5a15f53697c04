"""An export holds everything about one person, from every layer, and nothing about anybody else."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lib.accountability.auditlog import AuditLog, audit_log
from lib.errors import AuditFailed
from tests.e2e.lakes import Ending, commits
from tests.privacy.conftest import ADA, CANARIES, OTHER_TWIN, SHORT, TWIN, UNKNOWN, Erased, Shop

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.timeout(580)]


def ask(shop: Shop, lake: Path, out: Path, *ids: str, options: Sequence[str] = ()) -> Ending:
    named = out.parent / "asked.txt"
    named.write_text("\n".join(ids), encoding="utf-8")
    return shop.job("export_subject", lake, "--subjects", str(named), "--out", str(out), *options)


def documents(out: Path) -> list[dict[str, Any]]:
    return [json.loads(file.read_text(encoding="utf-8")) for file in sorted(out.rglob("export.json"))]


@pytest.fixture(scope="module")
def lake(shop: Shop, before: Path) -> Path:
    return shop.copy(before, "asked")


@pytest.fixture(scope="module")
def out(shop: Shop, lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exports") / "out"
    ending = ask(shop, lake, folder, ADA, TWIN, UNKNOWN, options=["--known-only"])
    assert ending.code == 3, ending.err
    assert "of 2 persons exported, 1 unknown" in ending.last_line
    assert ADA not in ending.out + ending.err
    return folder


def test_every_layer_is_there(out: Path) -> None:
    ada, twin = documents(out)
    assert {table["table"]: len(table["rows"]) for table in ada["tables"]} == {
        "bronze/sales_events": 4, "silver/users": 1, "silver/purchases": 2, "silver/quarantine": 1,
        "silver/dropped_rows": 1, "gold/dim_user": 1, "gold/fact_sales": 2, "gold/fact_user_activity": 4,
    }  # fmt: skip
    assert {table["table"]: len(table["rows"]) for table in twin["tables"]}["bronze/sales_events"] == 1
    for value in CANARIES.values():
        assert value in json.dumps(ada), value


def test_nothing_of_anybody_else_is_there(out: Path) -> None:
    ada, twin = map(json.dumps, documents(out))
    assert TWIN not in ada
    assert ADA not in twin
    assert OTHER_TWIN not in ada + twin
    assert "person-other" not in ada + twin


def test_it_says_why_and_how_long(out: Path) -> None:
    columns = {
        column["name"]: column
        for table in documents(out)[0]["tables"] if table["table"] == "bronze/sales_events"
        for column in table["columns"]
    }  # fmt: skip
    assert columns["name"]["purpose"] == "Answering letters"
    assert columns["gender"]["purpose"] == "Statistics on sales and on the use of the shop"
    assert columns["gender"]["legal_basis"] == "Legitimate interest, Art. 6(1)(f) GDPR"
    assert (columns["gender"]["kept_for"], columns["gender"]["counted_from"]) == ("3 years", "last_activity")
    assert "recipients" in documents(out)[0]


def test_the_csv_says_the_same(out: Path) -> None:
    (file, _) = sorted(out.rglob("silver_purchases.csv"))
    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert sorted(row["unit_price"] for row in rows) == ["10.0000", "99.9900"]


def test_only_its_owner_can_read_it(out: Path) -> None:
    assert [path for path in out.rglob("*") if path.is_file() and path.stat().st_mode & 0o077] == []


def test_unknown_persons_get_no_file_and_change_nothing(shop: Shop, lake: Path, tmp_path: Path) -> None:
    known = commits(lake)
    ending = ask(shop, lake, tmp_path / "out", ADA, UNKNOWN)
    assert (ending.code, "1 of 2 ids (line 2) is not in this lake; nothing" in ending.last_line) == (3, True)
    assert not (tmp_path / "out").exists()
    assert commits(lake) == known


def test_an_export_into_the_lake_is_refused(shop: Shop, lake: Path) -> None:
    ending = shop.job("export_subject", lake, "--subjects", "/dev/null", "--out", str(lake / "exports"))
    assert ending.code == 2
    named = shop.site.folder / "one.txt"
    named.write_text(SHORT, encoding="utf-8")
    ending = shop.job("export_subject", lake, "--subjects", str(named), "--out", str(lake / "exports"))
    assert (ending.code, "is in the lake" in ending.last_line) == (2, True)


def test_an_erased_person_learns_of_the_suppression(shop: Shop, erased: Erased, tmp_path: Path) -> None:
    lake = shop.copy(erased.lake, "asked-again")
    assert ask(shop, lake, tmp_path / "out", ADA).code == 0
    (document,) = documents(tmp_path / "out")
    assert [table["table"] for table in document["tables"]] == ["rights/suppressions"]
    assert ADA not in json.dumps(document)


JOBS = (
    ("export_subject", "--out", "out"), ("erase_subjects", "--grace", "0"), ("restrict_subject",), ("object_subject",),
    ("lift_suppression",), ("restrict_subject", "--lift"),
)  # fmt: skip


@pytest.fixture
def aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which the test works."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("out")
@pytest.mark.parametrize("words", JOBS, ids=" ".join)
def test_what_cannot_be_logged_is_not_begun(shop: Shop, lake: Path, aside: Path, words: tuple[str, ...]) -> None:
    broken = shop.copy(lake, f"unlogged-{'-'.join(words)}")
    log = broken / "audit/log.jsonl"
    log.write_bytes(log.read_bytes().replace(b"export_done", b"export_gone"))
    known = commits(broken)
    (aside / "ids").write_text(ADA, encoding="utf-8")
    ending = shop.job(words[0], broken, "--subjects", str(aside / "ids"), *words[1:])
    assert (ending.code, "of the audit log" in ending.last_line) == (4, True), ending.err
    assert commits(broken) == known
    assert list(aside.iterdir()) == [aside / "ids"]


def test_an_export_that_cannot_be_logged_leaves_no_file(
    shop: Shop, lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log breaks while the export is under way."""

    def append(*_: object) -> None:
        raise AuditFailed("The audit log is full.")

    monkeypatch.setattr(AuditLog, "append", append)
    assert ask(shop, lake, tmp_path / "out", ADA).code == 4
    assert list((tmp_path / "out").iterdir()) == []


def test_the_audit_log_tells_of_it(shop: Shop, lake: Path, out: Path) -> None:
    events = [entry["event"] for entry in audit_log(str(lake), shop.site.folder / "secrets").entries()]
    assert "export_done" in events
