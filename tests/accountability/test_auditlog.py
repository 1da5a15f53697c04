"""The audit log reveals every kind of tampering, and can hold no person's name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lib.accountability.auditlog import AuditLog, audit_log, new_reference
from lib.errors import AuditFailed, UsageError

REFERENCE = "req-0123456789abcdef"
KEY = bytes(range(32))


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    """A log of four entries."""
    found = AuditLog(tmp_path / "lake/audit/log.jsonl", tmp_path / "secrets/audit.head", KEY)
    for subjects in (1, 2, 3, 4):
        found.append("erasure_started", REFERENCE, {"subjects": subjects})
    return found


def lines(log: AuditLog) -> list[bytes]:
    return log.file.read_bytes().splitlines(keepends=True)


def test_what_was_appended_is_read_back(log: AuditLog) -> None:
    assert log.verify() == 4
    assert [entry["counts"]["subjects"] for entry in log.entries()] == [1, 2, 3, 4]
    assert {entry["reference"] for entry in log.entries()} == {REFERENCE}


def test_an_edited_entry_is_found(log: AuditLog) -> None:
    log.file.write_bytes(log.file.read_bytes().replace(b'"subjects": 2', b'"subjects": 9'))
    with pytest.raises(AuditFailed, match="Entry 2 of the audit log"):
        log.verify()


def test_a_byte_that_changes_no_value_is_found(log: AuditLog) -> None:
    log.file.write_bytes(log.file.read_bytes().replace(b'"number": 3', b'"number":  3'))
    with pytest.raises(AuditFailed, match="Entry 3 of the audit log"):
        log.verify()


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_deleted_entry_is_found(log: AuditLog, number: int) -> None:
    kept = lines(log)
    del kept[number]
    log.file.write_bytes(b"".join(kept))
    with pytest.raises(AuditFailed, match=f"Entry {number + 1} of the audit log"):
        log.verify()


def test_reordered_entries_are_found(log: AuditLog) -> None:
    first, second, *rest = lines(log)
    log.file.write_bytes(b"".join([second, first, *rest]))
    with pytest.raises(AuditFailed, match="Entry 1 of the audit log"):
        log.verify()


@pytest.mark.parametrize("kept", [0, 1, 3])
def test_a_cut_tail_is_found(log: AuditLog, kept: int) -> None:
    log.file.write_bytes(b"".join(lines(log)[:kept]))
    with pytest.raises(AuditFailed, match=f"ends after {kept} of 4 entries"):
        log.verify()


def test_half_an_entry_at_the_end_is_found(log: AuditLog) -> None:
    log.file.write_bytes(log.file.read_bytes()[:-20])
    with pytest.raises(AuditFailed, match=r"Entry 4 of the audit log .* is cut"):
        log.verify()


def test_an_older_head_does_not_hide_a_cut_tail(log: AuditLog) -> None:
    """Whoever has no key can put an old head back; two entries later it no longer fits the log."""
    old = log.head.read_bytes()
    log.append("export_done", REFERENCE)
    log.append("export_done", REFERENCE)
    log.head.write_bytes(old)
    with pytest.raises(AuditFailed, match="do not belong together"):
        log.verify()


def test_a_forged_head_is_found(log: AuditLog) -> None:
    log.file.write_bytes(b"".join(lines(log)[:2]))
    head = json.loads(log.head.read_bytes())
    log.head.write_text(json.dumps({**head, "count": 2}), encoding="utf-8")
    with pytest.raises(AuditFailed, match="was not written by this key"):
        log.verify()


def test_a_missing_head_or_log_is_found(log: AuditLog) -> None:
    text = log.head.read_bytes()
    log.head.unlink()
    with pytest.raises(AuditFailed, match=r"head .* is missing"):
        log.verify()
    log.head.write_bytes(text)
    log.file.unlink()
    with pytest.raises(AuditFailed, match="is missing"):
        log.verify()


def test_another_key_verifies_nothing(log: AuditLog) -> None:
    with pytest.raises(AuditFailed, match="was not written by this key"):
        AuditLog(log.file, log.head, bytes(32)).verify()


def test_an_entry_of_another_key_is_found(log: AuditLog, tmp_path: Path) -> None:
    forged = AuditLog(tmp_path / "forged.jsonl", tmp_path / "forged.head", bytes(32))
    forged.append("erasure_started", REFERENCE, {"subjects": 1})
    log.file.write_bytes(forged.file.read_bytes() + b"".join(lines(log)[1:]))
    with pytest.raises(AuditFailed, match="Entry 1 of the audit log"):
        log.verify()


@pytest.mark.parametrize("number", [0, 1, 3])
def test_an_entry_of_another_lake_with_the_same_key_is_found(log: AuditLog, tmp_path: Path, number: int) -> None:
    other = AuditLog(tmp_path / "other.jsonl", tmp_path / "other.head", KEY)
    for subjects in (5, 6, 7, 8):
        other.append("erasure_started", REFERENCE, {"subjects": subjects})
    mixed = lines(log)
    mixed[number] = lines(other)[number]
    log.file.write_bytes(b"".join(mixed))
    with pytest.raises(AuditFailed):
        log.verify()
    log.file.write_bytes(other.file.read_bytes())
    with pytest.raises(AuditFailed, match="do not belong together"):
        log.verify()


def test_nothing_is_appended_to_a_forged_log(log: AuditLog) -> None:
    log.file.write_bytes(b"".join(lines(log)[:2]))
    with pytest.raises(AuditFailed):
        log.append("export_done", REFERENCE)
    assert len(lines(log)) == 2


def test_an_append_that_was_killed_is_taken_up(log: AuditLog) -> None:
    """Killed while the line was written: half a line. Killed before the head: one entry more than the head says."""
    before = log.head.read_bytes()
    log.append("export_done", REFERENCE)
    log.head.write_bytes(before)
    assert log.verify() == 5
    with log.file.open("ab") as stream:
        stream.write(b'{"at": "20')
    log.append("export_done", REFERENCE)
    assert [entry["number"] for entry in log.entries()] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("event", "reference", "counts"),
    [
        ("erased user-17", REFERENCE, {}),
        ("erasure_started", "user-17", {}),
        ("erasure_started", REFERENCE, {"user-17": 1}),
        ("erasure_started", REFERENCE, {"subject": "user-17"}),
        ("erasure_started", f"{REFERENCE}\n", {}),
    ],
)
def test_an_identifier_has_no_place(log: AuditLog, event: str, reference: str, counts: dict[str, int]) -> None:
    with pytest.raises(UsageError) as caught:
        log.append(event, reference, counts)
    assert "user-17" not in str(caught.value)
    assert log.verify() == 4


def test_a_log_whose_beginning_was_killed_is_begun_again(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "lake/audit/log.jsonl", tmp_path / "secrets/audit.head", KEY)
    log.append("export_done", REFERENCE)
    empty = AuditLog(tmp_path / "other/audit/log.jsonl", tmp_path / "other.head", KEY)
    empty._begin()
    empty.file.unlink()
    empty.append("export_done", REFERENCE)
    assert empty.verify() == 1


def test_a_lake_without_a_log_has_no_entry(tmp_path: Path) -> None:
    log = audit_log(str(tmp_path / "lake"), tmp_path / "secrets")
    assert log.verify() == 0
    assert not log.file.exists()


def test_the_head_lies_with_the_secrets(tmp_path: Path) -> None:
    log = audit_log(str(tmp_path / "lake"), tmp_path / "secrets")
    log.append("export_done", new_reference())
    assert log.file == tmp_path / "lake/audit/log.jsonl"
    assert log.head.parent == tmp_path / "secrets"
    assert [log.file.stat().st_mode & 0o077, log.head.stat().st_mode & 0o077] == [0, 0]


def test_references_are_drawn_at_random() -> None:
    assert len({new_reference() for _ in range(1000)}) == 1000
