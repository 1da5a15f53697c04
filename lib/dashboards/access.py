"""Access in Superset: roles, users, row-level rules and dashboards' roles, all from `conf/roles.yaml`.

Superset repeats the access rules of the SQL endpoint. One rule denies all rows of a table to everybody, and each role's
own rule gives its rows back. A user without a role, or with a role without a rule, sees nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lib.contracts.model import Catalog, Table
from lib.dashboards.bundle import uuid
from lib.dashboards.client import Client
from lib.dashboards.specs import Dashboard
from lib.serving.accounts import SERVICE, Account, generated
from lib.serving.roles import Role, Roles
from lib.sql import literal

BUILT_IN = {"Admin", "Alpha", "Gamma", "Public", "sql_lab"}
# The permissions that a viewer needs to see a dashboard and use its filters, but not to make, change or explore
# anything.
VIEWER = (
    ("can_read", "Dashboard"),
    ("can_read", "Chart"),
    ("can_dashboard", "Superset"),
    ("can_read", "DashboardFilterStateRestApi"),
    ("can_write", "DashboardFilterStateRestApi"),
    ("can_log", "Superset"),
    ("can_time_range", "Api"),
    ("can_read", "CurrentUserRestApi"),
    ("can_read", "SecurityRestApi"),
    ("menu_access", "Dashboards"),
)
NO_ROW, EVERY_ROW = "1 = 0", "1 = 1"


@dataclass(frozen=True)
class Rule:
    """One row-level rule, with the names of Superset's API."""

    name: str
    kind: str
    clause: str
    tables: tuple[int, ...]
    roles: tuple[int, ...]

    @property
    def body(self) -> Mapping[str, Any]:
        """The body of the request that makes it."""
        return {
            "name": self.name,
            "filter_type": self.kind,
            "clause": self.clause,
            "tables": list(self.tables),
            "roles": list(self.roles),
            "group_key": "rows",
            "description": "From conf/roles.yaml; made anew from there",
        }


