"""The errors that a user of the splitter can meet: one sentence each; the exit code shows the kind.

No message ever holds a value of a row: line numbers, column numbers and file names only.
"""

from __future__ import annotations


class SplitterError(Exception):
    """Base of every expected error, and the kind for failing output (disk full, connection lost)."""

    exit_code = 1

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class UsageError(SplitterError):
    """Wrong use: an option, a path, an occupied target, an unreachable database."""

    exit_code = 2


class InputRefused(SplitterError):
    """The input cannot be read as a CSV with a header; nothing has been written."""

    exit_code = 3


def write_failed(place: object, error: OSError) -> SplitterError:
    """The error of a disk that cannot be written, which is not the user's fault."""
    message = f"{place} cannot be written ({error.strerror})."
    return SplitterError(message, "Nothing was published. Free some space, or choose another folder, and run again.")
