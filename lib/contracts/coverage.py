"""The census: which rights reach each column with personal data, read from the contracts.

A column is covered if it states purpose, legal basis and retention, and if erasure, export and retention reach its
rows. They do if the contract states which column leads to the data subject and how (`subject`, `subjectBy`), and when
the retention begins (`retentionFrom`). A contract may exempt its rows from a right, with the reason. Views are never
stored, and a column treated as `drop` never enters: there is nothing to reach.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lib.contracts.model import RIGHTS, Catalog, Column, Table
from lib.errors import UsageError


@dataclass(frozen=True)
class Coverage:
    """One personal column: the rights that reach it, the rights that it is exempt from, and what is missing."""

    table: Table
    column: Column
    reached: tuple[str, ...]
    exempt: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing

    def __str__(self) -> str:
        return f"{self.table.path}.{self.column.name} lacks {', '.join(self.missing)}"


def census(catalog: Catalog) -> tuple[Coverage, ...]:
    """Every column with personal data, in the order of the catalog, including columns that are never stored."""
    return tuple(_coverage(table, column) for table in catalog for column in table.columns if column.personal)


def gaps(catalog: Catalog) -> tuple[Coverage, ...]:
    """The columns that are not covered."""
    return tuple(found for found in census(catalog) if not found.complete)


def require(catalog: Catalog) -> None:
    """Raise `UsageError`, which names every column that is not covered: no job may claim what it cannot do."""
    found = gaps(catalog)
    if found:
        raise UsageError(
            f"The contracts do not cover this personal data: {'; '.join(map(str, found))}.",
            "State it in the contract; lib/contracts/model.py lists the properties.",
        )


def stored_subjects(catalog: Catalog) -> tuple[Table, ...]:
    """The stored tables whose rows lead to a data subject, in the order of the catalog."""
    return tuple(table for table in catalog.stored if table.subject and table.subject_by)


def _coverage(table: Table, column: Column) -> Coverage:
    needed = RIGHTS if column.enters and not table.is_view else ()
    exempt = tuple(right for right in needed if table.exempt.get(right))
    reached = tuple(right for right in needed if right not in exempt and _reaches(right, table, column))
    missing = [right for right in needed if right not in (*exempt, *reached)]
    return Coverage(table, column, reached, exempt, (*_unstated(column), *missing))


def _unstated(column: Column) -> Iterator[str]:
    if not column.purpose:
        yield "purpose"
    if not column.legal_basis:
        yield "legal basis"
    if not column.retention:
        yield "retention period"


def _reaches(right: str, table: Table, column: Column) -> bool:
    stored = {each.name for each in table.stored}
    if right == "retention":
        return bool(column.retention and column.retention_from) and (
            column.retention_from in stored or table.subject in stored
        )
    return table.subject in stored and table.subject_by is not None
