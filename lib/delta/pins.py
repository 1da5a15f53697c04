"""Pins: what exactly a version of a stored table is, so that whoever builds on it or reads it can tell.

A pin names the files of Delta's log that state the version, and the data files it consists of, each with its SHA-256.
All pins of a lake, the fingerprints of its keys and the batches of its ledger are its base: what the next run builds
on (`lib.delta.base`).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lib.delta.deltalog import LOG
from lib.storage import Stamp, Storage, sidecar

SEAL = "sha256"
CHUNK, HEADER, CODE = 512, 8, 4  # bytes: Hadoop's sidecar has a code for each chunk of its file, after a header


@dataclass(frozen=True)
class DataFile:
    """A data file: its bytes, their SHA-256, when it was written, and whether Hadoop's sidecar stands beside it.

    The last two are no part of what the file is; while they are as they were, nobody has written the file since.
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

    def to_json(self) -> dict[str, Any]:
        """As a document; `pin` reads it."""
        files = {name: list(dataclasses.astuple(file)) for name, file in sorted(self.files.items())}
        return {"version": self.version, "log": dict(self.log), "files": files, "left": sorted(self.left)}


def pin(document: Mapping[str, Any]) -> Pin:
    """The pin that a document states. Raises `KeyError`, `TypeError` or `ValueError` if it states none."""
    files = {name: DataFile(*stated) for name, stated in document["files"].items()}
    return Pin(int(document["version"]), dict(document["log"]), files, tuple(document.get("left", ())))


@dataclass(frozen=True)
class Pins:
    """A lake as a job left it. `number` grows with each; `tables` maps paths below the lake to pins.

    `batches` and `removed` are the rows of the ledger's two tables; `operations` is what `mart_operations` publishes;
    `rolled_back` are the runs whose publications a rollback has left behind.
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

    def to_json(self) -> dict[str, Any]:
        """As a document; `pins` reads it."""
        stated = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        return {**stated, "tables": {path: each.to_json() for path, each in sorted(self.tables.items())}}


def pins(document: Mapping[str, Any]) -> Pins:
    """The base that a document states. Raises as `pin` does."""
    return Pins(**{**document, "tables": {path: pin(each) for path, each in document["tables"].items()}})


def sealed(document: Mapping[str, Any]) -> str:
    """The document as text, with a checksum of its own."""
    return json.dumps({**document, SEAL: _checksum(document)}, indent=1)


def unsealed(text: str) -> dict[str, Any]:
    """The document that a sealed text states. Raises `ValueError` if the text is not as it was written."""
    document = json.loads(text)
    if not isinstance(document, dict) or document.pop(SEAL, None) != _checksum(document):
        raise ValueError("the checksum differs")
    return document


def _checksum(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Differences:
    """What of a table is not as its pin says: names in its log's folder, and names of data files."""

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
    """The files of the log that are not what the pin says."""
    found = storage.digests(f"{path}/{LOG}/{name}" for name in expected.log)
    return [name for name, digest in expected.log.items() if found[f"{path}/{LOG}/{name}"] != digest]


def file_differences(
    storage: Storage, path: str, expected: Pin, listed: Mapping[str, Stamp], *, full: bool = False
) -> list[str]:
    """The data files that are not what the pin says, given a listing of the table's folder.

    Without `full`, only those are read that somebody has written since, or whose sidecar is not as it was.
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
    """Whether a whole sidecar stands beside a file."""
    beside = listed.get(sidecar(name))
    return beside is not None and beside.size == HEADER + CODE * -(-stamp.size // CHUNK)


def differences(storage: Storage, path: str, expected: Pin, *, full: bool = False) -> Differences:
    """What of a table is not as its pin says."""
    listed = storage.tree(path)
    log = log_differences(storage, path, expected)
    files = file_differences(storage, path, expected, listed, full=full)
    missing = [name for name in files if name not in listed]
    missing += [f"{LOG}/{name}" for name in log if f"{LOG}/{name}" not in listed]
    return Differences(tuple(log), tuple(files), tuple(missing))
