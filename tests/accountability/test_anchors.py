"""Older copies of the audit log and its head are found by each anchor alone: commits, receipts, the witness."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lib.accountability import anchors, auditlog
from lib.accountability.auditlog import AuditLog, audit_log
from lib.errors import AuditFailed, UsageError

REFERENCE = "req-0123456789abcdef"
AGAIN = "req-00000000000000aa"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A place with a lake, its secrets, and a folder for the witness."""
    for name in ("lake/ledger/batches/_delta_log", "lake/receipts", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def log_of(place: Path, *, witness: bool = False) -> AuditLog:
    return audit_log(str(place / "lake"), place / "secrets", place / "elsewhere/witness.jsonl" if witness else None)


def commit(place: Path, number: int, metadata: str | None) -> None:
    """As Delta writes one: the metadata of a commit is a text."""
    info = {"timestamp": 1, "operation": "WRITE", **({"userMetadata": metadata} if metadata is not None else {})}
    file = place / f"lake/ledger/batches/_delta_log/{number:020}.json"
    file.write_text(json.dumps({"commitInfo": info}) + '\n{"add":{"path":"p"}}\n', encoding="utf-8")


def anchored_in_commit(place: Path) -> None:
    stated = auditlog.anchor(str(place / "lake"), place / "secrets")
    commit(place, 7, json.dumps({"run_id": "r", "audit": stated}))


def anchored_in_receipt(place: Path) -> None:
    receipt = {"reference": REFERENCE, "status": "COMPLETE", "audit_log": log_of(place).anchor()}
    (place / f"lake/receipts/{REFERENCE}.json").write_text(json.dumps(receipt), encoding="utf-8")


def anchored_in_old_receipt(place: Path) -> None:
    """A receipt from before receipts had anchors: its request must still have entries."""
    (place / f"lake/receipts/{REFERENCE}.json").write_text('{"status": "COMPLETE"}', encoding="utf-8")


def anchored_before(place: Path) -> None:
    """The witness and the file beside the ledger: they recorded every entry when it was made."""


ANCHORS: dict[str, Callable[[Path], None]] = {
    "commit": anchored_in_commit,
    "receipt": anchored_in_receipt,
    "old receipt": anchored_in_old_receipt,
    "witness": anchored_before,
    "file": anchored_before,
}


def roll_back(place: Path, log: AuditLog) -> None:
    """Put both files back as they were before the last two entries."""
    shutil.copy(place / "old.jsonl", log.file)
    shutil.copy(place / "old.head", log.head)


def remove(place: Path, log: AuditLog) -> None:
    log.file.unlink()
    log.head.unlink()


@pytest.mark.parametrize("attack", [roll_back, remove])
@pytest.mark.parametrize("anchor", ANCHORS)
def test_each_anchor_alone_finds_a_log_that_was_rolled_back_or_removed(
    place: Path, anchor: str, attack: Callable[[Path, AuditLog], None]
) -> None:
    log = log_of(place, witness=anchor == "witness")
    log.append("export_done", AGAIN)
    shutil.copy(log.file, place / "old.jsonl")
    shutil.copy(log.head, place / "old.head")
    log.append("erasure_started", REFERENCE, {"subjects": 1})
    log.append("erasure_complete", REFERENCE, {"subjects": 1})
    ANCHORS[anchor](place)
    if anchor != "file":
        (place / "lake" / anchors.FILE).unlink()
    assert log.verify() == 3
    attack(place, log)
    before = sorted(path.name for path in place.rglob("*") if path.is_file())
    for use in (log.verify, log.entries, lambda: log.append("export_done", AGAIN)):
        with pytest.raises(AuditFailed):
            use()
    assert sorted(path.name for path in place.rglob("*") if path.is_file() and path.suffix != ".lock") == [
        name for name in before if not name.endswith(".lock")
    ]  # no log was begun again


@pytest.mark.parametrize("attack", [roll_back, remove])
def test_without_an_anchor_it_is_not_found(place: Path, attack: Callable[[Path, AuditLog], None]) -> None:
    """What the other tests show comes from the anchors alone."""
    log = log_of(place)
    log.append("export_done", AGAIN)
    shutil.copy(log.file, place / "old.jsonl")
    shutil.copy(log.head, place / "old.head")
    log.append("export_done", AGAIN)
    (place / "lake" / anchors.FILE).unlink()
    attack(place, log)
    assert log.verify() == (1 if attack is roll_back else 0)


def test_a_log_that_was_begun_again_to_the_same_length_is_found(place: Path) -> None:
    log = log_of(place)
    log.append("erasure_started", REFERENCE, {"subjects": 1})
    anchored_in_commit(place)
    stated = place / "lake/ledger"
    stated.rename(place / "ledger")
    remove(place, log)
    log.append("erasure_started", REFERENCE, {"subjects": 2})
    shutil.rmtree(stated)
    (place / "ledger").rename(stated)
    (stated.parent / anchors.FILE).unlink()
    with pytest.raises(AuditFailed, match="the table ledger/batches states 1, or different ones"):
        log.verify()


def test_a_log_may_be_ahead_of_its_anchors(place: Path) -> None:
    """A job that was killed between an entry and the next commit, receipt or line of the witness."""
    log = log_of(place, witness=True)
    log.append("erasure_started", REFERENCE, {"subjects": 1})
    anchored_in_commit(place)
    log_of(place).append("erasure_complete", REFERENCE, {"subjects": 1})
    assert log.verify() == 2
    log.append("export_done", AGAIN)
    assert log.verify() == 3


def test_a_lake_from_before_there_were_anchors_passes(place: Path) -> None:
    for number, metadata in enumerate((None, '{"run_id": "r"}', "no JSON", "[]", '"text"')):
        commit(place, number, metadata)
    assert log_of(place).verify() == 0
    log_of(place).append("export_done", AGAIN)
    assert log_of(place).verify() == 1


@pytest.mark.parametrize("stated", [{"entries": 9, "last": "0" * 64, "code": "0" * 64}, {"entries": 9}, ["x"], "x"])
def test_an_anchor_that_is_no_anchor_of_ours_is_found(place: Path, stated: object) -> None:
    log_of(place).append("export_done", AGAIN)
    commit(place, 1, json.dumps({"run_id": "r", "audit": stated}))
    with pytest.raises(AuditFailed, match="ledger/batches was not written with this key of the audit log"):
        log_of(place).verify()


def test_what_commits_state_next_is_not_less_than_what_they_stated(place: Path) -> None:
    """A run after a rollback does not know the entries that are gone, and may not let them be forgotten."""
    log = log_of(place)
    log.append("export_done", AGAIN)
    shutil.copy(log.file, place / "old.jsonl")
    shutil.copy(log.head, place / "old.head")
    log.append("export_done", AGAIN)
    anchored_in_commit(place)
    known = log.anchor()
    roll_back(place, log)
    assert auditlog.anchor(str(place / "lake"), place / "secrets") == known
    assert known["entries"] == 2


def test_the_newest_commits_are_asked(place: Path) -> None:
    """Old ones go with the retention of the log; other programs write commits without an anchor."""
    log_of(place).append("export_done", AGAIN)
    anchored_in_commit(place)
    commit(place, 8, None)
    assert [anchor.entries for anchor in anchors.of_commits(place / "lake")] == [1]


def test_an_anchor_holds_no_reference_and_no_event(place: Path) -> None:
    log = log_of(place, witness=True)
    log.append("erasure_started", REFERENCE, {"subjects": 1})
    stated = json.dumps(log.anchor()) + (place / "elsewhere/witness.jsonl").read_text(encoding="utf-8")
    assert REFERENCE not in stated
    assert "erasure" not in stated
    assert sorted(log.anchor()) == ["code", "entries", "last"]


def test_a_lake_without_a_log_states_nothing_and_makes_no_key(place: Path) -> None:
    assert auditlog.anchor(str(place / "lake"), place / "secrets") == {}
    assert not (place / "secrets").exists()


def test_an_emptied_file_is_no_proof_of_tampering(place: Path) -> None:
    log_of(place).append("erasure_started", REFERENCE, {"subjects": 1})
    (place / "lake" / anchors.FILE).write_bytes(b"")
    assert log_of(place).verify() == 1


def test_an_emptied_receipt_is_no_proof_of_tampering(place: Path) -> None:
    log_of(place).append("erasure_started", REFERENCE, {"subjects": 1})
    (place / f"lake/receipts/{REFERENCE}.json").touch()
    assert log_of(place).verify() == 1


def test_half_a_line_of_the_witness_is_passed_over(place: Path) -> None:
    log = log_of(place, witness=True)
    log.append("export_done", AGAIN)
    witness = place / "elsewhere/witness.jsonl"
    with witness.open("ab") as stream:
        stream.write(b'{"at": "20')
    assert log.verify() == 1
    log.append("export_done", AGAIN)
    assert log.verify() == 2
    witness.write_text("{}\n", encoding="utf-8")
    with pytest.raises(AuditFailed, match="Line 1 of the witness"):
        log.verify()


def test_a_witness_of_several_lakes_tells_them_apart(place: Path) -> None:
    log_of(place, witness=True).append("export_done", AGAIN)
    other = audit_log(str(place / "other"), place / "secrets", place / "elsewhere/witness.jsonl")
    assert other.verify() == 0
    other.append("export_done", AGAIN)
    other.append("export_done", AGAIN)
    assert (log_of(place, witness=True).verify(), other.verify()) == (1, 2)


def test_without_its_witness_nothing_is_entered(place: Path) -> None:
    shutil.rmtree(place / "elsewhere")
    with pytest.raises(UsageError, match=r"The witness .* cannot be written"):
        log_of(place, witness=True).append("export_done", AGAIN)
    assert log_of(place).verify() == 0


@pytest.mark.parametrize("folder", ["lake", "lake/audit", "secrets"])
def test_a_witness_lies_elsewhere(place: Path, folder: str) -> None:
    with pytest.raises(UsageError, match="is in the same place as the audit log or its head"):
        audit_log(str(place / "lake"), place / "secrets", place / folder / "witness.jsonl")
