"""The data that a killed job needs are stored separately, privately and twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from lib.accountability import subject_requests
from lib.delta.lake import Lake
from lib.errors import UsageError
from lib.keys import pseudonym
from lib.privacy import resumption
from lib.progress import Steps

LAKE = "/data/lake"


def opened(number: int, lake: str = LAKE) -> subject_requests.SubjectRequest:
    return subject_requests.SubjectRequest(
        reference=f"req-{number:016x}", lake=lake, started_at=f"2026-01-0{number}", subjects=["u1"], salt="00"
    )


def test_a_pseudonym_is_the_hmac_of_rfc_4231() -> None:
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert pseudonym("what do ya want for nothing?", b"Jefe") == expected


def test_an_open_request_is_found_again_by_its_lake_only(tmp_path: Path) -> None:
    for request in (opened(2), opened(1), opened(3, "/other/lake")):
        subject_requests.save(tmp_path, request)
    assert [request.reference for request in subject_requests.opened(tmp_path, LAKE)] == [
        "req-0000000000000001", "req-0000000000000002",
    ]  # fmt: skip
    subject_requests.close(tmp_path, opened(1))
    assert [request.subjects for request in subject_requests.opened(tmp_path, LAKE)] == [["u1"]]


def test_its_file_is_private_and_does_not_bear_a_name(tmp_path: Path) -> None:
    subject_requests.save(tmp_path, opened(1))
    (file,) = (tmp_path / "requests").iterdir()
    assert file.stat().st_mode & 0o077 == 0
    assert "u1" not in file.name


def test_a_killed_save_does_not_stop_the_next(tmp_path: Path) -> None:
    subject_requests.save(tmp_path, opened(1))
    (file,) = (tmp_path / "requests").iterdir()
    file.with_name(f"{file.name}.new").write_text('{"half', encoding="utf-8")
    subject_requests.save(tmp_path, opened(1))
    subject_requests.close(tmp_path, opened(1))
    assert list((tmp_path / "requests").iterdir()) == []


@pytest.mark.parametrize("left", [b"", b"\0" * 300, b'{"request": {"subjects": ["u1"'])
@pytest.mark.parametrize("place", subject_requests.PLACES)
def test_one_copy_is_enough(tmp_path: Path, place: str, left: bytes) -> None:
    subject_requests.save(tmp_path, opened(1))
    (file,) = (tmp_path / place).iterdir()
    file.write_bytes(left)
    assert subject_requests.opened(tmp_path, LAKE) == [opened(1)]


def test_a_copy_that_was_altered_is_none(tmp_path: Path) -> None:
    subject_requests.save(tmp_path, opened(1))
    for place in subject_requests.PLACES:
        (file,) = (tmp_path / place).iterdir()
        file.write_text(file.read_text(encoding="utf-8").replace('"u1"', '"u2"'), encoding="utf-8")
    assert subject_requests.surveyed(tmp_path, LAKE)[0] == []


def test_of_two_copies_the_later_counts(tmp_path: Path) -> None:
    early, late = opened(1), opened(1)
    late.done.append("suppress")
    subject_requests.save(tmp_path, late)
    (kept,) = (tmp_path / "requests").iterdir()
    text = kept.read_bytes()
    subject_requests.save(tmp_path, early)
    kept.write_bytes(text)
    assert subject_requests.opened(tmp_path, LAKE) == [late]


@pytest.mark.parametrize(
    ("kind", "remedy"),
    [
        ("erasure", "Run erase_subjects again with the same persons"),
        ("retention", "Run enforce_retention again"),
        ("restriction", "run the pipeline with --rebuild, and make the request again"),
    ],
)
def test_a_lost_request_is_said_without_its_content_and_with_what_to_do(tmp_path: Path, kind: str, remedy: str) -> None:
    request = opened(1)
    request.kind = kind
    subject_requests.save(tmp_path, request)
    for place in subject_requests.PLACES:
        (file,) = (tmp_path / place).iterdir()
        file.write_text('{"subjects": ["u1"', encoding="utf-8")
    with pytest.raises(UsageError, match="and its copy cannot be read") as caught:
        subject_requests.opened(tmp_path, LAKE)
    assert remedy in caught.value.remedy
    assert "u1" not in str(caught.value)


class Silent:
    """Steps that show nothing."""

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
        subject_requests.go_through(tmp_path, opened(1), first, steps, lasting=lambda: said.append("lasting"))
    (left,) = subject_requests.opened(tmp_path, LAKE)
    assert left.done == ["suppress"]
    again = {"suppress": lambda: said.append("suppress"), "delete": lambda: said.append("delete")}
    subject_requests.go_through(tmp_path, left, again, steps, lasting=lambda: said.append("lasting"))
    assert said == ["suppress", "lasting", "delete", "lasting"]
    assert subject_requests.opened(tmp_path, LAKE)[0].done == ["suppress", "delete"]


@pytest.mark.parametrize(("done", "refused"), [(False, True), (True, False)])
def test_while_a_person_is_half_erased_nothing_is_rolled_back(tmp_path: Path, *, done: bool, refused: bool) -> None:
    request = opened(1)
    request.partial = done  # all phases are through, and somebody has to look at what the scan has found
    subject_requests.save(tmp_path, request)
    lake = cast("Lake", SimpleNamespace(settings=SimpleNamespace(secrets=tmp_path), tables=SimpleNamespace(root=LAKE)))
    with pytest.raises(UsageError, match="is not done yet") if refused else nullcontext():
        resumption.require_none(lake)
