"""Records of a CSV: `csv` finds their ends and splits them; this module judges what `csv` does not report.

The standard reader (the same from Python 3.10 to 3.12) returns "" both for `,,` and for `,"",`, and reads
`"ab"c` without complaint. A record without a quote needs no second check. Other records get the
cheapest sufficient test, and a full match against the grammar only if no cheaper test is sufficient.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from io import StringIO
from itertools import chain
from typing import TYPE_CHECKING, Literal

from splitter.canonical import EMPTY, FIELD_END
from splitter.errors import InputRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from splitter.dialect import Dialect

Reason = Literal["field_count", "undecodable", "nul", "quoting"]
REASONS: tuple[Reason, ...] = ("field_count", "undecodable", "nul", "quoting")

MAX_RECORD = 16 * 1024 * 1024
# A block and its fields fit into a processor's cache: a third faster than blocks of half a MiB.
BLOCK_CHARACTERS = 64 * 1024
_ONE_QUOTED_FIELD = 3

Record = tuple[list[str], str]  # its fields, and its text in the file


@dataclass(frozen=True)
class Malformed:
    """A record that only a CSV can carry, unchanged."""

    number: int
    raw: str
    reason: Reason


@dataclass(frozen=True)
class Batch:
    """Consecutive records: the well-formed ones (position, canonical form, original text), and the others."""

    numbers: list[int] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    raws: list[str] = field(default_factory=list)
    malformed: list[Malformed] = field(default_factory=list)


@dataclass(frozen=True)
class Block:
    """Records of a piece of the file; a suspicious one holds a NUL or an undecodable byte somewhere."""

    records: list[Record]
    is_suspicious: bool


class Grammar:
    """Judges one record: whether every field is either bare or fully quoted, and which are quoted and empty."""

    def __init__(self, dialect: Dialect) -> None:
        self._delimiter, self._quote = dialect.delimiter, dialect.quote
        self._empty = dialect.quote * 2
        self._ends = (dialect.delimiter, "\r", "\n")
        d, q = re.escape(dialect.delimiter), re.escape(dialect.quote)
        quoted = f"{q}[^{q}]*(?:{q}{q}[^{q}]*)*{q}"
        self._field = re.compile(f"(?:\\A|{d})({quoted}|[^{d}]*)")
        self._record = re.compile(
            f"(?:(?:{quoted}|[^{q}{d}\r\n][^{d}\r\n]*|){d})*(?:{quoted}|[^{q}{d}\r\n][^{d}\r\n]*|)"
        )

    def judge(self, row: list[str], raw: str) -> Reason | None:
        """Return the fault of the record; also mark quoted empty fields in `row`."""
        if _has_surrogate(raw):
            return "undecodable"
        if "\0" in raw:
            return "nul"
        if self._quote in raw and not self.is_plainly_quoted(raw):
            return self._mark_empty(row, raw.rstrip("\r\n"))
        return None

    def is_plainly_quoted(self, raw: str) -> bool:
        """Return whether each quote is at a field's border: then none is around an empty field, doubled or stray."""
        if self._empty in raw:
            return False
        pieces = raw.split(self._quote)
        first, last, d = pieces[0], pieces[-1], self._delimiter
        if not len(pieces) % 2 or (first and first[-1] != d) or (last and last[0] not in self._ends):
            return False
        return len(pieces) <= _ONE_QUOTED_FIELD or all(piece[0] == d == piece[-1] for piece in pieces[2:-1:2])

    def _mark_empty(self, row: list[str], body: str) -> Reason | None:
        if not self._record.fullmatch(body):
            return "quoting"
        for index, text in enumerate(self._field.findall(body)):
            if text == self._empty:
                row[index] = EMPTY
        return None

    def is_open(self, raw: str) -> bool:
        """Return whether the record ends inside a quoted field: the text after it would belong to it."""
        lines = StringIO(f"{raw}\nx".replace("\0", "\ufffd"), newline="")
        return list(csv.reader(lines, delimiter=self._delimiter, quotechar=self._quote))[-1] != ["x"]


def _has_surrogate(text: str) -> bool:
    """Return whether the text holds bytes that could not be decoded, each as a lone surrogate."""
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _end_of_last_line(text: str) -> int:
    r"""Return the place after the last whole line: after a `\r` at the very end its `\n` may still follow."""
    return max(text.rfind("\n"), text.rfind("\r", 0, len(text) - 1)) + 1


