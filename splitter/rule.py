"""The rules that choose the part for a well-formed row."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

from splitter.canonical import FIELD_END, number
from splitter.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

PARTS = 3


class Rule(Protocol):
    """A rule of placement."""

    def place(self, rows: Sequence[str]) -> list[Sequence[int]]:
        """Return, for each part, the indexes of its rows among these canonical rows."""

    def describe(self) -> dict[str, str]:
        """Describe the rule for the manifest."""


@dataclass
class ByPosition:
    """The first row to the first part, the second to the second …: needs no count beforehand."""

    _next: int = 0

    def place(self, rows: Sequence[str]) -> list[Sequence[int]]:
        """Deal the rows out; sizes never differ by more than one."""
        starts = [(part - self._next) % PARTS for part in range(PARTS)]
        self._next += len(rows)
        return [range(start, len(rows), PARTS) for start in starts]

    def describe(self) -> dict[str, str]:
        """Describe the rule for the manifest."""
        return {"kind": "position"}


@dataclass(frozen=True)
class ByValue:
    """Rows with the same value of one column to the same part, in every run and on every machine."""

    column: str
    index: int

    def place(self, rows: Sequence[str]) -> list[Sequence[int]]:
        """Choose by the value's hash."""
        places: list[list[int]] = [[] for _ in range(PARTS)]
        for position, row in enumerate(rows):
            value = row.split(FIELD_END, self.index + 1)[self.index]
            places[number(sha256(value.encode()).digest()) % PARTS].append(position)
        return [*places]

    def describe(self) -> dict[str, str]:
        """Describe the rule for the manifest."""
        return {"kind": "value", "column": self.column}


def rule_for(column: str | None, header: Sequence[str]) -> Rule:
    """Choose the rule; UsageError if the column is not in the header."""
    if column is None:
        return ByPosition()
    if column in header:
        return ByValue(column, header.index(column))
    near = get_close_matches(column, header, n=1)
    message = f"The header has no column {column!r} to split by."
    raise UsageError(message, f"Did you mean {near[0]!r}?" if near else "Give --by one of the header's names.")
