"""A viewer learns what the pages of the allowed dashboards show, and nothing about anything else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from lib.dashboards.client import Client
from tests.dashboards.stack import DASHBOARDS, ROLES, SEES, Stack

pytestmark = pytest.mark.e2e
VIEWERS = ("executive", "sales_manager_asia", "data_engineer")
LISTS = (
    *(f"{kind}/related/{column}" for kind in ("dashboard", "chart") for column in ("owners", "created_by", "roles")),
    *("dataset/related/owners", "dataset/related/database", "query/related/user", "tag/related/created_by"),
    *("dataset/distinct/schema", "query/distinct/status", "saved_query/distinct/schema"),
    *("security/users/", "security/roles/", "security/roles/search/", "security/groups/"),
    *("theme/", "css_template/", "theme/related/changed_by", "css_template/related/created_by", "tag/"),
    *("async_event/", "log/recent_activity/", "available_domains/", "menu/", "report/", "annotation_layer/"),
)
INNER = {"select_star", "perm", "schema_perm", "catalog_perm", "sql", "expression", "username", "email", "edit_url"}


def _own(role: str) -> str:
    return next(slug for slug in DASHBOARDS if SEES[role, slug])


@pytest.mark.parametrize("viewer", VIEWERS)
def test_no_list_of_people_or_roles_is_given(stack: Stack, viewer: str) -> None:
    client = stack.client(viewer)
    assert {path: client.ask("GET", path).status_code for path in LISTS} == dict.fromkeys(LISTS, 403)


@pytest.mark.parametrize("viewer", VIEWERS)
def test_no_chart_is_shown_by_its_number(stack: Stack, viewer: str) -> None:
    client = stack.client(viewer)
    paths = ("form_data/?slice_id={}", "chart/{}", "chart/{}/data/", "explore/?slice_id={}")
    for number in stack.chart_ids.values():
        found = [client.ask("GET", path.format(number)).status_code for path in paths]
        assert found == [403] * len(paths), number


@pytest.mark.parametrize("viewer", VIEWERS)
def test_what_is_told_of_an_own_dashboard_names_nobody_and_has_no_sql(stack: Stack, viewer: str) -> None:
    client, slug = stack.client(viewer), _own(viewer)
    for path in ("", "/charts", "/datasets"):
        content = client.get(f"dashboard/{slug}{path}")
        assert _keys(content) & INNER == set(), path
        _assert_names_nobody(stack, viewer, content)
    assert client.get(f"dashboard/{slug}")["result"]["owners"] == []
    assert client.get(f"dashboard/{slug}")["result"]["changed_by"] is None


def test_the_list_of_dashboards_names_nobody(stack: Stack) -> None:
    client = stack.client("executive")
    people = ["owners.email", "owners.first_name", "changed_by.first_name", "created_by.first_name", "roles.name"]
    content = client.get("dashboard/", {"columns": ["id", "slug", *people]})
    assert {entry["slug"] for entry in content["result"]} == {"sales", "users"}
    _assert_names_nobody(stack, "executive", content["result"])


def test_what_could_be_filled_in_is_not_listed(stack: Stack) -> None:
    assert stack.client("executive").get("dashboard/_info") == {"permissions": ["can_read"]}


@pytest.mark.parametrize("kind", ["full", "query", "results", "samples"])
def test_figures_come_without_their_sql(stack: Stack, kind: str) -> None:
    answer = stack.asked(stack.client("executive"), "sales", "revenue", metrics=["revenue"], result_type=kind)
    assert "SELECT" not in answer.text.upper()


def test_figures_are_not_changed_on_the_way(stack: Stack) -> None:
    asked = {"columns": ["region"], "metrics": ["revenue"]}
    answer = stack.asked(stack.client("executive"), "sales", "revenue", **asked)
    total = sum(row["revenue"] for row in json.loads(answer.text, parse_float=_cents)["result"][0]["data"])
    assert total == sum(
        _cents(str(row[0])) for row in stack.figures("select sum(revenue) from mart_sales.monthly group by region")
    )


def _cents(text: str) -> int:
    whole, _, part = text.partition(".")
    return int(whole + part.ljust(4, "0"))


def test_a_refusal_does_not_name_the_table_of_others(stack: Stack) -> None:
    question = stack.question("users", "users", "mart_users/demographics", metrics=["users"])
    answer = stack.client("sales_manager_asia").ask("POST", "chart/data", json=question)
    assert answer.status_code == 403
    assert "mart_users" not in answer.text


def test_a_page_tells_of_oneself_alone(stack: Stack) -> None:
    for path in ("/dashboard/list/", "/superset/dashboard/sales/"):
        answer = stack.client("sales_manager_asia").session.get(stack.url + path)
        assert answer.status_code == 200
        _assert_names_nobody(stack, "sales_manager_asia", answer.text)


def test_filters_that_one_has_set_are_not_given_to_another(stack: Stack) -> None:
    one, other = stack.client("executive"), stack.client("sales_analyst")
    place = f"dashboard/{stack.dashboard_ids['sales']}/filter_state"
    value = json.dumps({"chosen": {"region": "Asia"}})
    key = one.post(place, {"value": value})["key"]
    assert one.get(f"{place}/{key}") == {"value": value}
    assert other.ask("GET", f"{place}/{key}").status_code == 404
    assert other.ask("PUT", f"{place}/{key}", json={"value": value}).status_code == 403
    assert other.ask("DELETE", f"{place}/{key}").status_code == 403


def test_colours_that_a_page_saves_by_itself_are_not_saved(stack: Stack) -> None:
    before = stack.admin.get("dashboard/sales")["result"]["json_metadata"]
    client: Client = stack.client("executive")
    answer = client.ask("PUT", f"dashboard/{stack.dashboard_ids['sales']}/colors", json={"label_colors": {"x": "red"}})
    assert answer.status_code == 200
    assert stack.admin.get("dashboard/sales")["result"]["json_metadata"] == before


def test_the_administrator_is_told_all(stack: Stack) -> None:
    content = stack.admin.get("dashboard/sales/datasets")
    assert {"select_star", "perm", "owners"} <= _keys(content)


def _keys(content: Any) -> set[str]:
    return {name for part in _parts(content) if isinstance(part, dict) for name in part}


def _parts(content: Any) -> Iterator[Any]:
    yield content
    inner = content.values() if isinstance(content, dict) else content if isinstance(content, list) else ()
    for part in inner:
        yield from _parts(part)


def _assert_names_nobody(stack: Stack, viewer: str, content: Any) -> None:
    """No account, role or address of anyone else; the viewer's own name is the viewer's."""
    text = content if isinstance(content, str) else json.dumps(content)
    own = text.replace(viewer, "")
    others = {*ROLES.by_name, *stack.passwords} - {viewer, "superset"}
    assert [name for name in others if name in own] == []
    assert not re.search("Service(?! Worker)", own)
    assert "superset@" not in own
