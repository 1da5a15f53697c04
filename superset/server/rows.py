"""The rows that the viewer's rules allow, from Superset's row-level rules, and the statement with only these rows."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import firewall


def guarded(sql: str, *, database: Any, security_manager: Any, **_: Any) -> str:
    """The statement that may be sent for the asking user. Raises `firewall.Refused`."""
    return firewall.guard(sql, lambda schema, table: _rules(database, security_manager, schema, table))


def _rules(database: Any, security_manager: Any, schema: str, table: str) -> firewall.Rules:
    """The rules of the asking user, as Superset groups them; empty if there is no dataset, user or rule."""
    from superset.connectors.sqla.models import SqlaTable  # noqa: PLC0415 - needs an application

    known = security_manager.session.query(SqlaTable)
    dataset = known.filter_by(database_id=database.id, schema=schema, table_name=table).one_or_none()
    groups: dict[Any, list[str]] = defaultdict(list)
    for rule in security_manager.get_rls_filters(dataset) if dataset else ():
        groups[rule.group_key or rule.id].append(rule.clause)
    return tuple(tuple(sorted(group)) for group in groups.values())
