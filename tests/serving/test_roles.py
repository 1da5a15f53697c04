"""Roles and the views' filters that follow from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.errors import UsageError
from lib.serving.accounts import Account
from lib.serving.roles import Roles, load
from lib.serving.views import View, condition
from tests.serving.lakes import CATALOG, MARTS, PROJECT

STATED = """
column: region
only_for_all: [All, Other]
roles:
  head: {marts: [mart_sales, mart_users], rows: all}
  europe: {marts: [mart_sales], rows: [Europe]}
  engineer: {marts: [mart_operations], rows: [Europe]}
"""


def roles_of(tmp_path: Path, text: str) -> Roles:
    file = tmp_path / "roles.yaml"
    file.write_text(text, encoding="utf-8")
    return load(file, CATALOG)


def test_the_roles_of_the_project_are_read() -> None:
    roles = load(PROJECT / "conf/roles.yaml", CATALOG)
    assert roles.column == "region"
    assert roles.by_name["sales_manager_europe"].rows == ("Europe",)
    assert roles.by_name["executive"].rows is None


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("mart_users", "mart_user"), "mart 'mart_user' cannot be used in a role. Did you mean 'mart_users'?"),
        (("[Europe]", "[Europ]"), "rows 'Europ' cannot be used in a role. Did you mean 'Europe'?"),
        (("[Europe]", "[All]"), "rows 'All' cannot be used in a role"),
        (("[Europe]", "[Europe, Other]"), "rows 'Other' cannot be used in a role"),
        (("[Europe]", "[]"), "does not say which rows it sees"),
        (("[Europe]", "every"), "does not say which rows it sees"),
        (("[mart_sales]", "[]"), "names no marts"),
        (("rows: all", "row: all"), "'row' is unknown. Did you mean 'rows'?"),
        (("column: region", "column: planet"), "no mart has the column 'planet'"),
        (("head:", "service:"), "this name is kept"),
        (("column:", "colum:"), "'colum' is unknown. Did you mean 'column'?"),
        (("roles:", "roles: ["), "cannot be read"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, change: tuple[str, str], sentence: str) -> None:
    with pytest.raises(UsageError) as error:
        roles_of(tmp_path, STATED.replace(*change))
    assert sentence in str(error.value)


def test_an_unknown_role_is_refused_with_the_nearest(tmp_path: Path) -> None:
    roles = roles_of(tmp_path, STATED)
    assert roles.require("service") == "service"
    with pytest.raises(UsageError, match="Did you mean 'europe'"):
        roles.require("europ")


def test_a_view_shows_rows_by_who_asks(tmp_path: Path) -> None:
    roles = roles_of(tmp_path, STATED)
    users = [Account("ada", "head", "x"), Account("eve", "europe", "x"), Account("bob", "engineer", "x")]
    users += [Account("old", "no_such_role", "x"), Account("dash", "service", "x")]
    monthly, churn, runs = (
        CATALOG[path] for path in ("mart_sales/monthly", "mart_users/churn", "mart_operations/runs")
    )
    assert condition(monthly, roles, users) == (
        "current_user() in ('ada') or (current_user() in ('eve') and `region` in ('Europe'))"
    )
    assert condition(churn, roles, users) == "current_user() in ('ada')"
    # Without the column rows cannot be distinguished: a role for some rows sees none.
    assert condition(runs, roles, users) == "false"
    assert condition(monthly, roles, []) == "false"


def test_a_stub_tells_nothing_and_gives_no_row() -> None:
    for table in MARTS:
        stub = View(table).stub
        assert stub.endswith(f" where '{table.path}' is null")
        assert "@" not in stub
    assert len({View(table).stub for table in MARTS}) == len(MARTS)


def test_a_body_is_pinned_to_a_version(tmp_path: Path) -> None:
    body = View(CATALOG["mart_users/activity"]).body("/a `lake`", 7, roles_of(tmp_path, STATED), [])
    assert body.startswith("select `month`, `region`, ")
    assert body.endswith(" from delta.`/a ``lake``/mart_users/activity@v7` where false")
