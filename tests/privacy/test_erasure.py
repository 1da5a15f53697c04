"""An erased person is in no byte any more, sales stay to the cent, and all other persons' rows are unchanged."""

from __future__ import annotations

import hashlib
import hmac
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from lib.accountability import anchors, subject_requests
from lib.accountability.auditlog import audit_log
from lib.build import bronze
from lib.delta.tables import Tables
from lib.errors import AuditFailed
from lib.privacy import subjects
from tests.e2e.lakes import Died, commits, newest, records
from tests.oracle.case import batch, row
from tests.privacy.conftest import (
    ADA,
    BLANKS,
    CANARIES,
    ERASED,
    MARKED,
    OTHER_TWIN,
    SHORT,
    TWIN,
    UNKNOWN,
    Erased,
    Shop,
    receipt,
)  # fmt: skip

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.timeout(580)]

LONG_IDS = (ADA, TWIN, BLANKS)
LINES = 55  # five of four persons, and one of each of the fifty
MONEY = ("mart_sales/monthly", "mart_sales/trends")


def pseudonym(shop: Shop, one: str) -> str:
    key = bytes.fromhex((shop.site.folder / "secrets/pseudonym.key").read_text(encoding="ascii").strip())
    return hmac.new(key, one.encode(), hashlib.sha256).hexdigest()


def texts(lake: Path) -> Iterator[tuple[str, bytes]]:
    """Every file, as stored and decoded, not by the tested scanner."""
    for file in lake.rglob("*"):
        if file.is_file():
            decoded = repr(pq.read_table(file).to_pylist()).encode() if file.suffix == ".parquet" else b""
            yield str(file.relative_to(lake)), file.read_bytes() + decoded


def holding(lake: Path, *needles: str) -> list[str]:
    return sorted(name for name, text in texts(lake) if any(needle.encode() in text for needle in needles))


def sales(lake: Path) -> dict[str, list[str]]:
    """Money and pieces in the sales marts."""
    numbers = {"order_lines", "units", "revenue", "gross_revenue", "returned_revenue"}
    return {
        name: sorted(
            repr(
                {
                    key: value
                    for key, value in record.items()
                    if key in numbers or "period" in key or key in ("day", "region", "category")
                }
            )
            for record in records(lake, name)
        )
        for name in MONEY
    }


def of_others(shop: Shop, lake: Path, table: str, column: str) -> list[str]:
    gone = {*ERASED, f"  {BLANKS} ", *(pseudonym(shop, one) for one in ERASED)}
    return sorted(repr(record) for record in records(lake, table) if record[column] not in gone)


def test_the_canaries_are_there_before(shop: Shop, before: Path) -> None:
    """Else the tests below would prove nothing."""
    for one in LONG_IDS:
        assert holding(before, one)
        assert holding(before, pseudonym(shop, one))
    for value in CANARIES.values():
        assert holding(before, value), value


def test_the_receipt_is_complete(erased: Erased) -> None:
    assert erased.ending.code == 3, erased.ending.err
    assert erased.ending.last_line.startswith("COMPLETE: 54 erased, 1 unknown, receipt ")
    assert erased.ending.last_line.endswith("1 of 55 ids (line 55) is not in this lake.")
    told = {key: erased.receipt[key] for key in ("status", "subjects", "unknown", "findings", "files_not_read")}
    assert told == {"status": "COMPLETE", "subjects": 54, "unknown": 1, "findings": {}, "files_not_read": []}
    assert erased.receipt["rows_deleted"] == {
        "bronze/sales_events": 107, "silver/users": 54, "silver/purchases": 55, "silver/quarantine": 51,
        "silver/dropped_rows": 1, "gold/dim_user": 54, "gold/fact_sales": 55,
        "gold/fact_user_activity": 163,  # a sign-up, a login and a purchase each, and another purchase of ADA
    }  # fmt: skip
    assert erased.receipt["anonymous_lines"] == LINES


def test_no_byte_leads_to_them(shop: Shop, erased: Erased) -> None:
    for one in LONG_IDS:
        assert holding(erased.lake, one) == []
    for one in ERASED:
        assert holding(erased.lake, pseudonym(shop, one)) == []
    for value in CANARIES.values():
        assert holding(erased.lake, value) == [], value
    assert [record for record in records(erased.lake, "bronze/sales_events") if record["user_id"] == SHORT] == []


