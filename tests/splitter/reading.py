"""Reads the splitter's output as docs/splitter.md describes, without the splitter's own code."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Row = tuple[str | None, ...]


@dataclass(frozen=True)
class Output:
    """A folder written by the splitter."""

    folder: Path

    @property
    def manifest(self) -> dict[str, Any]:
        """The manifest."""
        return dict(json.loads((self.folder / "manifest.json").read_text()))

    @property
    def parts(self) -> dict[str, dict[str, Any]]:
        """What the manifest says of each part."""
        return {part["format"]: part for part in self.manifest["parts"]}

    def json_rows(self) -> list[Row]:
        """The rows of the JSON part."""
        lines = (self.folder / "part.jsonl").read_bytes().split(b"\n")[:-1]
        return [tuple(json.loads(line).values()) for line in lines]

    def sqlite_rows(self) -> list[tuple[Any, ...]]:
        """The rows of the SQLite part, `_row` first."""
        with closing(sqlite3.connect(self.folder / "part.sqlite")) as connection:
            return connection.execute("select * from part order by _row").fetchall()

    def csv_rows(self, encoding: str = "utf-8") -> list[Row]:
        """The rows of the CSV part, if all are well-formed."""
        return parse((self.folder / "part.csv").read_bytes().decode(encoding))[1:]


def parse(text: str) -> list[Row]:
    """Read a CSV one character after the other: slow, and plainly right. Blank lines are not rows."""
    rows: list[Row] = []
    row: list[str | None] = []
    position = 0
    while position < len(text):
        if not row and text[position] in "\r\n":
            position += 1
            continue
        value, position = _field(text, position)
        row.append(value)
        if position < len(text) and text[position] == ",":
            position += 1
            if position < len(text):
                continue
            row.append(None)
        rows.append(tuple(row))
        row = []
        position += 2 if text.startswith("\r\n", position) else 1
    return rows


def _field(text: str, start: int) -> tuple[str | None, int]:
    if not text.startswith('"', start):
        stop = min(at for mark in ",\r\n" if (at := (text + "\n").find(mark, start)) >= 0)
        return text[start:stop] or None, stop
    end = start + 1
    while text[end] != '"' or text.startswith('""', end):
        end += 2 if text[end] == '"' else 1
    return text[start + 1 : end].replace('""', '"'), end + 1


def canonical(row: Row) -> bytes:
    """The canonical form of a row."""
    marks = {None: "", "": "\0E"}
    return "\0,".join(marks.get(value, value) or "" for value in row).encode()


def checksum(rows: Iterable[bytes]) -> int:
    """The checksum of canonical rows."""
    return sum(int(sha256(row).hexdigest()[:16], 16) for row in rows) % 2**64


def table_sha256(rows: Iterable[tuple[Any, ...]]) -> str:
    """The SHA-256 of a database part, from its rows with `_row` first."""
    lines = (f"{row[0]} {sha256(canonical(row[1:])).hexdigest()}\n" for row in rows)
    return sha256("".join(lines).encode()).hexdigest()
