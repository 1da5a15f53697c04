"""Pins: the exact content of a version of a stored table, so that its users can check it.

A pin names the files of Delta's log that state the version, and its data files, each with its SHA-256.
All pins of a lake, the fingerprints of its keys and the batches of its ledger form its base: the next run builds on it
(`lib.delta.base`).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lib.delta.deltalog import LOG
from lib.storage import Stamp, Storage, sidecar

SEAL = "sha256"
CHUNK, HEADER, CODE = 512, 8, 4  # bytes: Hadoop's sidecar has a code for each chunk of its file, after a header


@dataclass(frozen=True)
class DataFile:
    """A data file: its bytes, their SHA-256, the time of its last write, and whether Hadoop's sidecar is beside it.

    The last two do not belong to the content. While they are unchanged, nobody has written the file since.
    """

    size: int
    digest: str
    modified: int
    guarded: bool


@dataclass(frozen=True)
class Pin:
    """One version of a table. `log`: name in the log's folder -> SHA-256; `files`: name in the table's folder -> file.

    `left` are files of older versions, which are still there for their readers.
    """

    version: int
    log: Mapping[str, str]
    files: Mapping[str, DataFile]
    left: tuple[str, ...] = ()

    def without(self, gone: Collection[str]) -> Pin:
        """The same version; these older files are not there any more."""
        return dataclasses.replace(self, left=tuple(name for name in self.left if name not in gone))

    def to_json(self) -> dict[str, Any]:
        """As a document; `pin` reads it."""
        files = {name: list(dataclasses.astuple(file)) for name, file in sorted(self.files.items())}
        return {"version": self.version, "log": dict(self.log), "files": files, "left": sorted(self.left)}


def unread(newest: Pin, others: Iterable[Pin | None]) -> list[str]:
    """The older files of a table that no version needs: neither the newest nor one of the others.

    If what one of them needs is not known, all are needed.
    """
    known = list(others)
    if not all(known):
        return []
    needed = {name for each in known if each for name in each.files}
    return [name for name in newest.left if name not in needed]


def pin(document: Mapping[str, Any]) -> Pin:
    """The pin in a document. Raises `KeyError`, `TypeError` or `ValueError` if it holds none."""
    files = {name: DataFile(*stated) for name, stated in document["files"].items()}
    return Pin(int(document["version"]), dict(document["log"]), files, tuple(document.get("left", ())))


@dataclass(frozen=True)
class Pins:
    """A lake as a job left it. `number` grows with each; `tables` maps paths below the lake to pins.

    `batches` and `removed` are the rows of the ledger's two tables; `operations` is the publication of
    `mart_operations`; `rolled_back` are the runs whose publications a rollback has taken back; `contracts` is the
    digest of the contracts by which the last publication was made and audited.
    """

    number: int = 0
    run_id: str = ""
    at: str = ""
    tables: Mapping[str, Pin] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    batches: Sequence[Mapping[str, Any]] = ()
    removed: Sequence[Sequence[Any]] = ()
    operations: Mapping[str, Any] | None = None
    rolled_back: Sequence[str] = ()
    contracts: str = ""

    def to_json(self) -> dict[str, Any]:
        """As a document; `pins` reads it."""
        stated = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        return {**stated, "tables": {path: each.to_json() for path, each in sorted(self.tables.items())}}


def pins(document: Mapping[str, Any]) -> Pins:
    """The base in a document. Raises the errors of `pin`."""
    return Pins(**{**document, "tables": {path: pin(each) for path, each in document["tables"].items()}})


def sealed(document: Mapping[str, Any]) -> str:
    """The document as text, with a checksum of its own."""
    return json.dumps({**document, SEAL: _checksum(document)}, indent=1)


def unsealed(text: str) -> dict[str, Any]:
    """The document in a sealed text. Raises `ValueError` if the text has changed since it was written."""
    document = json.loads(text)
    if not isinstance(document, dict) or document.pop(SEAL, None) != _checksum(document):
        raise ValueError("the checksum differs")
    return document


def _checksum(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Differences:
    """The parts of a table that differ from its pin: names in its log's folder, and names of data files."""

    log: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.log or self.files)

    def __str__(self) -> str:
        named = [f"{LOG}/{name}" for name in self.log] + list(self.files)
        more = f" and {len(named) - 1} more" if len(named) > 1 else ""
        return f"{named[0]}{more} {'is missing' if named[0] in self.missing else 'has other content'}"


def log_differences(storage: Storage, path: str, expected: Pin) -> list[str]:
    """The files of the log that differ from the pin."""
    found = storage.digests(f"{path}/{LOG}/{name}" for name in expected.log)
    return [name for name, digest in expected.log.items() if found[f"{path}/{LOG}/{name}"] != digest]


def file_differences(
    storage: Storage, path: str, expected: Pin, listed: Mapping[str, Stamp], *, full: bool = False
) -> list[str]:
    """The data files that differ from the pin, by a listing of the table's folder.

    Without `full`, only files are read that have been written since, or whose sidecar has changed.
    """
    there = {name: listed[name] for name, file in expected.files.items() if name in listed}
    unsure = [
        name
        for name, stamp in there.items()
        if stamp.size == expected.files[name].size and (full or _touched(name, expected.files[name], stamp, listed))
    ]
    found = storage.digests(f"{path}/{name}" for name in unsure)
    return [
        name
        for name, file in expected.files.items()
        if name not in there
        or there[name].size != file.size
        or (name in unsure and found[f"{path}/{name}"] != file.digest)
    ]


def _touched(name: str, file: DataFile, stamp: Stamp, listed: Mapping[str, Stamp]) -> bool:
    return stamp.modified != file.modified or (file.guarded and not guarded(name, stamp, listed))


def guarded(name: str, stamp: Stamp, listed: Mapping[str, Stamp]) -> bool:
    """Whether a file has a complete sidecar beside it."""
    beside = listed.get(sidecar(name))
    return beside is not None and beside.size == HEADER + CODE * -(-stamp.size // CHUNK)


def differences(storage: Storage, path: str, expected: Pin, *, full: bool = False) -> Differences:
    """The parts of a table that differ from its pin."""
    listed = storage.tree(path)
    log = log_differences(storage, path, expected)
    files = file_differences(storage, path, expected, listed, full=full)
    missing = [name for name in files if name not in listed]
    missing += [f"{LOG}/{name}" for name in log if f"{LOG}/{name}" not in listed]
    return Differences(tuple(log), tuple(files), tuple(missing))
