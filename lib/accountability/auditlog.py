"""The audit log: every action on personal data, with time and result; append-only and tamper-evident.

One line of JSON per event. Each entry carries its number, the code of the entry before it, and its own code: an
HMAC-SHA-256 over the rest under the log's own key. So an entry that is edited, removed or moved breaks the chain. A cut
tail leaves a sound chain; therefore a head file also holds the number of entries and the last code, keyed too. It is in
the secrets' folder, not beside the log. Log and head may be rolled back or removed together; therefore anchors in other
places state how far the log had come (`lib.accountability.anchors`).

An entry can name nobody: it holds an event of a fixed list, a random reference, and counts.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib import address, drafts
from lib.accountability import anchors
from lib.accountability.anchors import Anchor
from lib.errors import AuditFailed, UsageError
from lib.keys import EARLIER_AUDIT, FINGERPRINTS, secret_key
from lib.settings import Settings

AUDIT_KEY = "audit"
EVENTS = (
    "erasure_started", "erasure_complete", "erasure_partial", "erasure_inconclusive", "export_done",
    "retention_started", "retention_complete", "retention_partial", "retention_inconclusive",
    "restriction_done", "restriction_lifted", "objection_done", "objection_lifted",
    "rectification_done", "rectification_lifted", "inputs_purged", "key_rotated", "suppression_lifted",
)  # fmt: skip
REFERENCE = re.compile(r"req-[0-9a-f]{16}\Z")
COUNT = re.compile(r"[a-z_]{1,40}\Z")
NOTHING_BEFORE = "0" * 64
RESTORE = "Keep the file as evidence, and compare it with your backup of the log."


@dataclass(frozen=True)
class AuditLog:
    """The log of one lake. `head` says how long it is; `key` makes and checks the codes.

    `lake` is the folder whose commits and receipts hold anchors, None if it is not on this machine. `witness` is a file
    elsewhere that also records every entry; it may know the log under any of `names`. With `renewed` a new log was
    begun after the key was lost: anchors by another key belong to the old log.
    """

    file: Path
    head: Path
    key: bytes
    lake: Path | None = None
    witness: Path | None = None
    names: tuple[str, ...] = ()
    renewed: bool = False

    def append(self, event: str, reference: str, counts: Mapping[str, int] | None = None) -> None:
        """Add an entry; it is on the disk when this returns.

        Raises `AuditFailed` if the log does not match its head, so that nothing is added to a forged log.
        """
        _require_nameless(event, reference, counts or {})
        if self.witness:
            anchors.require_witness(self.witness)
        with self._locked():
            entries = self._verified()
            entry = self._entry(entries, event, reference, counts or {})
            with self.file.open("r+b") as stream:
                # Text after the last complete line comes from a killed append and was never acknowledged.
                stream.truncate(sum(len(_line(known)) for known in entries))
                stream.seek(0, os.SEEK_END)
                stream.write(_line(entry))
                stream.flush()
                os.fsync(stream.fileno())
            self._write_head(len(entries) + 1, entry["code"])
            if self.lake:
                anchors.write_file(self.lake, self._stated([*entries, entry]))
            if self.witness:
                anchors.tell_witness(self.witness, self.head.stem, len(entries) + 1, entry["code"])

    def append_once(self, event: str, reference: str, counts: Mapping[str, int] | None = None) -> None:
        """Add an entry unless it is there: a step that is repeated after a kill records its event once."""
        if not any(entry["event"] == event and entry["reference"] == reference for entry in self.entries()):
            self.append(event, reference, counts)

    def verify(self) -> int:
        """The number of entries, if all of them are unchanged.

        Raises `AuditFailed` that says where the log was edited, cut, shortened or reordered, or which anchor shows that
        it was rolled back or removed.
        """
        return len(self.entries())

    def require_ready(self) -> None:
        """Raise like `verify`, and `UsageError` if the witness cannot be written: then nothing may begin."""
        if self.witness:
            anchors.require_witness(self.witness)
        self.verify()

    def entries(self) -> list[dict[str, Any]]:
        """The entries of the log, after it has been verified."""
        if not self.file.exists() and not self.head.exists():
            self._require_as_anchored([])
            return []
        with self._locked():
            return self._verified()

    def anchor(self) -> dict[str, Any]:
        """The statement about the log for a commit or a receipt; empty if there is no entry yet.

        For a log that fails the check it is the newest existing anchor, so that no knowledge is lost.
        """
        try:
            entries = self.entries()
        except AuditFailed:
            known = [anchor for anchor in self._anchors() if self._is_own(anchor)]
            newest = max(known, key=lambda anchor: anchor.entries, default=None)
            return {**newest.content, "code": newest.code} if newest else {}
        return self._stated(entries) if entries else {}

    def _stated(self, entries: list[dict[str, Any]]) -> dict[str, Any]:
        stated = {"entries": len(entries), "last": entries[-1]["code"]}
        return {**stated, "code": self._code("anchor", stated)}

    def _anchors(self) -> list[Anchor]:
        """The anchors in the lake itself."""
        ways = (anchors.of_commits, anchors.of_receipts, anchors.of_file)
        return [anchor for way in ways for anchor in way(self.lake)] if self.lake else []

    def _is_own(self, anchor: Anchor) -> bool:
        return hmac.compare_digest(str(anchor.code).encode(), self._code("anchor", anchor.content).encode())

    def _require_as_anchored(self, entries: list[dict[str, Any]]) -> None:
        for anchor in self._anchors():
            if not self._is_own(anchor):
                if self.renewed:
                    continue
                raise AuditFailed(
                    f"The anchor in {anchor.place} was not written with this key of the audit log.", RESTORE
                )
            self._require_reached(entries, anchor)
        if self.witness:
            for name in dict.fromkeys([self.head.stem, *self.names]):
                for anchor in anchors.of_witness(self.witness, name):
                    self._require_reached(entries, anchor)
        known = {entry["reference"] for entry in entries}
        missing = [one for one in self._receipts() if one not in known]
        if missing:
            raise AuditFailed(f"The audit log {self.file} has no entry of the receipt {missing[0]}.", RESTORE)

    def _receipts(self) -> list[str]:
        """The references of receipts that belong to this log."""
        if not self.lake:
            return []
        if not self.renewed:
            return anchors.references(self.lake)
        return [anchor.place.split()[-1] for anchor in anchors.of_receipts(self.lake) if self._is_own(anchor)]

    def _require_reached(self, entries: list[dict[str, Any]], anchor: Anchor) -> None:
        if len(entries) < anchor.entries or (anchor.entries and entries[anchor.entries - 1]["code"] != anchor.last):
            raise AuditFailed(
                f"The audit log {self.file} was rolled back or removed: it has {len(entries)} entries, and "
                f"{anchor.place} states {anchor.entries}, or different ones.",
                RESTORE,
            )

    def _verified(self) -> list[dict[str, Any]]:
        entries = self._chain()
        count, code = self._read_head()
        if len(entries) < count:
            raise AuditFailed(f"The audit log {self.file} ends after {len(entries)} of {count} entries.", RESTORE)
        # An append writes the entry first and the head second: after a kill in between, the log is one entry ahead.
        if len(entries) > count + 1 or (count and entries[count - 1]["code"] != code):
            raise AuditFailed(f"The audit log {self.file} and its head {self.head} do not belong together.", RESTORE)
        self._require_as_anchored(entries)
        return entries

    def _chain(self) -> list[dict[str, Any]]:
        if not self.file.exists():
            raise AuditFailed(f"The audit log {self.file} is missing.", RESTORE)
        *lines, rest = self.file.read_bytes().split(b"\n")
        count, _ = self._read_head()
        if rest and len(lines) < count:
            raise AuditFailed(f"Entry {len(lines) + 1} of the audit log {self.file} is cut.", RESTORE)
        entries: list[dict[str, Any]] = []
        for number, line in enumerate(lines, start=1):
            before = entries[-1]["code"] if entries else NOTHING_BEFORE
            entry = _parsed(line)
            if entry is None or not self._is_next(entry, number, before) or _line(entry) != line + b"\n":
                raise AuditFailed(f"Entry {number} of the audit log {self.file} is not as it was written.", RESTORE)
            entries.append(entry)
        return entries

    def _is_next(self, entry: Mapping[str, Any], number: int, before: str) -> bool:
        code = str(entry.get("code", ""))
        return (
            hmac.compare_digest(code.encode(), self._code("entry", entry).encode())
            and entry.get("number") == number
            and entry.get("before") == before
        )

    def _entry(
        self, entries: list[dict[str, Any]], event: str, reference: str, counts: Mapping[str, int]
    ) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "number": len(entries) + 1,
            "at": f"{dt.datetime.now(dt.timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
            "event": event,
            "reference": reference,
            "counts": dict(counts),
            "before": entries[-1]["code"] if entries else NOTHING_BEFORE,
        }
        return {**entry, "code": self._code("entry", entry)}

    def _code(self, kind: str, content: Mapping[str, Any]) -> str:
        """The code of an entry or a head. Because of `kind`, one cannot pass as the other."""
        text = json.dumps({name: value for name, value in content.items() if name != "code"}, sort_keys=True)
        return hmac.new(self.key, f"{kind}\n{text}".encode(), hashlib.sha256).hexdigest()

    def _read_head(self) -> tuple[int, str]:
        if not self.head.exists():
            raise AuditFailed(
                f"The head {self.head} of the audit log is missing.",
                f"A lake that was moved needs its head under this name. {RESTORE}",
            )
        head = _parsed(self.head.read_bytes().strip()) or {}
        if not hmac.compare_digest(str(head.get("code", "")).encode(), self._code("head", head).encode()):
            raise AuditFailed(f"The head {self.head} of the audit log was not written by this key.", RESTORE)
        return int(head["count"]), str(head["last"])

    def _write_head(self, count: int, last: str) -> None:
        head = {"count": count, "last": last}
        drafts.write(self.head, _line({**head, "code": self._code("head", head)}))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the log against other processes; an empty log is begun with its head."""
        self.head.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.head.with_suffix(".lock").open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            if not self.file.exists() and (not self.head.exists() or self._read_head()[0] == 0):
                self._require_as_anchored([])
                self._begin()
            yield

    def _begin(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # The head first: a log without a head is a fault; an empty head without a log is the remains of a killed start.
        self._write_head(0, NOTHING_BEFORE)
        self.file.touch(mode=0o600)
        drafts.sync(self.file.parent)


def audit_log(lake: str, folder: Path, witness: Path | None = None) -> AuditLog:
    """The log of `lake`; its key and head are in the secrets' `folder`, its `witness` must not be restored with them.

    A lake on this machine has its log beside its tables; any other lake has it in `folder`.

    Raises `UsageError` for a witness in the lake or with the secrets.
    """
    prints = address.digests(lake)
    print_of_lake = next((each for each in prints if (folder / f"audit-{each}.head").exists()), prints[0])
    root = address.local_path(lake)
    file = root / "audit" / "log.jsonl" if root else folder / f"audit-{print_of_lake}.jsonl"
    _require_elsewhere(witness, [folder, *([root] if root else [])])
    head = folder / f"audit-{print_of_lake}.head"
    if file.exists() and file.stat().st_size and not (folder / f"{AUDIT_KEY}.key").exists():
        raise UsageError(f"The key of the audit log {file} is missing: {folder / AUDIT_KEY}.key.", "Restore it.")
    names = tuple(f"audit-{each}" for each in prints)
    return AuditLog(file, head, secret_key(folder, AUDIT_KEY), root, witness, names, _is_renewed(root))


def _is_renewed(root: Path | None) -> bool:
    file = root / FINGERPRINTS if root else None
    return file is not None and file.is_file() and EARLIER_AUDIT in file.read_text(encoding="utf-8")


def of(settings: Settings) -> AuditLog:
    """The log of the lake that a deployment names."""
    return audit_log(settings.lake, settings.secrets, settings.audit_witness)


def anchor(lake: str, folder: Path) -> dict[str, Any]:
    """The statement about the log for commits to `lake`; empty if the lake never had a log. Makes no key."""
    made = (folder / f"{AUDIT_KEY}.key").exists()
    return audit_log(lake, folder).anchor() if made else {}


def _require_elsewhere(witness: Path | None, places: list[Path]) -> None:
    for place in places:
        if witness and place.resolve() in witness.resolve().parents:
            raise UsageError(
                f"The witness {witness} is in the same place as the audit log or its head.",
                "Name a file in another place as audit_witness: files that are restored together prove nothing.",
            )


def new_reference() -> str:
    """A reference for a request: random, so that it reveals nothing about the persons."""
    return f"req-{secrets.token_hex(8)}"


def _require_nameless(event: str, reference: str, counts: Mapping[str, int]) -> None:
    """Refuse anything that could hold an identifier: the log is kept longer than the data."""
    if event not in EVENTS:
        raise UsageError(f"The audit log knows no such event; known: {', '.join(EVENTS)}.")
    if not REFERENCE.match(reference):
        raise UsageError("The reference of an entry of the audit log must be a random one.")
    if not all(COUNT.match(name) and type(count) is int for name, count in counts.items()):
        raise UsageError("An entry of the audit log may hold counts only.")


def _line(entry: Mapping[str, Any]) -> bytes:
    return json.dumps(entry, sort_keys=True).encode() + b"\n"


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
