"""Numbers decide which publications may be shown again; if lost files leave it unclear, a rollback is refused."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import cast

import pytest

from lib.delta import publication
from lib.delta.pins import Pins
from lib.delta.publication import Publication
from lib.errors import LakehouseError, UsageError
from lib.storage import Storage

EMPTY, TORN = "", '{"at": "2026-'


class Files:
    """A lake's small files, in memory."""

    root = "/lake"

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def path(self, name: str) -> str:
        return f"{self.root}/{name}"

    def exists(self, name: str) -> bool:
        return any(known == name or known.startswith(f"{name}/") for known in self.texts)

    def names(self, folder: str) -> list[str]:
        return sorted(name.removeprefix(f"{folder}/") for name in self.texts if name.startswith(f"{folder}/"))

    def read(self, name: str) -> str | None:
        return self.texts.get(name)

    def write(self, name: str, text: str) -> None:
        self.texts[name] = text

    def remove(self, names: Iterable[str]) -> None:
        for name in names:
            self.texts.pop(name, None)


@pytest.fixture
def files() -> Files:
    return Files()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hours that the clock shows from now on, one after the other; then it stops at midnight."""
    hours: list[str] = []

    def ticking() -> Iterator[str]:
        while True:
            yield f"2026-01-01T{hours.pop(0) if hours else '00'}:00:00.000000Z"

    ticks = ticking()
    monkeypatch.setattr(publication, "now", lambda: next(ticks))
    return hours


def storage(files: Files) -> Storage:
    return cast("Storage", files)


def publish(files: Files, *runs: str) -> None:
    for run in runs:
        before = publication.newest(storage(files))
        wanted = Publication(run, publication.now(), "2023-08-26", {"mart/a": len(run)})
        placed = publication.placed(storage(files), wanted)
        base = before.base if before and before.base else Pins()
        publication.write(storage(files), placed, dataclasses.replace(base, number=base.number + 1))
        publication.keep(storage(files), placed)


def erase(files: Files, run: str) -> None:
    """Erase like the job."""
    publication.withdraw_earlier(storage(files))
    publish(files, run)
    files.write("receipts/req-1.json", "{}")


def roll_back(files: Files, run: str | None) -> None:
    present, target = publication.earlier(storage(files), run)
    before = publication.newest(storage(files))
    base = before.base if before and before.base else Pins()
    base = publication.rolled_back(storage(files), base, present, target)
    publication.write(storage(files), target, dataclasses.replace(base, number=base.number + 1))


def back(files: Files, run: str | None = None) -> str:
    roll_back(files, run)
    present = publication.current(storage(files))
    assert present is not None
    return present.run_id


def refused(files: Files, run: str | None = None) -> str:
    before = dict(files.texts)
    with pytest.raises(UsageError) as caught:
        roll_back(files, run)
    assert files.texts == before
    return str(caught.value)


def test_only_what_was_published_after_the_erasure_comes_back(files: Files, clock: list[str]) -> None:
    clock += ["01", "02", "03", "04", "05", "06"]
    publish(files, "a", "b")
    erase(files, "c")
    publish(files, "d")
    assert back(files) == "c"
    assert "older than the last erasure" in refused(files)
    assert "older than the last erasure" in refused(files, "a")
    assert back(files, "d") == "d"


@pytest.mark.parametrize("hours", [["10", "11", "03", "04"], ["10", "11", "11", "11"], ["10", "11", "11", "10"]])
def test_a_clock_that_was_set_back_opens_nothing(files: Files, clock: list[str], hours: list[str]) -> None:
    clock += hours
    publish(files, "a", "b")
    erase(files, "c")
    assert [("older than the last" in refused(files, run)) for run in ("a", "b", None)] == [True] * 3


def test_a_clock_that_was_ahead_closes_nothing(files: Files, clock: list[str]) -> None:
    clock += ["01", "23", "23"]
    publish(files, "a")
    erase(files, "b")
    clock += ["03", "04"]
    publish(files, "c", "d")
    assert back(files) == "c"
    assert back(files) == "b"


@pytest.mark.parametrize("left", [None, EMPTY, TORN, "[]", "{}", '{"at": 1}', "\0" * 40])
def test_without_the_file_every_rollback_is_refused_until_something_is_published(
    files: Files, clock: list[str], left: str | None
) -> None:
    clock += ["01", "02", "03", "04", "05", "06", "07", "08", "09"]
    publish(files, "a")
    erase(files, "b")
    publish(files, "c")
    files.texts.pop(publication.LAST_ERASURE)
    if left is not None:
        files.write(publication.LAST_ERASURE, left)
    assert ["nobody can say" in refused(files, run) for run in ("a", "b", None)] == [True] * 3
    publish(files, "d", "e")
    assert back(files) == "d"
    assert ["older than the last" in refused(files, run) for run in ("a", "b", "c")] == [True] * 3


def test_a_file_of_an_older_backup_opens_nothing(files: Files, clock: list[str]) -> None:
    clock += ["01", "02", "03", "04", "05", "06", "07"]
    publish(files, "a")
    erase(files, "b")
    old = files.texts[publication.LAST_ERASURE]
    erase(files, "c")
    files.write(publication.LAST_ERASURE, old)
    assert "older than the last erasure" in refused(files, "b")


def test_a_lake_without_requests_needs_no_such_file(files: Files, clock: list[str]) -> None:
    clock += ["01", "02"]
    publish(files, "a", "b")
    assert back(files) == "a"
    assert publication.LAST_ERASURE not in files.texts


@pytest.mark.parametrize("left", [EMPTY, TORN, None])
def test_what_lies_behind_a_lost_publication_is_not_taken_for_the_one_before(
    files: Files, clock: list[str], left: str | None
) -> None:
    clock += ["01", "02", "03"]
    publish(files, "a", "b", "c")
    files.texts.pop("publications/b.json")
    if left is not None:
        files.write("publications/b.json", left)
    assert refused(files) == (
        "A publication between run a and run c is lost from the lake's history. "
        "Name the wanted run: ./spark-submit.sh rollback --to a"
    )
    assert back(files, "a") == "a"
    publish(files, "d")
    assert json.loads(files.texts[publication.CURRENT])["number"] == 4


@pytest.mark.parametrize("left", [EMPTY, TORN, "{}", None])
def test_a_lost_pointer_and_a_lost_history_are_known_again_by_the_copies(
    files: Files, clock: list[str], left: str | None
) -> None:
    clock += ["01", "02"]
    publish(files, "a", "b")
    whole = dict(files.texts)
    for name in (publication.CURRENT, "publications/a.json", "publications/b.json"):
        files.texts.pop(name)
        if left is not None:
            files.write(name, left)
    found = publication.newest(storage(files))
    assert found is not None
    assert found.publication is not None
    assert found.publication.run_id == "b"
    publication.mend_history(storage(files))
    assert {**files.texts, publication.CURRENT: ""} == {**whole, publication.CURRENT: ""}


def test_a_byte_that_changed_is_noticed(files: Files, clock: list[str]) -> None:
    clock += ["01"]
    publish(files, "a")
    text = files.texts[publication.CURRENT]
    for at, letter in enumerate(text):
        other = chr(ord(letter) ^ 1)
        with suppress(LakehouseError):
            assert publication.parsed(text[:at] + other + text[at + 1 :]) == publication.parsed(text)


def test_what_an_earlier_release_has_published_and_withdrawn_stays_so(files: Files, clock: list[str]) -> None:
    old = [{"run_id": run, "published_at": f"2026-01-01T0{hour}:00:00.000000Z", "as_of": "2023-08-26", "tables": {}}
           for hour, run in ((1, "a"), (3, "b"), (4, "c"))]  # fmt: skip
    for each in old:
        files.write(f"publications/{each['run_id']}.json", json.dumps(each))
    files.write(publication.CURRENT, json.dumps(old[-1]))
    files.write(publication.LAST_ERASURE, json.dumps({"at": "2026-01-01T02:00:00.000000Z"}))
    files.write("receipts/req-1.json", "{}")
    assert back(files) == "b"
    assert "older than the last" in refused(files, "a")
    clock += ["05", "06"]
    erase(files, "d")
    assert ["older than the last" in refused(files, run) for run in ("a", "b", "c")] == [True] * 3


def test_readers_see_the_newest_whole_document(files: Files, clock: list[str]) -> None:
    """What a backup, a power cut or a stranger made of the pointer is not what is published."""
    clock += ["01", "02", "03"]
    publish(files, "a")
    older = files.texts["published.json"]
    publish(files, "b")
    for pointer in (older, "", files.texts["published.json"][:100], files.texts["published.json"].replace("b", "c", 1)):
        files.texts["published.json"] = pointer
        found = publication.current(storage(files))
        assert found is not None
        assert found.run_id == "b"
    del files.texts["published.json"]
    found = publication.current(storage(files))
    assert found is not None
    assert found.run_id == "b"


def test_without_any_whole_document_readers_are_told(files: Files, clock: list[str]) -> None:
    clock += ["01", "02"]
    assert publication.current(storage(files)) is None
    publish(files, "a")
    for name in files.texts:
        if name.startswith(("published", "bases")):
            files.texts[name] = "torn"
    with pytest.raises(LakehouseError, match="cannot be read"):
        publication.current(storage(files))
    del files.texts["published.json"]
    with pytest.raises(LakehouseError, match="cannot be read"):
        publication.current(storage(files))