def test_nobody_is_named_in_what_the_job_says(shop: Shop, erased: Erased) -> None:
    said = erased.ending.out + erased.ending.err + json.dumps(erased.receipt)
    for one in (*LONG_IDS, UNKNOWN, *(pseudonym(shop, one) for one in ERASED)):
        assert one not in said


def test_sales_stay_to_the_cent(before: Path, erased: Erased) -> None:
    assert sales(erased.lake) == sales(before)
    lines = newest(erased.lake, "silver/erased_sales").to_pylist()
    told = [(str(line["unit_price"]), line["quantity"], line["region"]) for line in lines]
    assert told.count(("2.0000", 1, "Unknown")) == len(MARKED)
    assert sorted(line for line in told if line[0] != "2.0000") == [
        ("10.0000", 1, "Unknown"), ("21.1000", 1, "Asia"), ("5.0500", 1, "Africa"), ("7.7700", 1, "Unknown"),
        ("99.9900", 3, "Unknown"),
    ]  # fmt: skip


def test_an_anonymous_line_leads_nowhere(before: Path, erased: Erased) -> None:
    lines = newest(erased.lake, "silver/erased_sales").to_pylist()
    assert set(lines[0]) == {
        "erased_sale_key", "purchase_date", "region", "category", "subcategory", "product_name", "quantity",
        "unit_price",
    }  # fmt: skip
    known = repr([records(before, name) for name in ("gold/fact_sales", "silver/purchases")])
    assert [line for line in lines if line["erased_sale_key"] in known] == []
    facts = [record for record in records(erased.lake, "gold/fact_sales") if record["durable_user_key"] == -1]
    assert {(fact["user_version_key"], fact["channel_key"], fact["rating"]) for fact in facts} == {(-1, -1, None)}


@pytest.mark.parametrize(
    ("table", "column"),
    [("bronze/sales_events", "user_id"), ("silver/users", "user_key"), ("silver/purchases", "user_key"),
     ("silver/quarantine", "user_key"), ("gold/dim_user", "user_key")],
)  # fmt: skip
def test_everybody_elses_rows_are_as_they_were(
    shop: Shop, before: Path, erased: Erased, table: str, column: str
) -> None:
    assert of_others(shop, erased.lake, table, column) == of_others(shop, before, table, column)


def test_of_two_with_one_name_and_city_only_the_right_one_goes(shop: Shop, erased: Erased) -> None:
    left = [record for record in records(erased.lake, "bronze/sales_events") if record["name"] == "Twin Example"]
    assert [record["user_id"] for record in left] == [OTHER_TWIN]
    assert holding(erased.lake, pseudonym(shop, OTHER_TWIN))


def test_older_versions_can_no_longer_be_read(before: Path, erased: Erased) -> None:
    assert DeltaTable(str(before / "bronze/sales_events"), version=0).to_pyarrow_table().num_rows == 131
    with pytest.raises(Exception, match=r"(?i)not found|no such file"):
        DeltaTable(str(erased.lake / "bronze/sales_events"), version=0).to_pyarrow_table()


def test_older_publications_can_no_longer_be_rolled_back_to(shop: Shop, erased: Erased) -> None:
    older = min(json.loads(f.read_text())["run_id"] for f in (erased.lake / "publications").glob("*.json"))
    ending = shop.job("rollback", erased.lake, "--to", older)
    assert ending.code == 2
    assert "older than the last erasure" in ending.last_line


def test_the_request_and_its_identifiers_are_gone(shop: Shop, erased: Erased) -> None:
    assert subject_requests.opened(shop.site.folder / "secrets", str(erased.lake)) == []
    kept = [f for f in (shop.site.folder / "secrets").rglob("*") if f.is_file() and ADA.encode() in f.read_bytes()]
    assert kept == []


def test_the_audit_log_tells_of_it(shop: Shop, erased: Erased) -> None:
    log = audit_log(str(erased.lake), shop.site.folder / "secrets")
    assert [(entry["event"], entry["counts"]) for entry in log.entries()] == [
        ("erasure_started", {"subjects": 54}),
        ("erasure_complete", {"findings": 0, "subjects": 54}),
    ]


