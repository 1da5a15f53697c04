"""Open requests of data subjects: they let a killed job go on, and are kept with the secrets until they are done.

The file of a request holds identifiers, because a later run must still know the persons. So it is outside the lake,
only its owner can read it, and the last step removes it. There are two copies, each with its checksum: a power cut may
leave a file empty or torn.
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

PLACES = ("requests", "requests-copy")  # two folders, so that damage to one spares the other
# The kinds of requests that a job can begin again even if their files are lost, and how.
AGAIN = {
    "erasure": "erase_subjects again with the same persons",
    "retention": "enforce_retention again",
}  # fmt: skip


@dataclass
class SubjectRequest:
    """An open request.

    `kind` is `erasure`, `retention` (the end of a period; `day` is its as-of date), `restriction`, `objection` or
    `rectification`; `lift` takes one of the last three back. `done` are the completed phases. `partial` means that a
    scan found something. `grace` is the time for running queries, in seconds. `salt` makes keys that nobody can make
    again. `absent` are the subjects, by number, who have rows only in computed tables. With `everybody`, gold is
    computed again for all persons: a lost request may have left rows there of persons whom nobody can name any more.
    With `reopens`, all rows of the batches that name the subjects are judged again.
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
    everybody: bool = True
    reopens: bool = True
    grace: float = 0

    @classmethod
    def new(
        cls, kind: str, lake: str, subjects: Sequence[str], at: str, rows: Mapping[str, int] | None = None
    ) -> SubjectRequest:
        """A request that is not begun yet, about known persons; `rows` is the number of their rows by table."""
        return cls(
            reference=auditlog.new_reference(),
            lake=lake,
            started_at=at,
            subjects=list(subjects),
            salt=secrets.token_hex(keys.KEY_BYTES),
            kind=kind,
            everybody=False,
            rows=dict(rows or {}),
        )


@dataclass(frozen=True)
class Lost:
    """A request without a readable copy: its kind, from the names of its files, and these files."""

    kind: str
    files: tuple[Path, ...]

    def __str__(self) -> str:
        return f"The open request {self.files[0]} and its copy cannot be read."

    @property
    def remedy(self) -> str:
        """The action that gives the same result as the request would have."""
        if self.kind in AGAIN:
            return f"Run {AGAIN[self.kind]}: it undoes or completes the lost request, and does nothing twice."
        return (
            f"Remove {' and '.join(map(str, self.files))}, run the pipeline with --rebuild, and make the request again."
        )


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
    # By reference: a request may have files under today's name and under an earlier one.
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
    """Carry out the open phases, and mark each as done when it is complete: after a kill, work goes on from there.

    `lasting` makes the writes of a phase part of the lake; this must happen before anything relies on them.
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
    """Remove the request's file and its copy: the last places that know its persons."""
    earlier = [folder / PLACES[0] / name for name in _earlier_names(request)]
    forget([*(folder / place / _name(request) for place in PLACES), *earlier])


def forget(files: Iterable[Path]) -> None:
    """Remove files of requests, and the remains of a killed `save`."""
    for file in files:
        for path in (file, drafts.of(file)):
            path.unlink(missing_ok=True)
        if file.parent.exists():
            drafts.sync(file.parent)


def _read(file: Path) -> SubjectRequest | None:
    """The request in a file; None if a power cut or a person has changed the file."""
    try:
        document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if "request" not in document:
            return SubjectRequest(**document)  # written by an earlier release
        stated = document["request"]
        return SubjectRequest(**stated) if document["sha256"] == _digest(stated) else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _digest(stated: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(stated, sort_keys=True).encode()).hexdigest()


def _name(request: SubjectRequest) -> str:
    """The name holds the kind, so that it is known even if the file has lost its content."""
    return f"{address.digests(request.lake)[0]}-{request.kind}-{request.reference}.json"


def _earlier_names(request: SubjectRequest) -> list[str]:
    """Its names in earlier releases: without its kind, after the spelling of the lake at that time."""
    return [f"{one}-{request.reference}.json" for one in address.digests(request.lake)]


def _kind(name: str) -> str:
    return name.split("-")[1]
