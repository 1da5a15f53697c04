"""The views of the SQL endpoint: one for each published table, filtered by the asking user.

The catalogue holds a stub: the contract's columns without rows. The gate reads the body instead of the stub
(`lib/serving/gate/Gate.java`). So a client finds no path and no user's name in the catalogue, a view without its body
is empty, and all bodies change in one step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lib.contracts.model import Table
from lib.serving.accounts import Account
from lib.serving.roles import Role, Roles
from lib.sql import literal, quoted


@dataclass(frozen=True)
class View:
    """The view of one published table."""

    table: Table

    @property
    def database(self) -> str:
        """The mart."""
        return self.table.layer

    @property
    def name(self) -> str:
        """Database and view as SQL."""
        return f"{quoted(self.database)}.{quoted(self.table.name)}"

    @property
    def stub(self) -> str:
        """The view's text in the catalogue, which the gate replaces."""
        columns = ", ".join(
            f"cast(null as {column.physical_type}) as {quoted(column.name)}" for column in self.table.stored
        )
        return f"select {columns} where {literal(self.table.path)} is null"

    @property
    def definition(self) -> str:
        """The statement that makes the view, comments included."""
        columns = ", ".join(f"{quoted(c.name)} comment {literal(c.description)}" for c in self.table.stored)
        return f"create or replace view {self.name} ({columns}) comment {literal(self._comment)} as {self.stub}"

    def source(self, lake: str, version: int) -> str:
        """The rows of the published version, not filtered."""
        columns = ", ".join(quoted(column.name) for column in self.table.stored)
        return f"select {columns} from delta.{quoted(f'{lake}/{self.table.path}@v{version}')}"

    def body(self, lake: str, version: int, roles: Roles, accounts: Iterable[Account]) -> str:
        """The rows of the published version that the asking user may see."""
        return f"{self.source(lake, version)} where {condition(self.table, roles, list(accounts))}"

    @property
    def _comment(self) -> str:
        return f"{self.table.description} Grain: {self.table.grain}." if self.table.grain else self.table.description


def condition(table: Table, roles: Roles, accounts: list[Account]) -> str:
    """The rows of a table that the user `current_user()` may see, as an SQL condition."""
    filtered = roles.column in [column.name for column in table.stored]
    terms = [_term(role, roles.column, accounts) for role in roles.reading(table.layer) if filtered or not role.rows]
    return " or ".join(term for term in terms if term) or "false"


def _term(role: Role, column: str, accounts: Iterable[Account]) -> str:
    users = [account.name for account in accounts if account.role == role.name]
    if not users:
        return ""
    asking = f"current_user() in ({_list(users)})"
    return asking if role.rows is None else f"({asking} and {quoted(column)} in ({_list(role.rows)}))"


def by_database(views: Iterable[View]) -> Mapping[str, set[str]]:
    """The names of the views of each database."""
    names: dict[str, set[str]] = {}
    for view in views:
        names.setdefault(view.database, set()).add(view.table.name)
    return names


def _list(values: Iterable[str]) -> str:
    return ", ".join(literal(value) for value in values)