@pytest.mark.parametrize("gone", ["receipts", "anchors of commits"])
def test_an_audit_log_that_is_removed_with_its_head_is_missed(shop: Shop, erased: Erased, gone: str) -> None:
    """By the commits of the erasure, and by its receipt, each alone."""
    lake = shop.copy(erased.lake, f"without {gone}")
    log = audit_log(str(lake), shop.site.folder / "secrets")
    assert log.verify() == 2
    if gone == "receipts":
        shutil.rmtree(lake / "receipts")
        assert "the table bronze/sales_events" in {anchor.place for anchor in anchors.of_commits(lake)}
    else:
        for file in lake.glob("*/*/_delta_log/*.json"):
            file.write_text(file.read_text(encoding="utf-8").replace("userMetadata", "none"), encoding="utf-8")
        assert list(anchors.of_commits(lake)) == []
    log.file.unlink()
    log.head.unlink()
    with pytest.raises(AuditFailed, match="was rolled back or removed"):
        log.verify()
    ending = shop.job("verify_audit_log", lake)
    assert (ending.code, "was rolled back or removed" in ending.last_line) == (4, True)


def test_the_receipt_states_how_far_the_log_had_come(erased: Erased) -> None:
    assert erased.receipt["audit_log"]["entries"] == 2


def test_no_plan_names_anybody(shop: Shop, before: Path) -> None:
    """What a query's plan says ends in logs and in the interface of Spark."""
    opened = shop.open(before)
    people = subjects.frame(opened, [ADA])
    bronze = opened.catalog["bronze/sales_events"]
    for frame in (people, subjects.keys_of(opened, bronze, people), subjects.rows_of(opened, bronze, people)):
        plan = frame._jdf.queryExecution().toString()
        assert "user_id" in plan or "source_id" in plan
        assert ADA not in plan
        assert pseudonym(shop, ADA) not in plan


def test_no_plan_and_no_process_shows_a_key(shop: Shop, before: Path) -> None:
    """The key reaches the rows, and neither Spark's plans nor the system's list of processes."""
    opened = shop.open(before)
    (rows,) = bronze.rows_of(opened, opened.ledger.entries()).values()
    assert pseudonym(shop, ADA) in {row["user_key"] for row in rows.select("user_key").distinct().collect()}
    key = (shop.site.folder / "secrets/pseudonym.key").read_text(encoding="ascii").strip()
    pads = [bytes(byte ^ pad for byte in bytes.fromhex(key).ljust(64, b"\0")).hex() for pad in (0x36, 0x5C)]
    plan = rows._jdf.queryExecution().toString().lower()
    assert [secret for secret in (key, *pads) if secret in plan.replace(" ", "")] == []
    processes = [process(folder) for folder in Path("/proc").glob("[0-9]*")]
    assert b"pytest" in b"".join(processes)
    assert key.encode() not in b"".join(processes)


