"""Publications: the versions of the marts that people read, and the base of the lake's next run, in one atomic write.

`published.json` names the marts' versions and pins them (`lib.delta.pins`), so that a reader can check that a version
is the published one. It also holds the base: pins of every stored table, by which the next run checks its starting
point (`lib.delta.base`). A job writes it again whenever it has reached a state that must last. The newest of these
documents are kept under `bases/`, and every publication under `publications/`. Each has its own checksum.

Publications are numbered in their order, and so are withdrawals: an erasure, a restriction or a correction withdraws
all earlier publications. A publication states the number of withdrawals before it. If it states fewer than there were,
it would show persons as they must not be shown, and is never published again. Clocks play no part in this. The number
of withdrawals is kept in `last_erasure.json` and in each later publication. If the lake shows that there were some, and
that file cannot be read, all publications so far count as withdrawn.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from lib.delta import deltalog, pins
from lib.delta.pins import Pin, Pins
from lib.errors import AuditFailed, LakehouseError, UsageError
from lib.storage import Storage

CURRENT = "published.json"
BASES = "bases"
KEPT = 5  # documents under `bases/`
OPERATIONS = "published_operations.json"
HISTORY = "publications"
ROLLED_BACK = "publications/withdrawn"  # where an earlier release kept what the base keeps now
LAST_ERASURE = "last_erasure.json"
# Each of these folders is made with the first request of a person, or at the end of the first period of retention.
TRACES_OF_REQUESTS = ("receipts", "rights")


@dataclass(frozen=True)
class Publication:
    """The tables of one publication: path below the lake -> Delta version.

    `publish` states `number` and `withdrawals`. In a publication of an earlier release both are 0, and there are no
    `pins`.
    """

    run_id: str
    published_at: str
    as_of: str
    tables: Mapping[str, int]
    number: int = 0
    withdrawals: int = 0
    pins: Mapping[str, Pin] = field(default_factory=dict)

    @property
    def place(self) -> tuple[int, str]:
        """The place in the order of publications."""
        return self.number, self.published_at

    def to_json(self) -> dict[str, Any]:
        """Its form in `published.json`: for each table path and version, the log's files and the data files."""
        stated = {each.name: getattr(self, each.name) for each in dataclasses.fields(self) if each.name != "pins"}
        tables = {path: {"path": path, **self._pinned(path, version)} for path, version in sorted(self.tables.items())}
        return {**stated, "tables": tables}

    def _pinned(self, path: str, version: int) -> dict[str, Any]:
        if path not in self.pins:
            return {"version": version}
        pinned = self.pins[path]
        files = {name: [file.size, file.digest] for name, file in sorted(pinned.files.items())}
        # Hints for Delta's readers, and sidecars, belong only to the newest version; this one may be older by now.
        log = {name: digest for name, digest in pinned.log.items() if deltalog.states(name)}
        return {"version": version, "log": log, "files": files}


@dataclass(frozen=True)
class Document:
    """The content of `published.json`: the publication, if there is one, and the base, unless the file is older."""

    publication: Publication | None
    base: Pins | None

    @property
    def number(self) -> int:
        """The place in the order of these documents."""
        return self.base.number if self.base else 0

    def to_text(self) -> str:
        """The text that `parsed` reads."""
        published = self.publication.to_json() if self.publication else {}
        return pins.sealed({**published, "base": self.base.to_json() if self.base else None})


def parsed(text: str) -> Document:
    """Read a document. Raises `LakehouseError` if the text is not a document, or has changed since it was written."""
    try:
        document = json.loads(text)
        # Documents of an earlier release have neither.
        if "base" in document or pins.SEAL in document:
            document = pins.unsealed(text)
        base = document.get("base")
        return Document(stated(document), pins.pins(base) if base else None)
    except (ValueError, KeyError, TypeError, AttributeError):
        # Without its cause: its text is long, and from outside.
        raise LakehouseError(
            "The lake's publication cannot be read.",
            "Run ./spark-submit.sh pipeline: it takes the newest intact copy.",
        ) from None


def stated(document: Mapping[str, Any]) -> Publication | None:
    """The publication in a document, if there is one. Raises the errors of `pins.pin`."""
    if "run_id" not in document:
        return None
    stated = {name: document[name] for name in ("run_id", "published_at", "as_of")}
    number, withdrawals = (int(document.get(name, 0)) for name in ("number", "withdrawals"))
    entries = document["tables"].values()
    tables = {entry["path"]: int(entry["version"]) for entry in entries}
    pinned = {
        entry["path"]: pins.pin({**entry, "files": {n: [*f, 0, False] for n, f in entry["files"].items()}})
        for entry in entries
        if "files" in entry
    }
    return Publication(**stated, tables=tables, number=number, withdrawals=withdrawals, pins=pinned)


class Readable(Protocol):
    """The place from which a lake's documents are read: `lib.storage`, or its replacement for readers without Spark."""

    def names(self, folder: str) -> list[str]:
        """The names in a folder, sorted; none if there is no such folder."""

    def read(self, name: str) -> str | None:
        """The text of a file, or None if there is none."""