@dataclass(frozen=True)
class Access:
    """Brings Superset's access in line with the code; each change is reported in a few words."""

    client: Client
    catalog: Catalog
    roles: Roles

    def apply(self, dashboards: Iterable[Dashboard], accounts: Iterable[Account]) -> list[str]:
        """Make, change and remove everything that differs."""
        made = self._make_roles()
        ids = self._role_ids()
        changes = [*made, *self._set_permissions(ids), *self._set_rules(ids), *self._open(dashboards, ids)]
        return [*changes, *self._set_users(accounts, ids), *self._prune_roles()]

    def _role_ids(self) -> dict[str, int]:
        return {role["name"]: role["id"] for role in self.client.all("security/roles/")}

    def _make_roles(self) -> list[str]:
        missing = sorted(set(self.roles.by_name) - set(self._role_ids()))
        for name in missing:
            self.client.post("security/roles/", {"name": name})
        return [f"role {name}: made" for name in missing]

    def _prune_roles(self) -> list[str]:
        gone = {name: i for name, i in self._role_ids().items() if name not in {*self.roles.by_name, *BUILT_IN}}
        for number in gone.values():
            self.client.delete(f"security/roles/{number}")
        return [f"role {name}: gone" for name in sorted(gone)]

    def _set_permissions(self, ids: Mapping[str, int]) -> list[str]:
        changes, wanted = [], set(VIEWER)
        known: dict[tuple[str, str], int] = {}
        for name in self.roles.by_name:
            stated = self.client.get(f"security/roles/{ids[name]}/permissions/")["result"]
            if {(p["permission_name"], p["view_menu_name"]) for p in stated} != wanted:
                known = known or self._permission_ids()
                body = {"permission_view_menu_ids": [known[permission] for permission in VIEWER]}
                self.client.post(f"security/roles/{ids[name]}/permissions", body)
                changes.append(f"role {name}: may look at dashboards")
        return changes

    def _permission_ids(self) -> dict[tuple[str, str], int]:
        entries = self.client.all("security/permissions-resources/")
        return {(entry["permission"]["name"], entry["view_menu"]["name"]): entry["id"] for entry in entries}

    def rules(self, ids: Mapping[str, int], datasets: Mapping[str, int]) -> list[Rule]:
        """All rules: first those that deny, then those that give each role its rows."""
        tables = self.catalog.readable
        everywhere = tuple(sorted(datasets[table.path] for table in tables))
        found = [Rule("Nobody, without a rule of the role", "Base", NO_ROW, everywhere, ())]
        for role in self.roles.by_name.values():
            read = tuple(sorted(datasets[table.path] for table in tables if self._reads(role, table)))
            found.append(Rule(f"Rows of {role.name}", "Regular", self._clause(role), read, (ids[role.name],)))
        return found

    def _reads(self, role: Role, table: Table) -> bool:
        has_column = self.roles.column in [column.name for column in table.stored]
        return table.layer in role.marts and (has_column or not role.rows)

    def _clause(self, role: Role) -> str:
        values = ", ".join(literal(value) for value in role.rows or ())
        return f"{self.roles.column} IN ({values})" if role.rows else EVERY_ROW

    def _datasets(self) -> dict[str, int]:
        by_uuid = {uuid("dataset", table.path): table.path for table in self.catalog}
        return {
            by_uuid[entry["uuid"]]: entry["id"] for entry in self.client.all("dataset/") if entry["uuid"] in by_uuid
        }

    def _set_rules(self, ids: Mapping[str, int]) -> list[str]:
        stated = {entry["name"]: entry for entry in self.client.all("rowlevelsecurity/")}
        wanted = {rule.name: rule for rule in self.rules(ids, self._datasets())}
        changes = []
        for name, rule in wanted.items():
            if name not in stated:
                self.client.post("rowlevelsecurity/", rule.body)
                changes.append(f"rule '{name}': made")
            elif _as_stated(stated[name]) != rule:
                self.client.put(f"rowlevelsecurity/{stated[name]['id']}", rule.body)
                changes.append(f"rule '{name}': changed")
        for name in sorted(set(stated) - set(wanted)):
            self.client.delete(f"rowlevelsecurity/{stated[name]['id']}")
            changes.append(f"rule '{name}': gone")
        return changes

    def _open(self, dashboards: Iterable[Dashboard], ids: Mapping[str, int]) -> list[str]:
        """Show each dashboard to the roles that read all its marts."""
        changes = []
        for dashboard in dashboards:
            wanted = [role.name for role in self.roles.by_name.values() if dashboard.marts <= set(role.marts)]
            stated = self.client.get(f"dashboard/{dashboard.slug}")["result"]
            if {role["name"] for role in stated["roles"]} != set(wanted):
                self.client.put(f"dashboard/{stated['id']}", {"roles": [ids[name] for name in wanted]})
                changes.append(f"dashboard {dashboard.slug}: for {', '.join(wanted) or 'nobody'}")
        return changes

    def _set_users(self, accounts: Iterable[Account], ids: Mapping[str, int]) -> list[str]:
        stated = {user["username"]: user for user in self.client.all("security/users/")}
        wanted = {account.name: account.role for account in accounts if account.role in self.roles}
        kept = {account.name for account in accounts if account.role == SERVICE}
        changes = []
        for name, role in wanted.items():
            if name not in stated:
                self.client.post("security/users/", _user(name, ids[role]))
                changes.append(f"user {name}: made")
            elif [r["name"] for r in stated[name]["roles"]] != [role] or not stated[name]["active"]:
                self.client.put(f"security/users/{stated[name]['id']}", {"roles": [ids[role]], "active": True})
                changes.append(f"user {name}: changed")
        for name in sorted(set(stated) - set(wanted) - kept):
            self.client.delete(f"security/users/{stated[name]['id']}")
            changes.append(f"user {name}: gone")
        return changes


def _as_stated(entry: Mapping[str, Any]) -> Rule:
    tables = tuple(sorted(table["id"] for table in entry["tables"]))
    roles = tuple(sorted(role["id"] for role in entry["roles"]))
    return Rule(entry["name"], entry["filter_type"], entry["clause"], tables, roles)


def _user(name: str, role: int) -> Mapping[str, Any]:
    """A user whose password is checked against the endpoint's file; nobody knows the password stored in Superset."""
    names = {"username": name, "first_name": name, "last_name": "-", "email": f"{name}@localhost"}
    return {**names, "active": True, "password": f"{generated()}aA1!aA1!", "roles": [role]}
