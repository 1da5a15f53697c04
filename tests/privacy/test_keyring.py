"""A lake works only with the keys that it was written with; a lost key is never replaced silently."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
from pathlib import Path

import pytest

from lib.accountability.auditlog import audit_log
from lib.keys import KEY_BYTES
from lib.rights import suppression
from tests.e2e.lakes import content, records
from tests.privacy.conftest import ADA, Shop
from tests.privacy.test_rotation import own_keys

pytestmark = [pytest.mark.spark, pytest.mark.timeout(580)]

KEYS = ("pseudonym", "suppression", "audit")
JOBS = (
    "pipeline", "replay_quarantine", "rollback", "erase_subjects", "export_subject", "rectify_subject",
    "restrict_subject", "object_subject", "lift_suppression", "enforce_retention", "rotate_key", "breach_scope",
    "scan_residue",
)  # fmt: skip


def options(job: str, export: Path, folder: Path) -> list[str]:
    persons = folder / "persons.txt"
    persons.write_text(f"{ADA}\n", encoding="utf-8")
    corrections = folder / "corrections.jsonl"
    corrections.write_text(json.dumps({"user_id": ADA, "country": "Chad"}), encoding="utf-8")
    subjects = ["--subjects", str(persons)]
    return {
        "pipeline": ["--input", str(export)],
        "erase_subjects": [*subjects, "--grace", "0"],
        "enforce_retention": ["--grace", "0"],
        "rotate_key": ["--grace", "0"],
        "export_subject": [*subjects, "--out", str(folder / "exported")],
        "rectify_subject": ["--corrections", str(corrections)],
        "scan_residue": ["--values", str(persons)],
        "restrict_subject": subjects, "object_subject": subjects, "lift_suppression": subjects,
    }.get(job, [])  # fmt: skip


def secrets_of(own: Shop) -> Path:
    return own.deployment.with_name(f"secrets-{own.deployment.stem}")


def state(*folders: Path) -> dict[str, str]:
    """Every file with a hash of its content, except the lock."""
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file() and file.name != ".lock"]
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def another() -> str:
    return "ab" * KEY_BYTES + "\n"


@pytest.mark.parametrize("how", ["missing", "foreign", "empty"])
def test_without_the_key_no_job_does_anything(shop: Shop, before: Path, export: Path, tmp_path: Path, how: str) -> None:
    own, lake = own_keys(shop, before, f"key-{how}")
    key = secrets_of(own) / "pseudonym.key"
    key.unlink()
    if how != "missing":
        key.write_text(another() if how == "foreign" else "", encoding="ascii")
        key.chmod(0o600)
    was = state(lake, secrets_of(own))
    for job in JOBS:
        ending = own.job(job, lake, *options(job, export, tmp_path))
        assert ending.code == 2, (job, ending.err)
        assert str(key) in ending.last_line, job
        assert ending.err.count("\n") == 1, job
        assert ending.out == "", job
    assert state(lake, secrets_of(own)) == was
    assert not (tmp_path / "exported").exists()


@pytest.mark.parametrize("name", KEYS)
def test_each_key_is_the_lakes(shop: Shop, before: Path, name: str) -> None:
    own, lake = own_keys(shop, before, f"each-{name}")
    (secrets_of(own) / f"{name}.key").unlink()
    ending = own.job("replay_quarantine", lake)
    assert ending.code == 2
    assert f"was written with a key that is missing: {secrets_of(own)}/{name}.key." in ending.last_line
    assert "Restore the key from its backup." in ending.last_line
    assert not (secrets_of(own) / f"{name}.key").exists()


def test_the_audit_log_is_not_judged_by_a_foreign_key(shop: Shop, before: Path) -> None:
    own, lake = own_keys(shop, before, "audit-key")
    (secrets_of(own) / "audit.key").write_text(another(), encoding="ascii")
    ending = own.job("verify_audit_log", lake)
    assert (ending.code, "another key" in ending.last_line) == (2, True)


def test_a_fingerprint_says_nothing_of_its_key(shop: Shop, before: Path) -> None:
    stated = json.loads((before / "keys.json").read_text(encoding="utf-8"))
    assert set(stated) == set(KEYS)
    for name in KEYS:
        key = bytes.fromhex((shop.site.folder / f"secrets/{name}.key").read_text(encoding="ascii"))
        assert stated[name] not in (key.hex(), hashlib.sha256(key).hexdigest()[:32])
        assert len(stated[name]) == 32


def forget_the_base(lake: Path) -> None:
    """Bring the lake to the state of an earlier release."""
    shutil.rmtree(lake / "bases")
    document = json.loads((lake / "published.json").read_text(encoding="utf-8"))
    known = {name: stated for name, stated in document.items() if name not in ("base", "sha256")}
    (lake / "published.json").write_text(json.dumps(known), encoding="utf-8")


def test_an_older_lake_takes_a_key_that_gives_its_pseudonyms_and_no_other(shop: Shop, before: Path) -> None:
    own, lake = own_keys(shop, before, "older")
    stated = (lake / "keys.json").read_bytes()
    (lake / "keys.json").unlink()
    forget_the_base(lake)
    key = secrets_of(own) / "pseudonym.key"
    true = key.read_text(encoding="ascii")
    key.write_text(another(), encoding="ascii")
    ending = own.job("replay_quarantine", lake)
    assert (ending.code, "was written with another key" in ending.last_line) == (2, True)
    key.unlink()
    ending = own.job("replay_quarantine", lake)
    assert (ending.code, "a key that is missing" in ending.last_line) == (2, True)
    assert not (lake / "keys.json").exists()
    # The scan has no way to prove a key.
    (lake.parent / "values.txt").write_text(ADA, encoding="utf-8")
    assert own.job("scan_residue", lake, "--values", str(lake.parent / "values.txt")).code == 2

    key.write_text(true, encoding="ascii")
    key.chmod(0o600)
    assert own.job("replay_quarantine", lake).code == 0
    assert (lake / "keys.json").read_bytes() == stated


def test_a_new_key_comes_with_a_rebuild_and_says_what_is_lost(shop: Shop, before: Path) -> None:
    own, lake = own_keys(shop, before, "new-key")
    opened = own.open(lake)
    suppression.add(opened, ["0" * 64, "1" * 64], dt.date(2023, 8, 25))
    opened.base.advance()
    old = {row["user_key"] for row in records(lake, "silver/users")}
    for name in KEYS:
        (secrets_of(own) / f"{name}.key").unlink()
    assert own.job("pipeline", lake, "--rebuild").code == 2
    assert own.job("pipeline", lake, "--new-key").code == 2
    ending = own.job("pipeline", lake, "--rebuild", "--new-key")
    assert ending.code == 0, ending.err
    assert "2 erased persons are not kept out any more" in ending.last_line
    assert old & {row["user_key"] for row in records(lake, "silver/users")} == set()
    assert content(lake) == content(before)
    assert own.job("replay_quarantine", lake).code == 0
    entries = audit_log(str(lake), secrets_of(own)).entries()
    assert [(entry["event"], entry["counts"]) for entry in entries] == [("key_rotated", {"tokens_lost": 2})]


def test_a_log_under_a_lost_key_is_not_continued(shop: Shop, before: Path) -> None:
    own, lake = own_keys(shop, before, "lost-log")
    audit_log(str(lake), secrets_of(own)).append("export_done", "req-0123456789abcdef")
    (secrets_of(own) / "audit.key").unlink()
    ending = own.job("pipeline", lake, "--rebuild", "--new-key")
    assert (ending.code, "The audit log was written with another key" in ending.last_line) == (2, True)
    shutil.move(lake / "audit", lake.parent / "evidence")
    for head in secrets_of(own).glob("audit-*"):
        head.unlink()
    assert own.job("pipeline", lake, "--rebuild", "--new-key").code == 0
    assert own.job("verify_audit_log", lake).code == 0
