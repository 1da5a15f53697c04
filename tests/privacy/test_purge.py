"""The splitter's files are removed once the lake has published them, and no other files are."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from unittest import mock

import pytest

from lib.accountability.auditlog import audit_log
from lib.delta.lake import Lake
from lib.errors import InputRefused, UsageError
from lib.privacy import purge
from splitter.split import Order, split
from tests.e2e.lakes import Died
from tests.oracle.case import batch, row
from tests.postgres import PASSWORD, USER, Server, running_server


@dataclass(frozen=True)
class Batch:
    """The ledger's entry of a batch."""

    batch_id: str
    pending: bool = False


def lake(folder: Path, *known: Batch) -> Lake:
    """The lake as a purge uses it: its published batches, and the place of its audit log."""
    parts = {
        "ledger": SimpleNamespace(entries=lambda: list(known)),
        "tables": SimpleNamespace(root=str(folder / "lake")),
        "settings": SimpleNamespace(lake=str(folder / "lake"), secrets=folder / "secrets", audit_witness=None),
    }
    return cast("Lake", SimpleNamespace(**parts))


def written(folder: Path, database: str | None = None) -> Path:
    """The output of the splitter for a small export."""
    folder.mkdir(exist_ok=True)
    export = batch(folder / "export.csv", *(row(user=f"u{number}") for number in range(9))).path
    split(Order(export, folder / "split", database=database))
    return folder / "split"


def loaded(split_: Path, *, pending: bool = False) -> Batch:
    digests = [part["sha256"] for part in json.loads((split_ / "manifest.json").read_text())["parts"]]
    return Batch(sha256("\n".join(digests).encode()).hexdigest()[:32], pending)


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def recorded(folder: Path) -> list[tuple[str, dict[str, int]]]:
    entries = audit_log(str(folder / "lake"), folder / "secrets").entries()
    return [(entry["event"], entry["counts"]) for entry in entries]


ALL = ["manifest.json", "part.csv", "part.jsonl", "part.sqlite"]


def test_what_is_published_goes_and_what_lies_beside_it_stays(tmp_path: Path) -> None:
    folder = written(tmp_path)
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    own = lake(tmp_path, loaded(folder))
    assert purge.preview(own, [folder]) == ["The parts of 1 of 1 manifests would be removed."]
    assert names(folder) == sorted([*ALL, "notes.txt"])
    assert purge.purge(own, [folder / "manifest.json"]) == ["3 parts of 1 manifests removed."]
    assert names(folder) == ["notes.txt"]
    assert (tmp_path / "export.csv").exists()
    assert recorded(tmp_path) == [("inputs_purged", {"manifests": 1, "parts": 3})]


@pytest.mark.parametrize("state", ["unknown", "pending"])
def test_what_is_not_published_stays(tmp_path: Path, state: str) -> None:
    folder = written(tmp_path)
    known = [] if state == "unknown" else [loaded(folder, pending=True)]
    (said,) = purge.purge(lake(tmp_path, *known), [folder])
    assert said == "0 parts of 0 manifests removed. 1 manifests are kept, since this lake has not published them."
    assert names(folder) == ALL


def test_a_part_that_is_another_file_now_stays_with_all_others(tmp_path: Path) -> None:
    folder = written(tmp_path)
    own = lake(tmp_path, loaded(folder))
    (folder / "part.sqlite").write_bytes(b"something else")
    with pytest.raises(InputRefused, match="does not match its manifest"):
        purge.purge(own, [folder])
    assert names(folder) == ALL


def test_nothing_goes_if_one_of_several_is_refused(tmp_path: Path) -> None:
    first, second = written(tmp_path / "a"), written(tmp_path / "b")
    (second / "part.csv").write_bytes(b"something else")
    with pytest.raises(InputRefused, match="does not match its manifest"):
        purge.purge(lake(tmp_path, loaded(first)), [first, second])
    assert (names(first), names(second)) == (ALL, ALL)
    assert recorded(tmp_path) == []


def test_a_purge_that_dies_at_its_first_file_is_on_record(tmp_path: Path) -> None:
    folder = written(tmp_path)
    with mock.patch.object(purge, "_remove", side_effect=Died), pytest.raises(Died):
        purge.purge(lake(tmp_path, loaded(folder)), [folder])
    assert recorded(tmp_path) == [("inputs_purged", {"manifests": 1, "parts": 3})]


def test_a_manifest_that_points_elsewhere_is_refused(tmp_path: Path) -> None:
    folder = written(tmp_path)
    own = lake(tmp_path, loaded(folder))
    other = tmp_path / "part.csv"
    (folder / "part.csv").rename(other)
    (folder / "part.csv").symlink_to(other)
    with pytest.raises(InputRefused):
        purge.purge(own, [folder])
    assert other.exists()


def test_a_killed_purge_is_taken_up(tmp_path: Path) -> None:
    folder = written(tmp_path)
    own = lake(tmp_path, loaded(folder))
    (folder / "part.csv").unlink()
    assert purge.purge(own, [folder]) == ["3 parts of 1 manifests removed."]
    assert names(folder) == []


@pytest.mark.parametrize("content", [None, "no json", "[]", '{"format": "other"}'])
def test_what_is_no_manifest_is_refused(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "manifest.json"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match="is not a manifest of the splitter"):
        purge.purge(lake(tmp_path), [tmp_path])


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with running_server() as server:
        yield server


@pytest.fixture
def database(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"purge_{uuid.uuid4().hex}"
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    monkeypatch.setenv("PGUSER", USER)
    with postgres.connect() as connection:
        connection.execute(f'create database "{name}"')
    return name


def tables(postgres: Server, database: str) -> list[str]:
    with postgres.connect(database) as connection:
        found = connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
    return sorted(each[0] for each in found)


def test_a_table_of_the_splitter_is_dropped(tmp_path: Path, postgres: Server, database: str) -> None:
    folder = written(tmp_path, postgres.url(database))
    with postgres.connect(database) as connection:
        connection.execute("create table other (id text)")
    assert purge.purge(lake(tmp_path, loaded(folder)), [folder]) == ["3 parts of 1 manifests removed."]
    assert (tables(postgres, database), names(folder)) == (["other"], [])


def test_a_table_of_somebody_else_is_not(tmp_path: Path, postgres: Server, database: str) -> None:
    folder = written(tmp_path, postgres.url(database))
    with postgres.connect(database) as connection:
        connection.execute("comment on table part is 'accounts'")
    with pytest.raises(InputRefused, match="is not the splitter's"):
        purge.purge(lake(tmp_path, loaded(folder)), [folder])
    assert (tables(postgres, database), names(folder)) == (["part"], ["manifest.json", "part.csv", "part.jsonl"])
