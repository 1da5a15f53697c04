"""The findings of an audit: one per check, passed or not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one check of one table.

    `observed` and `expected` hold counts, names and types, never a value of a row.
    """

    table: str
    check: str
    passed: bool
    observed: str
    expected: str
    description: str
