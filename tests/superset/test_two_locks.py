"""Rows are held back twice: each lock holds alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.superset.stack import Stack, regions, wait_until

pytestmark = pytest.mark.e2e
MANAGER = "sales_manager_europe"
BY_REGION = {"columns": ["region"], "metrics": ["revenue"]}


@pytest.fixture
def afterwards(stack: Stack) -> Iterator[None]:
    """The rules and roles as they were."""
    roles = stack.roles_file.read_text(encoding="utf-8")
    yield
    stack.roles_file.write_text(roles, encoding="utf-8")
    stack.provision()
    wait_until(lambda: _at_the_endpoint(stack) == {"Europe"})


def _at_the_endpoint(stack: Stack) -> set[str]:
    return {region for (region,) in stack.at_the_endpoint(MANAGER, "select distinct region from mart_sales.monthly")}


def test_without_supersets_rules_the_endpoint_gives_the_own_region(stack: Stack, afterwards: None) -> None:
    for rule in list(stack.admin.all("rowlevelsecurity/")):
        stack.admin.delete(f"rowlevelsecurity/{rule['id']}")
    assert list(stack.admin.all("rowlevelsecurity/")) == []
    answer = stack.asked(stack.client(MANAGER), "sales", "revenue", **BY_REGION, force=True)
    assert regions(answer) == {"Europe"}
    assert "1 = 0" not in answer.json()["result"][0]["query"]


def test_without_the_endpoints_filter_supersets_rule_gives_the_own_region(stack: Stack, afterwards: None) -> None:
    roles = stack.roles_file.read_text(encoding="utf-8")
    opened = roles.replace("rows: [Europe]", "rows: all")
    stack.roles_file.write_text(opened, encoding="utf-8")
    wait_until(lambda: len(_at_the_endpoint(stack)) > 1)
    wait_until(lambda: _rule(stack)["clause"] == "1 = 1")  # the launcher follows
    client = stack.client(MANAGER)
    assert len(regions(stack.asked(client, "sales", "revenue", **BY_REGION))) > 1
    rule = _rule(stack)
    parts = {part: [entry["id"] for entry in rule[part]] for part in ("tables", "roles")}
    stack.admin.put(f"rowlevelsecurity/{rule['id']}", {"clause": "region IN ('Europe')", **parts})
    assert regions(stack.asked(client, "sales", "revenue", **BY_REGION)) == {"Europe"}


def _rule(stack: Stack) -> dict[str, Any]:
    return next(dict(rule) for rule in stack.admin.all("rowlevelsecurity/") if rule["name"] == f"Rows of {MANAGER}")


def test_who_has_no_rule_sees_nothing(stack: Stack, afterwards: None) -> None:
    stack.admin.delete(f"rowlevelsecurity/{_rule(stack)['id']}")
    assert regions(stack.asked(stack.client(MANAGER), "sales", "revenue", **BY_REGION)) == set()


def test_one_after_the_other_on_a_warm_cache_each_sees_the_own_rows(stack: Stack) -> None:
    europe, asia, everyone = (stack.client(n) for n in (MANAGER, "sales_manager_asia", "sales_analyst"))
    first = [regions(stack.asked(client, "sales", "regions", **BY_REGION)) for client in (europe, asia, europe, asia)]
    assert first == [{"Europe"}, {"Asia"}, {"Europe"}, {"Asia"}]
    assert len(regions(stack.asked(everyone, "sales", "regions", **BY_REGION))) > 2
    again = stack.asked(europe, "sales", "regions", **BY_REGION)
    assert again.json()["result"][0]["is_cached"]
    assert regions(again) == {"Europe"}


def test_a_user_never_gets_what_another_of_the_same_role_rules_was_given(stack: Stack) -> None:
    for name in ("executive", "sales_analyst"):
        assert not stack.asked(stack.client(name), "sales", "years", metrics=["revenue"]).json()["result"][0][
            "is_cached"
        ]