def current(storage: Readable) -> Publication | None:
    """The current publication, or None if there is none yet.

    The newest intact document states it: `published.json`, unless it is lost or somebody put an older one there. Raises
    the error of `parsed` if none is intact.
    """
    document = newest(storage)
    if document:
        return document.publication
    text = storage.read(CURRENT)
    return parsed(text or "").publication if text is not None or copies(storage) else None


def operations(storage: Readable) -> Publication | None:
    """The tables with the records of the runs, or None if there was no run yet. Raises the error of `parsed`."""
    text = storage.read(OPERATIONS)
    return None if text is None else parsed(text).publication


def newest(storage: Readable) -> Document | None:
    """The newest intact document, even if `published.json` is lost or older than it should be; None without any."""
    kept = (document for name in reversed(copies(storage)) if (document := _whole(storage.read(name))))
    found = [document for document in (_whole(storage.read(CURRENT)), next(kept, None)) if document]
    return max(found, key=lambda document: document.number, default=None)


def _whole(text: str | None) -> Document | None:
    with suppress(LakehouseError):
        return parsed(text or "")
    return None


def _documents(storage: Storage) -> list[Document]:
    read = (_whole(storage.read(name)) for name in (CURRENT, *copies(storage)))
    return [document for document in read if document]


def copies(storage: Readable) -> list[str]:
    """The kept documents, the newest last."""
    return [f"{BASES}/{name}" for name in storage.names(BASES) if name.endswith(".json")]


def write(storage: Storage, publication: Publication | None, base: Pins) -> None:
    """Let people read this publication, and the next run build on this base; all named files must be on the disk.

    Before the first publication there is nothing to read, and only the base is kept.
    """
    text = Document(publication, base).to_text()
    storage.write(f"{BASES}/{base.number:08d}.json", text)
    if publication:
        storage.write(CURRENT, text)
    storage.remove(copies(storage)[:-KEPT])


def write_operations(storage: Storage, stated: Mapping[str, Any]) -> None:
    """Publish the records of the runs, failed ones too: separately, so that a failed run leaves the marts untouched."""
    storage.write(OPERATIONS, pins.sealed(stated))


def states(storage: Storage, name: str, stated: Mapping[str, Any]) -> bool:
    """Whether a file is intact and states exactly this."""
    with suppress(ValueError):
        return pins.unsealed(storage.read(name) or "") == stated
    return False


def placed(storage: Storage, publication: Publication) -> Publication:
    """The publication with its place in the order."""
    if _last_withdrawal(storage) is None:
        withdraw_earlier(storage)
    known = [*_history(storage), *(each.publication for each in _documents(storage) if each.publication)]
    number = max((each.number for each in known), default=0) + 1
    return dataclasses.replace(publication, number=number, withdrawals=_withdrawals(storage))


def keep(storage: Storage, publication: Publication) -> None:
    """Add a publication that has become the current one to the history, so that a rollback can find it."""
    storage.write(f"{HISTORY}/{publication.run_id}.json", pins.sealed(publication.to_json()))


def forget(storage: Storage, most: int) -> tuple[list[Publication], int]:
    """Remove publications from the history that are older than the newest `most` to which a rollback can return.

    Returns those that are left, and the number of the others. The present publication stays, and so do those that a
    document names: from it, the next job would add them again.
    """
    known, documents = _history(storage), _documents(storage)
    newest_base = max((each.base for each in documents if each.base), key=lambda base: base.number, default=Pins())
    behind = _behind(storage, newest_base)
    places = [each.place for each in known if each.run_id not in behind][-most:]
    named = {each.publication.run_id for each in documents if each.publication}
    old = [each for each in known if places and each.place < places[0] and each.run_id not in named]
    storage.remove(f"{HISTORY}/{each.run_id}.json" for each in old)
    gone = {each.run_id for each in old}
    present = [each.publication for each in documents if each.publication]
    return [*(each for each in known if each.run_id not in gone), *present], len(old)


def bases(storage: Storage) -> list[Pins]:
    """The bases that the kept documents state."""
    return [each.base for each in _documents(storage) if each.base]


def drop_copies(storage: Storage) -> None:
    """Remove all documents under `bases/` but the newest: the files that the others name are about to go."""
    storage.remove(copies(storage)[:-1])


def mend_history(storage: Storage) -> None:
    """Write damaged files of the history again, if any document still knows their publications."""
    for known in missing_from_history(storage):
        keep(storage, known)


def missing_from_history(storage: Storage) -> list[Publication]:
    """The publications that a document knows, and whose files in the history are damaged or lost."""
    published = [each.publication for each in _documents(storage) if each.publication]
    known = {each.run_id: each for each in published if each.number}
    kept = {run_id: _whole(storage.read(f"{HISTORY}/{run_id}.json")) for run_id in known}
    return [known[run_id] for run_id, document in kept.items() if not (document and document.publication)]


