"""Superset's row rules, as they are written from the roles."""

from __future__ import annotations

import pytest

from lib.dashboards.access import Access
from lib.serving.roles import Role, Roles


@pytest.mark.parametrize(
    ("rows", "clause"),
    [
        (("Asia", "Europe"), "region IN ('Asia', 'Europe')"),
        (("Val d'Oise",), r"region IN ('Val d\'Oise')"),
        (("a\\", ") OR (1 = 1"), r"region IN ('a\\', ') OR (1 = 1')"),
        (None, "1 = 1"),
    ],
)
def test_a_rule_names_its_values_as_spark_reads_them(rows: tuple[str, ...] | None, clause: str) -> None:
    role = Role("anyone", ("mart_sales",), rows)
    access = Access(None, None, Roles("region", {role.name: role}))  # type: ignore[arg-type]  # neither is asked
    assert access._clause(role) == clause
