"""Drafts of dead jobs are removed, those of living jobs stay: a lock decides, not a name or a process number."""

from __future__ import annotations

from pathlib import Path

from lib import address, keys
from lib.drafts import own_draft
from lib.pipeline import leftovers
from lib.serving.accounts import write_private


def test_an_export_that_was_killed_goes_with_the_next_and_one_under_way_stays(tmp_path: Path) -> None:
    dead = tmp_path / ".req-dead"
    dead.mkdir()
    (dead / "export.json").write_text("a person", encoding="utf-8")
    with own_draft(tmp_path, ".req-first") as first:
        (first / "export.json").touch()
        with own_draft(tmp_path, ".req-second") as second:
            assert sorted(tmp_path.iterdir()) == [first, second]
            second.rename(tmp_path / "req-second")
    assert [path.name for path in tmp_path.iterdir()] == ["req-second"]


def test_a_key_is_made_where_a_killed_job_left_half_of_one(tmp_path: Path) -> None:
    (tmp_path / "pseudonym.key.new").write_text("00", encoding="ascii")
    key = keys.secret_key(tmp_path, "pseudonym")
    assert keys.secret_key(tmp_path, "pseudonym") == key
    assert [path.name for path in tmp_path.iterdir()] == ["pseudonym.key"]


def test_a_users_file_is_written_where_a_killed_job_left_half_of_one(tmp_path: Path) -> None:
    (tmp_path / "users.new").write_text("half", encoding="ascii")
    write_private(tmp_path / "users", "whole")
    assert [(path.name, path.read_text(encoding="utf-8")) for path in tmp_path.iterdir()] == [("users", "whole")]


def test_only_drafts_go_and_only_those_of_this_lake(tmp_path: Path) -> None:
    lake, secrets = tmp_path / "lake", tmp_path / "secrets"
    own, other = (address.digests(str(place))[0] for place in (lake, tmp_path / "other"))
    drafts = [
        lake / ".published.json.1-2.tmp",
        lake / "publications/.run.json.1-2.tmp",
        lake / "publications/..run.json.1-2.tmp.crc",
        lake / "gold/dim_user/_delta_log/.00.json.1-2.tmp",
        lake / "ledger/audit.new",
        secrets / f"requests/{own}-erasure-req-1.new",
        secrets / "pseudonym.key.new",
    ]
    kept = [
        lake / "published.json",
        lake / ".published.json.crc",
        lake / "gold/dim_user/_delta_log/00.json",
        lake / "gold/dim_user/part-0.parquet",
        secrets / f"requests/{own}-erasure-req-1.json",
        secrets / f"requests/{other}-erasure-req-2.new",
        secrets / "pseudonym.key",
        secrets / "pseudonym-new.key",
    ]
    for file in drafts + kept:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    leftovers.remove(str(lake), secrets)
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(kept)