class Records:
    """Reads records one after the other, each with its text in the file."""

    def __init__(self, read: Callable[[int], str], dialect: Dialect) -> None:
        self._read = read
        self._grammar = Grammar(dialect)
        self._delimiter, self._quote = dialect.delimiter, dialect.quote
        self.blank_lines = 0
        self._line = 1
        csv.field_size_limit(MAX_RECORD)
        self._blocks: Iterator[Block] = self._read_blocks()

    def header(self) -> tuple[list[str], str]:
        """Return the names in the first record, and its text. Refuses an empty file and broken text."""
        for block in self._blocks:
            while block.records:
                row, raw = block.records.pop(0)
                if not row:
                    self.blank_lines += 1
                    continue
                self._blocks = chain([block], self._blocks)
                if reason := self._grammar.judge(row, raw):
                    raise self._broken_header(reason)
                return ["" if name == EMPTY else name for name in row], raw
        message = "The file is empty."
        raise InputRefused(message, "It must begin with a line that names the columns.")

    def batches(self, width: int) -> Iterator[Batch]:
        """Return the data records in order, one block of the file at a time; blank lines are not rows."""
        is_plain, quote, position = self._grammar.is_plainly_quoted, self._quote, 0
        for block in self._blocks:
            batch = Batch()
            for row, raw in block.records:
                if not row:
                    self.blank_lines += 1
                    continue
                position += 1
                reason: Reason | None = None
                if len(row) != width:
                    reason = "field_count"
                elif block.is_suspicious or (quote in raw and not is_plain(raw)):
                    reason = self._grammar.judge(row, raw)
                if reason is None:
                    batch.numbers.append(position)
                    batch.rows.append(FIELD_END.join(row))
                    batch.raws.append(raw)
                else:
                    batch.malformed.append(Malformed(position, raw, reason))
            yield batch

    def _read_blocks(self) -> Iterator[Block]:
        """Return the records of the file, block by block. A record cut by a block's end is read again with the next."""
        rest, is_last = "", False
        while not is_last:
            block = self._read_block()
            is_last = not block
            text = rest + block
            cut = len(text) if is_last else _end_of_last_line(text)
            records, rest = self._parse(text[:cut]), text[cut:]
            if records and self._grammar.is_open(records[-1][1]):
                rest = records.pop()[1] + rest
                self._line += text.count("\n", 0, len(text) - len(rest))
                if is_last:
                    raise self._never_closed()
            else:
                self._line += text.count("\n", 0, cut)
            if len(rest) > MAX_RECORD:
                raise self._too_long()
            yield Block(records, is_suspicious="\0" in text or _has_surrogate(text))

    def _read_block(self) -> str:
        try:
            return self._read(BLOCK_CHARACTERS)
        except UnicodeError:
            message = f"After line {self._line} there is text that is not in the given encoding."
            raise InputRefused(message, "Give the right one with --encoding.") from None

    def _parse(self, text: str) -> list[Record]:
        lines = StringIO(text, newline="").readlines()
        # csv of Python 3.10 stops at a NUL; a record with one is passed on as text anyway.
        readable = [line.replace("\0", "\ufffd") for line in lines] if "\0" in text else lines
        reader = csv.reader(readable, delimiter=self._delimiter, quotechar=self._quote)
        records: list[Record] = []
        first = 0
        try:
            for row in reader:
                after = reader.line_num
                records.append((row, lines[first] if after - first == 1 else "".join(lines[first:after])))
                first = after
        except csv.Error:
            raise self._too_long() from None
        return records

    def _too_long(self) -> InputRefused:
        message = (
            f"The record that begins in line {self._line} is longer than 16 MiB: a quote may never be closed there."
        )
        return InputRefused(message, "Close the quote, or give the file's --quote and --delimiter.")

    def _never_closed(self) -> InputRefused:
        message = f"A quote opened in the record that begins in line {self._line} is never closed."
        return InputRefused(message, "Close it, or give the file's own --quote.")

    def _broken_header(self, reason: Reason) -> InputRefused:
        what = {
            "undecodable": "is not text in the given encoding",
            "nul": "holds NUL bytes: it is not text, or it is UTF-16",
        }
        message = f"The header {what.get(reason, 'has a quote that does not end at a delimiter')}."
        return InputRefused(message, "Give the right --encoding, --delimiter and --quote, or repair the header.")
