"""Delta's transaction logs, read without Spark: which files state a version, and what commits changed.

The format is that of Delta's protocol (PROTOCOL.md of delta-io/delta): a version is the newest checkpoint up to it and
the commits that follow it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

LOG = "_delta_log"
COMMIT = re.compile(r"(\d{20})\.json\Z")
CHECKPOINT = re.compile(r"(\d{20})\.checkpoint\..*(?:parquet|json)\Z")
NUMBERED = re.compile(r"\.?(\d{20})\.")
LAST_CHECKPOINT = "_last_checkpoint"


def commit_name(version: int) -> str:
    """The name of a version's commit."""
    return f"{version:020d}.json"


def states(name: str) -> bool:
    """Whether a file in a log's folder states a version, and is neither a hint nor a sidecar."""
    return bool(COMMIT.match(name) or CHECKPOINT.match(name))


def is_unfinished(name: str) -> bool:
    """Whether a file in a log's folder is one that delta-rs was writing when it died."""
    return "#" in name


def versions(names: Iterable[str]) -> list[int]:
    """The versions whose commits are among the names in a log's folder, in their order."""
    return sorted(int(match[1]) for name in names if (match := COMMIT.match(name)))


def version_of(name: str) -> int | None:
    """The version of a file in a log's folder, or of a sidecar there; None if it belongs to no particular version."""
    match = NUMBERED.match(name)
    return int(match[1]) if match else None


def segment(names: Collection[str], version: int) -> list[str]:
    """The files in a log's folder that state `version`: the newest checkpoint, and the commits after it.

    If present, two of Delta's hints for its own readers are among them: the version's checksum, and the name of the
    last checkpoint.
    """
    found = [(int(match[1]), name) for name in names if (match := CHECKPOINT.match(name))]
    start = max((at for at, _ in found if at <= version), default=-1)
    checkpoint = [name for at, name in found if at == start]
    commits = [commit_name(at) for at in range(min(start + 1, version), version + 1)]
    hints = [name for name in (f"{version:020d}.crc", LAST_CHECKPOINT) if name in names]
    return [*checkpoint, *commits, *hints]


def is_stated(names: Collection[str], version: int) -> bool:
    """Whether the names in a log's folder state `version`: older versions are removed with the log that states them."""
    return set(segment(names, version)) <= set(names)


def oldest(names: Iterable[str]) -> int:
    """The oldest version among the files that state a version."""
    return min(version for name in names if states(name) and (version := version_of(name)) is not None)


@dataclass
class Changes:
    """What commits changed in a table's files: name -> bytes of added files, names of removed files."""

    added: dict[str, int] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)

    def apply(self, text: str) -> None:
        """Add the changes of one commit. Raises `ValueError` if it is not complete: a commit has at least one line."""
        actions = [json.loads(line) for line in text.splitlines() if line.strip()]
        if not actions or not all(isinstance(action, dict) for action in actions):
            raise ValueError("no commit")
        for action in actions:
            if left := action.get("remove"):
                self.added.pop(unquote(left["path"]), None)
                self.left.add(unquote(left["path"]))
        for action in actions:
            if came := action.get("add"):
                self.left.discard(unquote(came["path"]))
                self.added[unquote(came["path"])] = int(came["size"])


def nothing(timestamp_ms: int, operation: str, metadata: Mapping[str, object]) -> str:
    """A commit that changes nothing."""
    return _commit(timestamp_ms, operation, metadata, ())


def removal(timestamp_ms: int, operation: str, metadata: Mapping[str, object], files: Iterable[str]) -> str:
    """A commit that removes files from a table."""
    return _commit(timestamp_ms, operation, metadata, files)


def _commit(timestamp_ms: int, operation: str, metadata: Mapping[str, object], files: Iterable[str]) -> str:
    info = {
        "timestamp": timestamp_ms,
        "operation": operation,
        "operationParameters": {},
        "isBlindAppend": False,
        "userMetadata": json.dumps(metadata),
    }
    removes = [
        {"remove": {"path": quote(name), "deletionTimestamp": timestamp_ms, "dataChange": True}} for name in files
    ]
    return "\n".join(json.dumps(action) for action in [{"commitInfo": info}, *removes])
