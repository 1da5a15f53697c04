"""The database part as a SQLite file."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from splitter.canonical import ROW_END, TableDigest, fields
from splitter.errors import InputRefused, SplitterError
from splitter.files import create, digest_of, sync
from splitter.parts import PART_TABLE, SQLITE_FILE, Part, PartSummary
from splitter.source import ROW_COLUMN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MAX_COLUMNS = 1999


@dataclass(frozen=True)
class SqlitePlan:
    """A SQLite file with one table `part`: `_row` and the columns as text, missing is NULL."""

    path: Path
    header: tuple[str, ...]

    def begin(self) -> Part:
        """Create file and table."""
        if len(self.header) > MAX_COLUMNS:
            message = f"The input has {len(self.header)} columns; a SQLite table takes {MAX_COLUMNS}."
            raise InputRefused(message, "Split it into narrower files first.")
        return SqlitePart(self.path, self.header)


class SqlitePart:
    """A SQLite file being written: without a journal, since a half-written file is deleted."""

    def __init__(self, path: Path, header: Sequence[str]) -> None:
        self._path = path
        self._digest = TableDigest()
        os.close(create(path))
        self._connection = sqlite3.connect(path, isolation_level=None)
        columns = ", ".join(f"{_quoted(name)} text" for name in header)
        self._insert = f"insert into {PART_TABLE} values ({', '.join('?' * (len(header) + 1))})"
        for statement in (
            "pragma journal_mode = off",
            "pragma synchronous = off",
            f"create table {PART_TABLE} ({ROW_COLUMN} integer primary key, {columns})",
            "begin",
        ):
            self._execute(statement)

    def _execute(self, statement: str) -> None:
        try:
            self._connection.execute(statement)
        except sqlite3.Error as error:
            raise self._failed(error) from None

    def _failed(self, error: sqlite3.Error) -> SplitterError:
        message = f"SQLite cannot write {self._path.name} ({error})."
        return SplitterError(message, "Free some space in the output folder and run again.")

    def write(self, numbers: Sequence[int], packed: bytes) -> None:
        """Append rows."""
        self._digest.add(numbers, packed)
        rows = zip(numbers, packed.decode().split(ROW_END), strict=True)
        try:
            self._connection.executemany(self._insert, ((position, *fields(row)) for position, row in rows))
        except sqlite3.Error as error:
            raise self._failed(error) from None

    def finish(self) -> PartSummary:
        """Close the file and sum up."""
        self._execute("commit")
        self._connection.close()
        sync(self._path)
        place = {"file": SQLITE_FILE, "table": PART_TABLE, "file_sha256": digest_of(self._path)}
        size = self._path.stat().st_size
        return PartSummary("sqlite", place, self._digest.rows, size, self._digest.hexdigest(), self._digest.checksum)

    def commit(self) -> None:
        """Files become visible with the manifest."""

    def abort(self) -> None:
        """Close the file."""
        self._connection.close()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
