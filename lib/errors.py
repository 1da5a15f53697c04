"""The errors an operator can meet: what was wrong, where, what to do, and the exit code that says which kind it was."""

from __future__ import annotations


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
    """The staged versions did not pass the audit; nothing has been published."""

    exit_code = 4


class LakeBusy(LakehouseError):
    """Another job holds the lake's lock."""

    exit_code = 5
