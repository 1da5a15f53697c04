"""The errors an operator can meet: what was wrong, where, what to do, and the exit code that shows their kind."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# Exit codes of a process ended by a signal, as shells count: Ctrl-C, a closed terminal, SIGTERM. The lake is as sound
# as before, and the same command continues the work.
INTERRUPTED, HUNG_UP, TERMINATED = 130, 129, 143
OUT_OF_MEMORY = 52  # Spark's own code, between job and launcher; the launcher prints the sentence and ends with 1


class LakehouseError(Exception):
    """Base of every expected error: `message` states what and where, `remedy` what to do next."""

    exit_code = 1

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class UsageError(LakehouseError):
    """Wrong use or configuration: options, deployment file, contract, source mapping, missing Java."""

    exit_code = 2


class InputRefused(LakehouseError):
    """An input does not fit its mapping; none of its rows has been loaded."""

    exit_code = 3


class AuditFailed(LakehouseError):
    """The staged versions failed the audit, and nothing has been published; or the lake is damaged."""

    exit_code = 4


class LakeBusy(LakehouseError):
    """Another job holds the lake's lock."""

    exit_code = 5


def nearest(name: str, known: Iterable[str]) -> str:
    """A remedy for an unknown name: the nearest known name, or all of them."""
    names = sorted(known) if isinstance(known, (set, frozenset)) else list(known)
    folded = {candidate.casefold(): candidate for candidate in names}
    match = difflib.get_close_matches(name.casefold(), folded, n=1)
    return f"Did you mean '{folded[match[0]]}'?" if match else f"Known: {', '.join(names) or 'none'}."
