"""Rows are held back twice: each lock holds alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.dashboards.locks import open_the_endpoint, put_back, rule, set_rule
from tests.dashboards.stack import Stack, regions

pytestmark = pytest.mark.e2e
MANAGER = "sales_manager_europe"
BY_REGION = {"columns": ["region"], "metrics": ["revenue"]}


@pytest.fixture
def afterwards(stack: Stack) -> Iterator[None]:
    with put_back(stack, MANAGER):
        yield


def test_without_supersets_rule_the_endpoint_gives_the_own_region(stack: Stack, afterwards: None) -> None:
    set_rule(stack, MANAGER, "1 = 1")
    answer = stack.asked(stack.client(MANAGER), "sales", "revenue", **BY_REGION, force=True)
    assert regions(answer) == {"Europe"}
    assert "'Europe'" not in answer.json()["result"][0]["query"]


def test_without_the_endpoints_filter_supersets_rule_gives_the_own_region(stack: Stack, afterwards: None) -> None:
    open_the_endpoint(stack, MANAGER, "Europe")
    client = stack.client(MANAGER)
    assert regions(stack.asked(client, "sales", "revenue", **BY_REGION)) == {"Europe"}
    set_rule(stack, MANAGER, "1 = 1")
    assert len(regions(stack.asked(client, "sales", "revenue", **BY_REGION))) > 1


def test_who_has_no_rule_sees_nothing(stack: Stack, afterwards: None) -> None:
    stack.admin.delete(f"rowlevelsecurity/{rule(stack, MANAGER)['id']}")
    assert regions(stack.asked(stack.client(MANAGER), "sales", "revenue", **BY_REGION)) == set()


def test_without_any_rule_nobody_sees_anything(stack: Stack, afterwards: None) -> None:
    for stated in list(stack.admin.all("rowlevelsecurity/")):
        stack.admin.delete(f"rowlevelsecurity/{stated['id']}")
    assert list(stack.admin.all("rowlevelsecurity/")) == []
    assert regions(stack.asked(stack.client(MANAGER), "sales", "revenue", **BY_REGION, force=True)) == set()


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
