"""No question in any form returns the rows of another region, even with the endpoint's own lock lifted."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lib.dashboards.client import Client
from lib.dashboards.servers import HOST, SERVER, Servers, is_healthy, superset_command, superset_environment
from tests.dashboards.locks import open_the_endpoint, put_back
from tests.dashboards.stack import Stack
from tests.dashboards.tricks import conditions, texts
from tests.ports import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
MANAGER, REGION = "sales_manager_asia", "Asia"
OTHERS = {"Africa", "Americas", "Europe", "Oceania", "Unknown"}
SEARCH = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
OPERATORS = ("==", "!=", "IN", "NOT IN", "LIKE", "ILIKE", "IS NULL", "IS NOT NULL", ">", "<=", "TEMPORAL_RANGE")
fragments = conditions | texts
sql_columns = st.builds(lambda sql: {"expressionType": "SQL", "label": "x", "sqlExpression": sql}, fragments)
names = st.sampled_from(["region", "category", "period_start", "revenue", "is_complete"])
columns = names | sql_columns | fragments
metrics = st.sampled_from(["revenue", "orders"]) | st.builds(
    lambda sql: {"expressionType": "SQL", "label": "m", "sqlExpression": f"MAX({sql})"}, fragments
)
values = texts | st.lists(texts, max_size=3) | st.none() | st.integers() | st.booleans() | st.just({"a": 1})
named = {"IN": ["x"], "NOT IN": ["x"], "==": "x", "!=": "x", "IS NULL": None, "IS NOT NULL": None}
open_ended = st.builds("{} OR {}".format, conditions, st.sampled_from(["region", "category"]))
hidden = st.builds(  # a condition in the place of a column, which goes on in what Superset writes after it
    lambda sql, operator: {
        "col": {"expressionType": "SQL", "label": "x", "sqlExpression": sql},
        "op": operator,
        "val": named[operator],
    },
    open_ended | conditions,
    st.sampled_from(sorted(named)),
)
filters = st.fixed_dictionaries({"col": columns, "op": st.sampled_from(OPERATORS), "val": values})
# Most questions keep to what is allowed, and try one thing: else nearly all would be refused for another reason.
queries = st.one_of(
    st.fixed_dictionaries({"filters": st.lists(hidden, min_size=1, max_size=2)}),
    st.fixed_dictionaries({"filters": st.lists(hidden | filters, min_size=1, max_size=2)}),
    st.fixed_dictionaries({"filters": st.lists(filters, min_size=1, max_size=2)}),
    st.fixed_dictionaries({"filters": st.lists(st.builds(lambda f: {**f, "col": "region"}, filters), min_size=1)}),
    st.fixed_dictionaries({"extras": st.fixed_dictionaries({"where": fragments})}),
    st.fixed_dictionaries({"extras": st.fixed_dictionaries({"having": fragments})}),
    st.fixed_dictionaries({"columns": st.lists(columns, min_size=1, max_size=2)}),
    st.fixed_dictionaries({"metrics": st.lists(metrics, min_size=1, max_size=2)}),
    st.fixed_dictionaries({"orderby": st.lists(st.tuples(columns | metrics, st.booleans()), max_size=2)}),
    st.fixed_dictionaries({"granularity": texts, "time_range": texts}),
    st.fixed_dictionaries({"groupby": st.lists(columns), "result_type": st.sampled_from(["full", "samples", "query"])}),
)


@pytest.fixture(scope="module")
def opened(stack: Stack) -> Iterator[Stack]:
    """The stack, whose endpoint gives the manager every row."""
    with put_back(stack, MANAGER):
        open_the_endpoint(stack, MANAGER, REGION)
        yield stack


@contextlib.contextmanager
def _unguarded(stack: Stack, home: Path) -> Iterator[Stack]:
    """A second Superset with the same metadata, which neither judges nor rewrites questions."""
    port = free_port()
    environment = superset_environment(stack.secrets, stack.folder / "home")
    folders = [str(Path(__file__).parent / "unguarded"), str(SERVER)]
    with contextlib.closing(Servers(home)) as servers:
        servers.start("unguarded", superset_command(port), {**environment, "PYTHONPATH": ":".join(folders)})
        servers.wait(lambda: is_healthy(f"http://{HOST}:{port}"), "Starting Superset", 240)
        yield replace(stack, port=port)


def _search(stack: Stack, client: Client, most: float) -> list[int]:
    """Ask at random; raises `OthersRows` for an answer that holds more than Asia. The result is each status."""
    statuses: list[int] = []

    @SEARCH
    @given(query=queries)
    def holds(query: dict[str, Any]) -> None:
        asked = {"columns": ["region"], "metrics": ["orders"], **query}
        answer = stack.asked(client, "sales", "revenue", **asked, force=True)
        statuses.append(answer.status_code)
        _assert_own(answer, most)

    holds()
    return statuses


class OthersRows(Exception):
    """An answer holds rows that the asker may not see; the statement that was sent."""


def _assert_own(answer: requests.Response, most: float) -> None:
    assert answer.status_code == 200 or 400 <= answer.status_code < 500, answer.text[:300]
    if answer.status_code != 200:
        assert answer.json()["message"]
        return
    rows = [row for result in answer.json()["result"] for row in result.get("data") or ()]
    found = {value for row in rows for value in row.values() if isinstance(value, str)}
    if found & OTHERS or sum(row.get("orders") or 0 for row in rows) > most:
        raise OthersRows(answer.json()["result"][0]["query"])


def _orders(stack: Stack) -> float:
    sql = f"select sum(order_lines) from mart_sales.monthly where region = '{REGION}'"
    return float(stack.figures(sql)[0][0])


def test_no_row_of_another_region_comes_back(opened: Stack) -> None:
    statuses = _search(opened, opened.client(MANAGER), _orders(opened))
    assert statuses.count(200) > 20
    assert statuses.count(400) > 20


def test_without_rewriting_and_judging_it_does(opened: Stack, tmp_path: Path) -> None:
    with _unguarded(opened, tmp_path) as bare, pytest.raises(OthersRows):
        _search(bare, bare.client(MANAGER), _orders(opened))


@pytest.mark.parametrize(
    "condition",
    [
        {"col": "region", "op": "==", "val": "x\\' OR 1=1 -- "},
        {"col": "region", "op": "IN", "val": ["\\", " ) OR 1=1 GROUP BY region -- "]},
    ],
)
def test_a_value_that_ends_its_own_quotes_is_a_value(opened: Stack, condition: dict[str, Any]) -> None:
    answer = opened.asked(opened.client(MANAGER), "sales", "revenue", metrics=["revenue"], filters=[condition])
    assert answer.json()["result"][0]["data"] in ([], [{"revenue": None}])
