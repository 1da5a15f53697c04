"""The common base of the three parts, and the two parts that are plain files."""

from __future__ import annotations

from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Protocol

from splitter.canonical import MALFORMED, ROW_END, add, checksum, fields
from splitter.files import HashedFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from splitter.dialect import Dialect
    from splitter.rows import Malformed

PART_TABLE = "part"
JSON_FILE, SQLITE_FILE, CSV_FILE = "part.jsonl", "part.sqlite", "part.csv"


@dataclass(frozen=True)
class PartSummary:
    """The manifest's statements on any part; `place` is its file, or its database and table."""

    format: str
    place: dict[str, str]
    rows: int
    bytes: int
    sha256: str
    checksum: int


class Part(Protocol):
    """A part that takes packed canonical rows with their positions; it counts only after `commit`."""

    def write(self, numbers: Sequence[int], packed: bytes) -> None:
        """Append at least one row."""

    def finish(self) -> PartSummary:
        """Put everything on the disk (or into the transaction), and sum up."""

    def commit(self) -> None:
        """Make it visible, if the part must do that itself."""

    def abort(self) -> None:
        """Let go: leave nothing open, but remove no files."""


class PartPlan(Protocol):
    """The plan of a part: a plain value, so that it can be sent to another process."""

    def begin(self) -> Part:
        """Open the part."""


@dataclass(frozen=True)
class JsonPlan:
    """A part of JSON Lines: one object per row, missing is null, empty is ""."""

    path: Path
    header: tuple[str, ...]

    def begin(self) -> Part:
        """Create the file."""
        return JsonPart(self.path, self.header)


class JsonPart:
    """JSON Lines being written."""

    def __init__(self, path: Path, header: Sequence[str]) -> None:
        self._file = HashedFile(path)
        names = (encode_basestring(name).replace("%", "%%") for name in header)
        self._line = "{" + ",".join(f"{name}:%s" for name in names) + "}\n"
        self._rows = 0
        self._checksum = 0

    def write(self, numbers: Sequence[int], packed: bytes) -> None:
        """Append rows."""
        self._rows += len(numbers)
        self._checksum = add((self._checksum, checksum(packed.split(ROW_END.encode()))))
        text, line = encode_basestring, self._line
        lines = [
            line % tuple([text(value) if value is not None else "null" for value in fields(row)])
            for row in packed.decode().split(ROW_END)
        ]
        self._file.write("".join(lines).encode())

    def finish(self) -> PartSummary:
        """Close the file and sum up."""
        digest = self._file.finish()
        return PartSummary("json", {"file": JSON_FILE}, self._rows, self._file.bytes, digest, self._checksum)

    def commit(self) -> None:
        """Files become visible with the manifest."""

    def abort(self) -> None:
        """Close the file."""
        self._file.abort()


class CsvPart:
    """The records of the CSV part, byte for byte as in the input, including malformed ones."""

    def __init__(self, path: Path, header_text: str, dialect: Dialect) -> None:
        self._file = HashedFile(path)
        self._encode = dialect.encode
        self._rows = 0
        self._checksum = 0
        self._file.write(self._encode(header_text))

    def write(self, records: Sequence[tuple[int, str]], rows: Iterable[bytes], malformed: Sequence[Malformed]) -> None:
        """Append well-formed records, with their canonical rows, and malformed ones, in order of position."""
        self._rows += len(records) + len(malformed)
        broken = (MALFORMED + self._encode(record.raw.rstrip("\r\n")) for record in malformed)
        self._checksum = add((self._checksum, checksum(rows), checksum(broken)))
        if malformed:
            records = sorted([*records, *((record.number, record.raw) for record in malformed)])
        self._file.write(self._encode("".join([raw for _, raw in records])))

    def finish(self) -> PartSummary:
        """Close the file and sum up."""
        digest = self._file.finish()
        return PartSummary("csv", {"file": CSV_FILE}, self._rows, self._file.bytes, digest, self._checksum)

    def abort(self) -> None:
        """Close the file."""
        self._file.abort()
