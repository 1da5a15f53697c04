"""Anchors of the audit log: other places state how far it had come, so that older copies of log and head are noticed.

Somebody can put back an older log together with its head, or remove both. Therefore other places state the number of
entries and the code of the last one: every commit of a table, every receipt of an erasure, and a file beside the ledger
that is written with each entry. If the deployment names a witness, a file in another place, each entry is added there
too. The log may be ahead of its anchors, never behind them.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib import drafts
from lib.errors import AuditFailed, UsageError

RECEIPTS = "receipts"
FILE = "ledger/audit_log.json"
FIELD = "audit"  # of a commit's metadata
RECEIPT_FIELD = "audit_log"
NEWEST_COMMITS = 3  # of a table that are read: the newest has the newest anchor, unless another program wrote it
COMMIT = "[0-9]*.json"


@dataclass(frozen=True)
class Anchor:
    """A statement that the log had `entries` entries and the last code `last`; `code`, if any, proves its writer."""

    place: str
    entries: int
    last: str
    code: str | None

    @property
    def content(self) -> dict[str, Any]:
        """The content that the code covers."""
        return {"entries": self.entries, "last": self.last}


def of_commits(lake: Path) -> Iterator[Anchor]:
    """The newest anchor of each table."""
    for folder in sorted(lake.glob("*/*/_delta_log")):
        for file in sorted(folder.glob(COMMIT), reverse=True)[:NEWEST_COMMITS]:
            stated = _metadata(file).get(FIELD)
            if stated:
                yield _anchor(f"the table {folder.parent.relative_to(lake)}", stated)
                break


def of_file(lake: Path) -> Iterator[Anchor]:
    """The anchor that was written with the last entry. A file that a power cut has emptied is ignored."""
    file = lake / FILE
    stated = _parsed(file.read_bytes()) if file.exists() else {}
    if stated:
        yield _anchor(f"the file {FILE}", stated)


def write_file(lake: Path, stated: Mapping[str, Any]) -> None:
    """State an anchor beside the ledger, in one step."""
    drafts.write(lake / FILE, json.dumps(stated).encode())


def of_receipts(lake: Path) -> Iterator[Anchor]:
    """The anchor of each receipt that has one."""
    for file in sorted((lake / RECEIPTS).glob("req-*.json")):
        stated = _parsed(file.read_bytes()).get(RECEIPT_FIELD)
        if stated:
            yield _anchor(f"the receipt {file.stem}", stated)


def references(lake: Path) -> list[str]:
    """The references of all receipts: each has entries in the log."""
    return sorted(file.stem for file in (lake / RECEIPTS).glob("req-*.json"))


def of_witness(witness: Path, log: str) -> Iterator[Anchor]:
    """The witness's anchors of the log of this name. Half a line of a killed append is ignored."""
    if not witness.exists():
        return
    *lines, _ = witness.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        stated = _parsed(line)
        if _is_half(line):
            continue
        if not {"log", "number", "code"} <= stated.keys():
            raise AuditFailed(f"Line {number} of the witness {witness} cannot be read.", "Keep the file as evidence.")
        if stated["log"] == log:
            yield Anchor(f"the witness {witness}", int(stated["number"]), str(stated["code"]), None)


def require_witness(witness: Path) -> None:
    """Raise `UsageError` if nothing can be added to the witness: then nothing may happen that it must record."""
    try:
        with witness.open("ab"):
            pass
    except OSError as error:
        raise UsageError(
            f"The witness {witness} of the audit log cannot be written ({type(error).__name__}).",
            "Check the setting audit_witness, and whether its disk is there; nothing has been written.",
        ) from None


def tell_witness(witness: Path, log: str, number: int, code: str) -> None:
    """Add an entry's number and code to the witness; they are on its disk when this returns."""
    at = f"{dt.datetime.now(dt.timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
    line = json.dumps({"log": log, "number": number, "code": code, "at": at}, sort_keys=True).encode() + b"\n"
    with witness.open("ab") as stream:  # only ever in this mode: the owner may allow no other one
        stream.write(line if _is_whole(witness) else b"\n" + line)
        stream.flush()
        os.fsync(stream.fileno())


def _is_half(line: bytes) -> bool:
    return not line.endswith(b"}")


def _is_whole(witness: Path) -> bool:
    content = witness.read_bytes()
    return not content or content.endswith(b"\n")


def _anchor(place: str, stated: object) -> Anchor:
    try:
        found = dict(stated)  # type: ignore[call-overload]  # any JSON value; one that is not a mapping raises
        return Anchor(place, int(found["entries"]), str(found["last"]), str(found["code"]))
    except (TypeError, ValueError, KeyError):
        return Anchor(place, 0, "", "")


def _metadata(commit: Path) -> Mapping[str, Any]:
    for line in commit.read_bytes().splitlines():
        if b'"commitInfo"' in line:
            text = _parsed(line).get("commitInfo", {}).get("userMetadata") or "{}"
            return _parsed(str(text).encode())
    return {}


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
