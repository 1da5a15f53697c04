"""Open requests of data subjects: what a killed job needs to go on, kept with the secrets until the request is done.

The file of a request holds identifiers, since a later run must still know whom it is about. So it lies outside the
lake, readable by its owner only, and is removed with the last step. It stands there twice, each copy with its checksum:
a power cut may leave a file empty or torn.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lib import address, drafts, keys
from lib.accountability import auditlog
from lib.errors import UsageError
from lib.progress import Steps

PLACES = ("requests", "requests-copy")  # apart, so that what befalls one folder leaves the other
# The kinds of requests that a job takes up anew, whatever of them is lost, and how.
AGAIN = {
    "erasure": "erase_subjects again with the same persons",
    "retention": "enforce_retention again",
}  # fmt: skip


@dataclass
class SubjectRequest:
    """A request under way.

    `kind` says what it is about: `erasure`, `retention` (the end of a period; `day` is its as-of date), `restriction`,
    `objection` or `rectification`; `lift` takes one of the last three back. `done` are the phases that are complete,
    `partial` says that a scan found something; `grace` is what running queries get, in seconds; `salt` makes keys that
    nobody can make again. `absent` are the subjects, by number, of whom nothing but computed tables held a row.
    """

    reference: str
    lake: str
    started_at: str
    subjects: list[str]
    salt: str
    kind: str = "erasure"
    unknown: int = 0
    absent: list[int] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    traces: list[list[str]] = field(default_factory=list)
    anonymous_lines: int = 0
    done: list[str] = field(default_factory=list)
    day: str = ""
    lift: bool = False
    corrections: list[list[str | None]] = field(default_factory=list)
    partial: bool = False
    grace: float = 0

    @classmethod
    def new(
        cls, kind: str, lake: str, subjects: Sequence[str], at: str, rows: Mapping[str, int] | None = None
    ) -> SubjectRequest:
        """A request that is not begun yet, about known persons; `rows` is how many of theirs each table holds."""
        return cls(
            reference=auditlog.new_reference(),
            lake=lake,
            started_at=at,
            subjects=list(subjects),
            salt=secrets.token_hex(keys.KEY_BYTES),
            kind=kind,
            rows=dict(rows or {}),
        )


@dataclass(frozen=True)
class Lost:
    """A request of which no copy can be read: its kind, as the names of its files tell, and these files."""

    kind: str
    files: tuple[Path, ...]

    def __str__(self) -> str:
        return f"The open request {self.files[0]} cannot be read, nor its copy."

    @property
    def remedy(self) -> str:
        """What leads to the same end as the request would have."""
        if self.kind in AGAIN:
            return f"Run {AGAIN[self.kind]}: what the lost request had begun is undone or completed, and nothing twice."
        return f"Remove {' and '.join(map(str, self.files))}, run the pipeline with --rebuild, and ask anew."


def opened(folder: Path, lake: str) -> list[SubjectRequest]:
    """The requests of this lake that are not done, in the order of their beginning.

    Raises `UsageError` if one of them cannot be read.
    """
    found, lost = surveyed(folder, lake)
    for each in lost:
        raise UsageError(str(each), each.remedy)
    return found


def surveyed(folder: Path, lake: str) -> tuple[list[SubjectRequest], list[Lost]]:
    """The requests of this lake that are not done, in the order of their beginning, and those that are lost."""
    prints = address.digests(lake)
    names = {file.name for place in PLACES for one in prints for file in (folder / place).glob(f"{one}-*.json")}
    # By reference: a request may stand under today's name and under an earlier one.
    found: dict[str, SubjectRequest] = {}
    lost = []
    for name in sorted(names):
        files = tuple(folder / place / name for place in PLACES)
        copies = [request for file in files if (request := _read(file))]
        for request in copies:
            found[request.reference] = max(found.get(request.reference, request), request, key=lambda it: len(it.done))
        if not copies:
            lost.append(Lost(_kind(name), tuple(file for file in files if file.exists())))
    return sorted(found.values(), key=lambda request: request.started_at), lost


def go_through(
    folder: Path,
    request: SubjectRequest,
    phases: Mapping[str, Callable[[], None]],
    steps: Steps,
    *,
    lasting: Callable[[], None],
) -> None:
    """Carry out the phases that are not done yet, each marked as done when it is: killed, it begins there again.

    `lasting` makes what a phase wrote part of the lake, which it must be before anybody relies on it.
    """
    for phase, carry_out in phases.items():
        if phase not in request.done:
            with steps.step(f"{request.kind}: {phase}"):
                carry_out()
                lasting()
            request.done.append(phase)
            save(folder, request)


def save(folder: Path, request: SubjectRequest) -> None:
    """Write the request's file and its copy, each in one step; both are on the disk when this returns."""
    stated = dataclasses.asdict(request)
    text = json.dumps({"request": stated, "sha256": _digest(stated)})
    for place in PLACES:
        drafts.write(folder / place / _name(request), text.encode())


def close(folder: Path, request: SubjectRequest) -> None:
    """Remove the request's file and its copy, and with them the last place that knows whom it was about."""
    earlier = [folder / PLACES[0] / name for name in _earlier_names(request)]
    forget([*(folder / place / _name(request) for place in PLACES), *earlier])


def forget(files: Iterable[Path]) -> None:
    """Remove files of requests, and what a killed `save` left of them."""
    for file in files:
        for path in (file, drafts.of(file)):
            path.unlink(missing_ok=True)
        if file.parent.exists():
            drafts.sync(file.parent)


def _read(file: Path) -> SubjectRequest | None:
    """The request that a file states; None if a power cut, or anybody, has left it otherwise than it was written."""
    try:
        document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if "request" not in document:
            return SubjectRequest(**document)  # as an earlier release wrote it
        stated = document["request"]
        return SubjectRequest(**stated) if document["sha256"] == _digest(stated) else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _digest(stated: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(stated, sort_keys=True).encode()).hexdigest()


def _name(request: SubjectRequest) -> str:
    """Says the kind, so that it is known even of a file that has lost its content."""
    return f"{address.digests(request.lake)[0]}-{request.kind}-{request.reference}.json"


def _earlier_names(request: SubjectRequest) -> list[str]:
    """How earlier releases named it: without its kind, after whatever spelling of the lake it was begun under."""
    return [f"{one}-{request.reference}.json" for one in address.digests(request.lake)]


def _kind(name: str) -> str:
    return name.split("-")[1]
