"""What an audit finds: one finding per check, passed or not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one check of one table.

    `observed` and `expected` speak of counts, names and types, never of a value that stands in a row.
    """

    table: str
    check: str
    passed: bool
    observed: str
    expected: str
    description: str
