"""Roles: the marts that each may read, and their rows. They are defined only in `conf/roles.yaml`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lib.contracts.model import Catalog
from lib.errors import UsageError, nearest
from lib.serving.accounts import SERVICE

ALL = "all"
KEYS = {"column", "only_for_all", "roles"}
ROLE_KEYS = {"marts", "rows"}


@dataclass(frozen=True)
class Role:
    """`rows` are the values of the roles' column that it sees; None: all rows, also in marts without the column."""

    name: str
    marts: tuple[str, ...]
    rows: tuple[str, ...] | None


@dataclass(frozen=True)
class Roles:
    """All roles. `column` is the column of the marts whose value decides who sees a row."""

    column: str
    by_name: Mapping[str, Role]

    def __contains__(self, name: str) -> bool:
        return name in self.by_name

    def reading(self, mart: str) -> tuple[Role, ...]:
        """The roles that may read a mart."""
        return tuple(role for role in self.by_name.values() if mart in role.marts)

    def require(self, name: str) -> str:
        """The name, if it is a role or the service's; else `UsageError`."""
        if name not in self.by_name and name != SERVICE:
            raise UsageError(f"There is no role '{name}'.", nearest(name, [*self.by_name, SERVICE]))
        return name


def load(file: Path, catalog: Catalog) -> Roles:
    """Read the roles. Raises `UsageError` if a mart, a column or a value does not exist."""
    stated = _mapping(_read(file), KEYS, str(file))
    column, reserved = stated.get("column", ""), {str(value) for value in stated.get("only_for_all") or ()}
    marts = sorted({table.layer for table in catalog.readable})
    values = _values(catalog, column)
    if values is None:
        raise UsageError(f"{file}: no mart has the column '{column}'.")
    roles = {}
    for name, entry in _mapping(stated.get("roles") or {}, None, f"{file}: roles").items():
        where = f"{file}: role '{name}'"
        if name == SERVICE:
            raise UsageError(f"{where}: this name is kept for the account that acts for others.")
        role = _role(name, _mapping(entry, ROLE_KEYS, where), where)
        _require_known(role.marts, marts, f"{where}: mart")
        _require_known(role.rows or (), sorted(values - reserved), f"{where}: rows")
        roles[name] = role
    return Roles(column, roles)


def _role(name: str, entry: Mapping[str, Any], where: str) -> Role:
    marts, rows = entry.get("marts"), entry.get("rows")
    if not isinstance(marts, list) or not marts:
        raise UsageError(f"{where} names no marts.", "Write marts: [NAME].")
    if rows != ALL and (not isinstance(rows, list) or not rows):
        raise UsageError(f"{where} does not say which rows it sees.", "Write rows: all, or rows: [VALUE].")
    return Role(name, tuple(marts), None if rows == ALL else tuple(rows))


def _values(catalog: Catalog, name: str) -> set[str] | None:
    """The values that the contracts list for the column; None if no mart has it."""
    columns = [c for table in catalog.readable for c in table.stored if c.name == name]
    return {str(value) for column in columns for value in column.values} if columns else None


def _require_known(names: Iterable[str], known: list[str], where: str) -> None:
    for name in names:
        if name not in known:
            raise UsageError(f"{where} '{name}' cannot be used in a role.", nearest(str(name), known))


def _mapping(entry: Any, keys: set[str] | None, where: str) -> Mapping[str, Any]:
    if not isinstance(entry, dict):
        raise UsageError(f"{where} is not a mapping of names to values.")
    for key in entry:
        if keys is not None and key not in keys:
            raise UsageError(f"{where}: '{key}' is unknown.", nearest(str(key), sorted(keys)))
    return entry


def _read(file: Path) -> Any:
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise UsageError(f"The roles {file} cannot be read: {' '.join(str(error).split())}.") from error
