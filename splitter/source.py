"""The input: one CSV file, read and hashed once from beginning to end."""

from __future__ import annotations

import io
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from splitter.errors import InputRefused, UsageError
from splitter.rows import Batch, Records

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from splitter.dialect import Dialect

_WIDE_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
# A whole or decimal number (not a year), an ISO date, an e-mail address: a value, not a name of a column.
_VALUE = re.compile(r"[-+]?(?!(?:19|20)\d\d$)\d+(?:[.,]\d+)?|\d{4}-\d\d-\d\d.*|[^@\s]+@[^@\s]+\.\w+")
_OTHER_DELIMITERS = ";\t|,"
ROW_COLUMN = "_row"


class _HashedBytes(io.RawIOBase):
    """A file that knows the SHA-256 of what has been read from it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self.hash = sha256()
        self.bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # of the kinds of buffers, the one that is passed
        count = self._file.readinto(buffer) or 0
        self.hash.update(buffer[:count])
        self.bytes += count
        return count

    def fileno(self) -> int:
        return self._file.fileno()

    def close(self) -> None:
        self._file.close()
        super().close()


@dataclass(frozen=True)
class Source:
    """An open input: its header is read and accepted, its rows are not read yet."""

    path: Path
    header: tuple[str, ...]
    header_text: str
    dialect: Dialect
    size: int
    _records: Records
    _raw: _HashedBytes
    _state: tuple[int, int]

    def batches(self) -> Iterator[Batch]:
        """Return all rows; InputRefused if the file was written to meanwhile."""
        yield from self._records.batches(len(self.header))
        if _state(self._raw.fileno()) != self._state:
            message = f"{self.path} was changed while it was read."
            raise InputRefused(message, "Run again when it is complete.")

    @property
    def blank_lines(self) -> int:
        """Lines without a single character; they are not rows."""
        return self._records.blank_lines

    @property
    def bytes_read(self) -> int:
        """Bytes so far."""
        return self._raw.bytes

    @property
    def sha256(self) -> str:
        """The digest of the bytes so far."""
        return self._raw.hash.hexdigest()


@contextmanager
def open_source(path: Path, dialect: Dialect) -> Iterator[Source]:
    """Open a CSV and read its header. UsageError: no such file. InputRefused: not a CSV with a header."""
    with _opened(path) as raw:
        _refuse_other_encoding(path, dialect)
        text = io.TextIOWrapper(io.BufferedReader(raw, 1 << 20), dialect.decoder, dialect.on_error, newline="")
        records = Records(text.read, dialect)
        try:
            header, header_text = records.header()
            _check_header(header, dialect)
            state = _state(raw.fileno())
            yield Source(path, tuple(header), header_text, dialect, state[0], records, raw, state)
        except InputRefused as refusal:
            message = refusal.message if str(path) in refusal.message else f"{path}: {refusal.message}"
            raise InputRefused(message, refusal.remedy) from None


@contextmanager
def _opened(path: Path) -> Iterator[_HashedBytes]:
    try:
        raw = _HashedBytes(path)
    except OSError as error:
        message = f"{path} cannot be read ({error.strerror})."
        raise UsageError(message, "Give the path of one CSV file that you may read.") from None
    try:
        yield raw
    finally:
        raw.close()


def _state(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_size, status.st_mtime_ns


def _refuse_other_encoding(path: Path, dialect: Dialect) -> None:
    with path.open("rb") as file:
        wide = _WIDE_MARKS.get(file.read(2))
    if wide and dialect.encoder == "utf-8" and dialect.on_error != "strict":
        message = f"{path} is not UTF-8: it begins with the mark of {wide}."
        raise InputRefused(message, f"Give --encoding {wide}.")


def _check_header(names: list[str], dialect: Dialect) -> None:
    """Refuse a header that cannot name the columns of a table. Names the place, never the text: it might be a row."""
    for column, name in enumerate(names, start=1):
        if not name.strip():
            message = f"Column {column} has no name."
            raise InputRefused(message, "Name it in the header.")
        if _VALUE.fullmatch(name.strip()):
            message = f"There is no header: in line 1, column {column} holds a value, not a name."
            raise InputRefused(message, "Put a line with the columns' names before the rows.")
    _refuse_duplicates(names)
    if len(names) == 1 and not dialect.explicit_delimiter and any(mark in names[0] for mark in _OTHER_DELIMITERS):
        message = "The header has one column only, and another delimiter in it."
        raise InputRefused(message, "Give --delimiter, for instance --delimiter ';'.")


def _refuse_duplicates(names: list[str]) -> None:
    """Refuse equal names, compared as in SQL, without regard to case; the database part adds its own column."""
    seen = {ROW_COLUMN: 0}
    for column, name in enumerate(names, start=1):
        other = seen.setdefault(name.casefold(), column)
        if other == 0:
            message = f"Column {column} is named {ROW_COLUMN}, as the database part's row number is."
            raise InputRefused(message, "Rename it.")
        if other != column:
            message = f"Columns {other} and {column} have the same name (upper and lower case count as one)."
            raise InputRefused(message, "Rename one of them.")
