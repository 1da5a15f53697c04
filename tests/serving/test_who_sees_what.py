"""Each role sees the rows that conf/roles.yaml allows, by a comparison with the Delta tables, read without Spark."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from tests.serving.lakes import MARTS, PROJECT, published
from tests.serving.server import Server

pytestmark = pytest.mark.e2e
STATED = yaml.safe_load((PROJECT / "conf/roles.yaml").read_text(encoding="utf-8"))
ROLES: dict[str, dict[str, Any]] = STATED["roles"]


def expected(role: str, path: str, table: pa.Table) -> Counter[tuple[Any, ...]]:
    """The rows of a table that a role may see, by a reading of the roles that is not the engine's."""
    stated = ROLES.get(role, {"marts": [], "rows": []})
    if path.split("/", maxsplit=1)[0] not in stated["marts"]:
        return Counter()
    rows = [row for row in table.to_pylist() if stated["rows"] == "all" or row.get(STATED["column"]) in stated["rows"]]
    return Counter(tuple(map(comparable, row.values())) for row in rows)


def comparable(value: Any) -> str:
    """A value as both readers write it: PyHive gives dates as text, and timestamps without a zone."""
    if hasattr(value, "tzinfo"):
        return str(value.replace(tzinfo=None))
    return str(value)


def test_every_role_has_a_user(server: Server) -> None:
    assert set(server.passwords) == {*ROLES, "superset"}


@pytest.mark.parametrize("role", [*ROLES, "superset"])
def test_a_role_sees_its_rows_and_no_other(server: Server, lake: Path, role: str) -> None:
    tables = published(lake)
    for table in MARTS:
        found = server.rows(role, f"select * from {table.path.replace('/', '.')}")
        assert Counter(tuple(map(comparable, row)) for row in found) == expected(role, table.path, tables[table.path])


def test_rows_of_several_regions_are_for_those_who_see_all() -> None:
    for role in ROLES.values():
        assert role["rows"] == "all" or not set(role["rows"]) & set(STATED["only_for_all"])


def test_the_dashboards_account_sees_the_rows_of_whom_it_acts_for(server: Server, lake: Path) -> None:
    tables = published(lake)
    for role in ("sales_manager_asia", "executive", "data_engineer"):
        options = {"configuration": {"hive.server2.proxy.user": role}}
        found = server.rows("superset", "select * from mart_sales.monthly", **options)
        assert len(found) == sum(expected(role, "mart_sales/monthly", tables["mart_sales/monthly"]).values())
