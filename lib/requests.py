"""Open requests of data subjects: what a killed job needs to go on, kept with the secrets until the request is done.

The file of a request holds identifiers, since a later run must still know whom it is about. So it lies outside the
lake, readable by its owner only, and is removed with the last step.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lib import address
from lib.errors import UsageError
from lib.steps import Steps

FOLDER = "requests"


@dataclass
class Open:
    """A request under way.

    `kind` says what it is about: `erasure`, `retention` (the end of a period; `day` is its as-of date), `restriction`,
    `objection` or `rectification`; `lift` takes one of the last three back. `done` are the phases that are complete,
    `partial` says that a scan found something; `grace` is what running queries get, in seconds; `salt` makes keys that
    nobody can make again.
    """

    reference: str
    lake: str
    started_at: str
    subjects: list[str]
    salt: str
    kind: str = "erasure"
    unknown: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    traces: list[list[str]] = field(default_factory=list)
    anonymous_lines: int = 0
    done: list[str] = field(default_factory=list)
    day: str = ""
    lift: bool = False
    corrections: list[list[str | None]] = field(default_factory=list)
    partial: bool = False
    grace: float = 0


def opened(folder: Path, lake: str) -> list[Open]:
    """The requests of this lake that are not done, in the order of their beginning."""
    prints = address.digests(lake)
    found = [_read(file) for each in prints for file in sorted((folder / FOLDER).glob(f"{each}-*.json"))]
    return sorted(found, key=lambda request: request.started_at)


def go_through(folder: Path, request: Open, phases: Mapping[str, Callable[[], None]], steps: Steps) -> None:
    """Carry out the phases that are not done yet, each marked as done when it is: killed, it begins there again."""
    for phase, carry_out in phases.items():
        if phase not in request.done:
            with steps.step(f"{request.kind}: {phase}"):
                carry_out()
            request.done.append(phase)
            save(folder, request)


def save(folder: Path, request: Open) -> None:
    """Write the request's file in one step; it is on the disk when this returns."""
    file = _file(folder, request)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        json.dump(dataclasses.asdict(request), stream)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)


def close(folder: Path, request: Open) -> None:
    """Remove the request's file, and with it the last place that knows whom it was about."""
    file = _file(folder, request)
    for path in (file, file.with_suffix(".new")):
        path.unlink(missing_ok=True)


def _read(file: Path) -> Open:
    try:
        stated: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return Open(**stated)
    except (OSError, ValueError, TypeError):
        raise UsageError(f"The open request {file} cannot be read.", "Restore it, or remove it and ask anew.") from None


def _file(folder: Path, request: Open) -> Path:
    """The request's file, under an earlier spelling of the lake if it was begun so."""
    names = [f"{each}-{request.reference}.json" for each in address.digests(request.lake)]
    return folder / FOLDER / next((name for name in names if (folder / FOLDER / name).exists()), names[0])
