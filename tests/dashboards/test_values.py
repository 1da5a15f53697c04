"""Every value that a shop has works as a filter: as DuckDB finds it in the published table."""

from __future__ import annotations

import re
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lib.dashboards.client import Client
from tests.dashboards.odd_names import NAMES
from tests.dashboards.stack import Stack
from tests.dashboards.tricks import texts

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
SEARCH = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
TABLE = "mart_sales/products"
MONTHLY = {"col": "period", "op": "==", "val": "month"}
# What DuckDB is asked for each operator; patterns have their escape stated, which Spark takes for granted.
IN_DUCKDB = {
    "==": "product = $value",
    "!=": "product <> $value",
    "IN": "product in (select unnest($value))",
    "NOT IN": "product not in (select unnest($value))",
    "LIKE": "product like $value escape '\\'",
    "ILIKE": "product ilike $value escape '\\'",
    "NOT LIKE": "product not like $value escape '\\'",
}
products = st.sampled_from(NAMES)
values = products | texts.filter(lambda text: not re.search("[\ud800-\udfff]", text))
# A pattern in which each backslash escapes a wildcard or another backslash.
letters = st.characters(codec="utf-8", exclude_characters="\\%_\0").map(str)
pieces = (
    st.sampled_from(["%", "_", "\\%", "\\_", "\\\\", "'", "a", "O", "x", "$", "{", "-", " ", "\\\\", "%"]) | letters
)
escaped = products.map(lambda name: re.sub(r"([\\%_])", r"\\\1", name))
patterns = st.lists(pieces, max_size=6).map("".join) | escaped | escaped.map(lambda name: f"%{name[1:]}")


@pytest.fixture(scope="module")
def database(stack: Stack) -> duckdb.DuckDBPyConnection:
    found = duckdb.connect()
    found.register("products", stack.published()[TABLE])
    return found


@pytest.fixture(scope="module")
def client(stack: Stack) -> Client:
    return stack.client("sales_analyst")


def _found(stack: Stack, client: Client, operator: str, value: Any) -> set[tuple[str, str, int]]:
    filters = [MONTHLY, {"col": "product", "op": operator, "val": value}]
    asked = {"columns": ["product", "region"], "metrics": ["orders"], "filters": filters, "row_limit": 10_000}
    answer = stack.asked(client, "sales", "products", **asked)
    assert answer.ok, answer.text
    return {(row["product"], row["region"], row["orders"]) for row in answer.json()["result"][0]["data"]}


def _expected(database: duckdb.DuckDBPyConnection, operator: str, value: Any) -> set[tuple[Any, ...]]:
    where = f"where period = 'month' and {IN_DUCKDB[operator]}"
    sql = f"select product, region, sum(order_lines) from products {where} group by all"
    return set(database.execute(sql, {"value": value}).fetchall())


def test_the_odd_names_are_published(database: duckdb.DuckDBPyConnection) -> None:
    published = {name for (name,) in database.execute("select distinct product from products").fetchall()}
    assert set(NAMES) <= published


@pytest.mark.parametrize("name", NAMES)
def test_a_name_finds_its_rows(stack: Stack, client: Client, name: str) -> None:
    assert _found(stack, client, "==", name) == {(name, "Asia", 1), (name, "Europe", 1)}


def test_any_text_finds_what_duckdb_finds(stack: Stack, client: Client, database: duckdb.DuckDBPyConnection) -> None:
    @SEARCH
    @given(operator=st.sampled_from(["==", "!="]), value=values)
    def one(operator: str, value: str) -> None:
        assert _found(stack, client, operator, value) == _expected(database, operator, value)

    @SEARCH
    @given(operator=st.sampled_from(["IN", "NOT IN"]), value=st.lists(values, min_size=1, max_size=5))
    def several(operator: str, value: list[str]) -> None:
        assert _found(stack, client, operator, value) == _expected(database, operator, value)

    one()
    several()


def test_any_pattern_finds_what_duckdb_finds(stack: Stack, client: Client, database: duckdb.DuckDBPyConnection) -> None:
    @SEARCH
    @given(operator=st.sampled_from(["LIKE", "ILIKE", "NOT LIKE"]), value=patterns)
    def holds(operator: str, value: str) -> None:
        assert _found(stack, client, operator, value) == _expected(database, operator, value)

    holds()


@pytest.mark.parametrize("name", [name for name in NAMES if "\\" in name and "%" not in name and "_" not in name])
def test_a_backslash_that_escapes_nothing_is_a_letter_of_the_pattern(stack: Stack, client: Client, name: str) -> None:
    if "\\\\" not in name:
        assert _found(stack, client, "LIKE", name) == {(name, "Asia", 1), (name, "Europe", 1)}
