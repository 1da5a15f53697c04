"""Who is asked for comes by a file, and what a killed job must remember is kept apart and private."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest

from lib import requests
from lib.errors import UsageError
from lib.steps import Steps
from lib.subjects import pseudonym, read_ids

LAKE = "/data/lake"


def opened(number: int, lake: str = LAKE) -> requests.Open:
    return requests.Open(
        reference=f"req-{number:016x}", lake=lake, started_at=f"2026-01-0{number}", subjects=["u1"], salt="00"
    )


def test_ids_are_read_one_a_line_each_once(tmp_path: Path) -> None:
    file = tmp_path / "ids"
    file.write_text(" u1 \n\nu2\r\nu1\n", encoding="utf-8")
    assert read_ids(str(file)) == ("u1", "u2")


def test_ids_come_by_the_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("u3\nu4\n"))
    assert read_ids("-") == ("u3", "u4")


def test_a_file_that_names_nobody_or_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n \n", encoding="utf-8")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00u1")
    for name in ("empty", "binary", "missing"):
        with pytest.raises(UsageError) as caught:
            read_ids(str(tmp_path / name))
        assert "u1" not in str(caught.value)


def test_a_pseudonym_is_the_hmac_of_rfc_4231() -> None:
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert pseudonym("what do ya want for nothing?", b"Jefe") == expected


def test_an_open_request_is_found_again_by_its_lake_only(tmp_path: Path) -> None:
    for request in (opened(2), opened(1), opened(3, "/other/lake")):
        requests.save(tmp_path, request)
    assert [request.reference for request in requests.opened(tmp_path, LAKE)] == [
        "req-0000000000000001", "req-0000000000000002",
    ]  # fmt: skip
    requests.close(tmp_path, opened(1))
    assert [request.subjects for request in requests.opened(tmp_path, LAKE)] == [["u1"]]


def test_its_file_is_private_and_does_not_bear_a_name(tmp_path: Path) -> None:
    requests.save(tmp_path, opened(1))
    (file,) = (tmp_path / "requests").iterdir()
    assert file.stat().st_mode & 0o077 == 0
    assert "u1" not in file.name


def test_a_killed_save_does_not_stop_the_next(tmp_path: Path) -> None:
    requests.save(tmp_path, opened(1))
    (file,) = (tmp_path / "requests").iterdir()
    file.with_suffix(".new").write_text('{"half', encoding="utf-8")
    requests.save(tmp_path, opened(1))
    requests.close(tmp_path, opened(1))
    assert list((tmp_path / "requests").iterdir()) == []


def test_a_broken_request_is_said_without_its_content(tmp_path: Path) -> None:
    requests.save(tmp_path, opened(1))
    (file,) = (tmp_path / "requests").iterdir()
    file.write_text('{"subjects": ["u1"', encoding="utf-8")
    with pytest.raises(UsageError, match="cannot be read") as caught:
        requests.opened(tmp_path, LAKE)
    assert "u1" not in str(caught.value)


class Silent:
    """Steps that nobody hears of."""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        assert name.startswith("erasure: ")
        yield


def test_phases_are_gone_through_once_and_taken_up_where_a_job_was_killed(tmp_path: Path) -> None:
    said: list[str] = []

    def killed() -> None:
        raise KeyboardInterrupt

    steps = cast("Steps", Silent())
    first = {"suppress": lambda: said.append("suppress"), "delete": killed}
    with pytest.raises(KeyboardInterrupt):
        requests.go_through(tmp_path, opened(1), first, steps)
    (left,) = requests.opened(tmp_path, LAKE)
    assert left.done == ["suppress"]
    again = {"suppress": lambda: said.append("suppress"), "delete": lambda: said.append("delete")}
    requests.go_through(tmp_path, left, again, steps)
    assert said == ["suppress", "delete"]
    assert requests.opened(tmp_path, LAKE)[0].done == ["suppress", "delete"]
