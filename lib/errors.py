"""The errors an operator can meet: what was wrong, where, what to do, and the exit code that says which kind it was."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# Of a process that a signal has ended, as shells count: Ctrl-C, a terminal that has gone, SIGTERM. The lake is as sound
# as before, and the same command again goes on.
INTERRUPTED, HUNG_UP, TERMINATED = 130, 129, 143
OUT_OF_MEMORY = 52  # Spark's own code for it, between job and launcher; the launcher says the sentence and ends with 1


class LakehouseError(Exception):
    """Base of every expected error: `message` says what and where, `remedy` what to do next."""

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
    """An input cannot be read as what its mapping says; nothing of it has been loaded."""

    exit_code = 3


class AuditFailed(LakehouseError):
    """The staged versions did not pass the audit, and nothing has been published; or the lake is damaged."""

    exit_code = 4


class LakeBusy(LakehouseError):
    """Another job holds the lake's lock."""

    exit_code = 5


def nearest(name: str, known: Iterable[str]) -> str:
    """A remedy for a name that is not known: the nearest one, or all that there are."""
    names = sorted(known) if isinstance(known, (set, frozenset)) else list(known)
    folded = {candidate.casefold(): candidate for candidate in names}
    match = difflib.get_close_matches(name.casefold(), folded, n=1)
    return f"Did you mean '{folded[match[0]]}'?" if match else f"Known: {', '.join(names) or 'none'}."