def earlier(storage: Storage, run_id: str | None = None) -> tuple[Publication, Publication]:
    """The present publication and the one to roll back to: that of `run_id`, or the one before the present.

    Raises `UsageError` if there is none, if it is older than the last erasure, restriction or correction, or if the
    time of that is unknown; `AuditFailed` if its tables differ from what was published then.
    """
    document = newest(storage)
    present = document.publication if document else None
    if present is None:
        raise UsageError("Nothing is published in this lake, so there is nothing to roll back.")
    history = _history(storage)
    # Publications that an earlier rollback has taken back are not offered again.
    behind = _behind(storage, document.base if document and document.base else Pins())
    offered = [p for p in history if p.place < present.place and p.run_id not in behind]
    if run_id:
        offered = [p for p in history if p.run_id == run_id]
    if not offered:
        wanted = f"no publication '{run_id}'" if run_id else "no earlier publication"
        raise UsageError(f"There is {wanted} in this lake.", _known(storage))
    target = offered[-1]
    if not run_id:
        _require_next(history, target, present)
    _require_shown_rightly(storage, target)
    _require_as_published(storage, target)
    return present, target


def rolled_back(storage: Storage, base: Pins, present: Publication, target: Publication) -> Pins:
    """The base after a rollback to `target`: it lists the publications taken back, which are not offered again."""
    later = {p.run_id for p in _history(storage) if target.place < p.place <= present.place}
    return dataclasses.replace(base, rolled_back=sorted((_behind(storage, base) | later) - {target.run_id}))


def _behind(storage: Storage, base: Pins) -> set[str]:
    return {*base.rolled_back, *(storage.read(ROLLED_BACK) or "").split()}


def _require_next(history: list[Publication], target: Publication, present: Publication) -> None:
    """Publications are counted without a gap: if one is missing, the one before is unknown."""
    numbers = {p.number for p in history}
    if target.number and not set(range(target.number, present.number)) <= numbers:
        raise UsageError(
            f"A publication between run {target.run_id} and run {present.run_id} is lost from the lake's history.",
            f"Name the wanted run: ./spark-submit.sh rollback --to {target.run_id}",
        )


def _require_as_published(storage: Storage, target: Publication) -> None:
    for path, pinned in target.pins.items():
        differing = pins.differences(storage, path, pinned)
        if differing:
            raise AuditFailed(
                f"{path} is not what run {target.run_id} published: {differing}.",
                "Roll back to another run with --to, or publish again with ./spark-submit.sh pipeline --rebuild.",
            )


def _require_shown_rightly(storage: Storage, target: Publication) -> None:
    last = _last_withdrawal(storage)
    if last is None:
        raise UsageError(
            f"{storage.path(LAST_ERASURE)} is missing or cannot be read, so nobody can say what was published before "
            "the last erasure, restriction or correction.",
            "The pipeline's next publication begins a new history, and a rollback to it is possible.",
        )
    by_clock = not last.get("number") and target.published_at < str(last.get("at", ""))
    if by_clock or target.withdrawals < _withdrawals(storage):
        raise UsageError(
            f"The publication of {target.published_at} is older than the last erasure, restriction or correction "
            f"({last.get('at', 'of an unknown day')}).",
            "It would show persons as they must no longer be shown; publish again with the pipeline.",
        )


def withdraw_earlier(storage: Storage) -> None:
    """Forbid a rollback to any publication so far: it would show persons as they must not be shown."""
    storage.write(LAST_ERASURE, json.dumps({"at": now(), "number": _withdrawals(storage) + 1}))


def _withdrawals(storage: Storage) -> int:
    """The number of withdrawals, as far as any file states it."""
    stated = (_last_withdrawal(storage) or {}).get("number", 0)
    return max([int(stated), *(known.withdrawals for known in _history(storage))])


def _last_withdrawal(storage: Storage) -> dict[str, Any] | None:
    """The statement on the last withdrawal; empty if there was none; None if there was one but its statement is lost.

    For a withdrawal by an earlier release, only the instant is known.
    """
    text = storage.read(LAST_ERASURE)
    if text is None and not any(storage.exists(folder) for folder in TRACES_OF_REQUESTS):
        return {}
    try:
        stated = json.loads(text or "")
    except ValueError:
        return None
    sound = isinstance(stated, dict) and isinstance(stated.get("at"), str) and isinstance(stated.get("number", 0), int)
    return stated if sound else None


def now() -> str:
    """This instant in UTC, to the microsecond, so that publications have an order."""
    return dt.datetime.now(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _history(storage: Storage) -> list[Publication]:
    """All publications in their order, without files that a power cut has left empty or torn."""
    names = (f"{HISTORY}/{name}" for name in storage.names(HISTORY) if name.endswith(".json"))
    read = (_whole(storage.read(name)) for name in names)
    return sorted((each.publication for each in read if each and each.publication), key=lambda p: p.place)


def _known(storage: Storage) -> str:
    return "Known: " + ", ".join(p.run_id for p in _history(storage)[-5:]) + "."