def process(folder: Path) -> bytes:
    try:
        return (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
    except OSError:
        return b""  # it has ended, or is somebody else's


def test_unknown_persons_change_nothing(shop: Shop, before: Path) -> None:
    lake = shop.copy(before, "unknown")
    known = commits(lake)
    alone, among = shop.erase(lake, UNKNOWN), shop.erase(lake, ADA, UNKNOWN, "", UNKNOWN)
    assert (alone.code, alone.last_line) == (
        3, "1 of 1 ids (line 1) is not in this lake; nothing has been written. Correct the lines.",
    )  # fmt: skip
    assert (among.code, "1 of 2 ids (lines 2, 4) is not in this lake; nothing" in among.last_line) == (3, True)
    assert commits(lake) == known
    assert not (lake / "receipts").exists()
    assert not (lake / "audit").exists()


def test_who_is_erased_again_is_looked_for_again(shop: Shop, erased: Erased) -> None:
    lake = shop.copy(erased.lake, "again")
    ending = shop.erase(lake, ADA, SHORT)
    assert (ending.code, ending.last_line.startswith("COMPLETE: 2 erased, 0 unknown")) == (0, True), ending.err
    assert len(list((lake / "receipts").glob("*.json"))) == 2
    assert (sales(lake), len(records(lake, "silver/erased_sales"))) == (sales(erased.lake), LINES)


def test_a_rebuild_from_the_original_inputs_brings_nobody_back(shop: Shop, erased: Erased, export: Path) -> None:
    """Everything is thrown away but the suppression list and the anonymous lines, and loaded again."""
    lake = shop.site.lake("from-inputs")
    for kept in ("rights", "silver/erased_sales"):
        shutil.copytree(erased.lake / kept, lake / kept)
    result = shop.load(lake, export)
    (balance,) = result.balances
    assert (balance.rows_in, balance.outcomes["suppressed"], balance.outcomes["erased"]) == (131, 107, 0)
    assert sales(lake) == sales(erased.lake)
    assert holding(lake, *LONG_IDS, *CANARIES.values(), pseudonym(shop, ADA)) == []


@pytest.mark.long
def test_a_full_rebuild_brings_nobody_back(shop: Shop, erased: Erased) -> None:
    lake = shop.copy(erased.lake, "rebuilt")
    result = shop.load(lake, rebuild=True)
    assert [balance.outcomes["erased"] for balance in result.balances] == [107]
    assert sales(lake) == sales(erased.lake)
    assert holding(lake, *LONG_IDS) == []


def test_nobody_is_let_in_again_without_a_word_in_the_audit_log(shop: Shop, erased: Erased, tmp_path: Path) -> None:
    lake = shop.copy(erased.lake, "lift-died")
    named = tmp_path / "ids"
    named.write_text(f"{ADA}\n", encoding="utf-8")
    with mock.patch.object(Tables, "delete", side_effect=Died), pytest.raises(Died):
        shop.job("lift_suppression", lake, "--subjects", str(named))
    last = audit_log(str(lake), shop.site.folder / "secrets").entries()[-1]
    assert (last["event"], last["counts"]) == ("suppression_lifted", {"subjects": 1})


def test_a_new_file_brings_only_those_whose_suppression_was_lifted(shop: Shop, erased: Erased, tmp_path: Path) -> None:
    lake = shop.copy(erased.lake, "lifted")
    named = tmp_path / "ids"
    named.write_text(f"{ADA}\n{UNKNOWN}\n", encoding="utf-8")
    refused = shop.job("lift_suppression", lake, "--subjects", str(named))
    assert (refused.code, newest(lake, "rights/suppressions").num_rows) == (3, 54)
    ending = shop.job("lift_suppression", lake, "--subjects", str(named), "--known-only")
    assert (ending.code, ending.last_line) == (
        3, "1 of 2 persons taken off the suppression list. 1 of 2 ids (line 2) is not on the suppression list.",
    )  # fmt: skip
    assert newest(lake, "rights/suppressions").num_rows == 53
    with pytest.raises(Exception, match=r"(?i)not found|no such file"):
        DeltaTable(str(lake / "rights/suppressions"), version=0).to_pyarrow_table()
    again = shop.job("lift_suppression", lake, "--subjects", str(named))
    assert (again.code, again.last_line) == (
        3, "2 of 2 ids (lines 1-2) are not on the suppression list; nothing has been written. Correct the lines.",
    )  # fmt: skip
    # The others stay out, with any blanks around their ids, and present lines stay: an increment neither loses nor
    # doubles the anonymous lines.
    rows = [row(user=ADA), row(user=f" {BLANKS}", day="2023-03-03"), row(user=TWIN), row(user="77", price="4")]
    (balance,) = shop.load(lake, batch(tmp_path / "new.csv", *rows).path).balances
    assert (balance.rows_in, balance.outcomes) == (
        4, {"accepted": 2, "quarantined": 0, "duplicate": 0, "suppressed": 2, "erased": 0},
    )  # fmt: skip
    assert holding(lake, ADA)
    assert holding(lake, TWIN, BLANKS, pseudonym(shop, TWIN)) == []
    facts = [record for record in records(lake, "gold/fact_sales") if record["durable_user_key"] == -1]
    assert len(facts) == LINES


@pytest.mark.long
def test_a_leftover_makes_it_partial_until_it_is_gone(shop: Shop, before: Path) -> None:
    lake = shop.copy(before, "leftover")
    note = lake / "reports/note.txt"
    note.write_text(f"about {TWIN}", encoding="utf-8")
    ending = shop.erase(lake, TWIN)
    first = receipt(lake)
    assert ending.code == 4
    assert (first["status"], first["files_with_findings"]) == ("PARTIAL", ["reports/note.txt"])
    note.unlink()
    assert shop.erase(lake, TWIN).code == 0
    again = receipt(lake)
    assert (again["status"], again["reference"]) == ("COMPLETE", first["reference"])


@pytest.mark.long
def test_a_file_that_cannot_be_read_makes_it_inconclusive(shop: Shop, erased: Erased) -> None:
    lake = shop.copy(erased.lake, "unreadable")
    (lake / "reports/log.gz").write_bytes(b"\x1f\x8bnothing")
    ending = shop.erase(lake, "person-other-3")
    assert ending.code == 4
    statuses = sorted(json.loads(f.read_text())["status"] for f in (lake / "receipts").glob("*.json"))
    assert statuses == ["COMPLETE", "INCONCLUSIVE"]
