"""A statement with any text reaches only the asker's rows: tried on DuckDB, without Superset."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.dashboards.guard import Guard, guarding
from tests.dashboards.tricks import conditions, texts

pytestmark = pytest.mark.e2e
QUICK = settings(
    max_examples=400,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
ROWS = [("Asia", "a", 1), ("Asia", "b", 2), ("Europe", "EUROPE", 1000), ("Africa", "AFRICA", 100_000)]
RULE = "((1 = 0) OR (region IN ('Asia')))"
# The places of a statement into which Superset writes text, with its own rule beside it.
PLACES = (
    f"SELECT region, SUM(revenue) AS r FROM mart_sales.monthly WHERE {{}} AND {RULE} GROUP BY region",
    f"SELECT region, SUM(revenue) AS r FROM mart_sales.monthly WHERE region = '{{}}' AND {RULE} GROUP BY region",
    f"SELECT {{}} AS x FROM mart_sales.monthly WHERE {RULE}",
    f"SELECT MAX({{}}) AS x, region FROM mart_sales.monthly WHERE {RULE} GROUP BY region",
    f"SELECT region FROM mart_sales.monthly WHERE {RULE} GROUP BY region HAVING {{}}",
    f"SELECT region, category FROM mart_sales.monthly AS m WHERE {RULE} ORDER BY {{}}",
    f"SELECT COUNT(*) AS n FROM (SELECT region FROM mart_sales.monthly WHERE {{}} AND {RULE}) AS q",
)
statements = st.builds(str.format, st.sampled_from(PLACES), conditions | texts)


@pytest.fixture(scope="module")
def guard() -> Iterator[Guard]:
    with guarding() as process:
        yield process


@pytest.fixture(scope="module")
def answers() -> Iterator[Callable[[str], tuple[Any, Any]]]:
    """DuckDB's answers over everybody's rows, and over the rows of Asia alone."""
    with duckdb.connect() as everybody, duckdb.connect() as asia:
        for database, rows in ((everybody, ROWS), (asia, ROWS[:2])):
            database.execute("create schema mart_sales")
            database.execute("create table mart_sales.monthly (region varchar, category varchar, revenue int)")
            database.executemany("insert into mart_sales.monthly values (?, ?, ?)", rows)
        yield lambda sql: (_answer(everybody, sql), _answer(asia, sql))


def _answer(database: duckdb.DuckDBPyConnection, sql: str) -> Any:
    try:
        return sorted(database.execute(sql).fetchall(), key=repr)
    except duckdb.Error:
        return "an error"


class OthersRows(Exception):
    """An answer depends on rows of others; the statement."""


def _property(guard: Guard, answers: Callable[[str], tuple[Any, Any]], *, rewrite: bool) -> list[str]:
    """Others' rows change no answer. The result is how each statement ended."""
    ends: list[str] = []

    @QUICK
    @given(statement=statements)
    def holds(statement: str) -> None:
        found = guard.sent(statement, rewrite=rewrite)
        if found["guarded"] is None:
            ends.append("refused")
            return
        if rewrite:
            assert found["outside"] == []
            assert found["again"] == found["guarded"]
        of_all, of_asia = answers(found["duckdb"])
        if of_all != of_asia:
            raise OthersRows(statement)
        ends.append("an error" if of_all == "an error" else "answered")

    holds()
    return ends


def test_no_text_reaches_the_rows_of_others(guard: Guard, answers: Callable[[str], tuple[Any, Any]]) -> None:
    ends = _property(guard, answers, rewrite=True)
    assert ends.count("answered") > 50
    assert ends.count("refused") > 50


def test_without_the_rewriting_they_are_reached(guard: Guard, answers: Callable[[str], tuple[Any, Any]]) -> None:
    with pytest.raises(OthersRows):
        _property(guard, answers, rewrite=False)


def test_the_statement_that_is_sent(guard: Guard) -> None:
    asked = (
        "SELECT region, SUM(revenue) AS r /* x */ FROM mart_sales.monthly m WHERE 1=1 OR m.region = 'x' -- y\nLIMIT 5"
    )
    assert guard.sent(asked)["guarded"] == (
        "SELECT `region`, SUM(`revenue`) AS `r` FROM (SELECT * FROM `mart_sales`.`monthly`"
        " WHERE 1 = 0 OR `region` IN ('Asia')) AS `m` WHERE 1 = 1 OR `m`.`region` = 'x' LIMIT 5"
    )


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        ("O'Brien", r"'O\'Brien'"),
        ("C:\\", r"'C:\\'"),
        ("x\\' OR 1=1 -- ", r"'x\\\' OR 1=1 -- '"),
        ("tab\\tword", r"'tab\\tword'"),
        ("${env:HOME}", r"'$\{env:HOME}'"),
        ("\\${x}", r"'\\$\{x}'"),
        ("100%", "'100%'"),
        ("a\nb", "'a\nb'"),
    ],
)
def test_a_value_is_written_as_spark_reads_it(guard: Guard, value: str, literal: str) -> None:
    assert guard.ask(literal=value) == {"text": literal, "read": value}


# Spark's own reading of a literal, by its documentation: a backslash stands for the letter after it, save these.
NAMED = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a", "%": "\\%", "_": "\\_"}


def _as_spark_reads(literal: str) -> str:
    return re.sub(r"\\(.)", lambda found: NAMED.get(found[1], found[1]), literal[1:-1], flags=re.DOTALL)


def test_every_text_is_written_so_that_spark_and_the_guard_read_it_back(guard: Guard) -> None:
    @QUICK
    @given(value=texts | st.text())
    def holds(value: str) -> None:
        written = guard.ask(literal=value)
        assert written["read"] == value
        assert _as_spark_reads(written["text"]) == value
        assert "${" not in written["text"]
        assert not re.search(r"(?<!\\)(\\\\)*'", written["text"][1:-1])

    holds()


@pytest.mark.parametrize(
    ("stated", "accepted"),
    [
        ("C:\\", "C:\\\\"),
        ("50\\%", "50\\%"),
        ("a\\_b\\c", "a\\_b\\\\c"),
        ("\\\\", "\\\\"),
        ("\\\\\\", "\\\\\\\\"),
        ("%", "%"),
    ],
)
def test_a_pattern_has_no_backslash_that_escapes_nothing(guard: Guard, stated: str, accepted: str) -> None:
    assert guard.ask(pattern=stated)["text"] == accepted
    assert guard.ask(pattern=accepted)["text"] == accepted


def test_who_has_no_rule_gets_no_row(guard: Guard) -> None:
    sent = guard.sent("select 1 from mart_sales.monthly", rules=[])
    assert sent["guarded"] == "SELECT 1 FROM (SELECT * FROM `mart_sales`.`monthly` WHERE 1 = 0) AS `monthly`"


@pytest.mark.parametrize("clause", ["1 = 1) OR (1 = 1", "EXISTS (SELECT 1)", "region in (select 'x')", "", "'"])
def test_a_rule_that_cannot_be_read_lets_nothing_through(guard: Guard, clause: str) -> None:
    assert guard.sent("select 1 from mart_sales.monthly", rules=[[clause]])["guarded"] is None
