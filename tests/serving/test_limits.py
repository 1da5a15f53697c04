"""All of one user's statements end: they are refused before they are parsed, or ended at their time limit."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest
from pyhive.exc import Error
from TCLIService import ttypes

from lib.serving.gate_selftest import BOMBS
from tests.serving.idle import assert_idle
from tests.serving.server import Server, refusal, rows

pytestmark = pytest.mark.e2e
VIEW = "mart_sales.monthly"
# Small for the parser, within every limit, and work for minutes: for the planner, for the tasks, for a pattern.
JOINED = "".join(f", a{n} as (select l.x from a{n - 1} l join a{n - 1} r on l.x = r.x)" for n in range(1, 6))
LONG_PLAN = f"with a0 as (select region as x from {VIEW}) {JOINED} select count(*) from a5"
LONG_PATTERN = "select '" + "a" * 40_000 + "' like '" + "%a" * 12 + "%b'"
LONG_REGEX = "select repeat(region, 500) rlike '(.*e)*(.*e)*(.*i)*x' from " + VIEW


@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb[:40])
def test_a_bomb_is_refused_and_the_server_goes_on(server: Server, bomb: str) -> None:
    with pytest.raises(Error) as error:
        server.rows("sales_analyst", bomb.replace("from t ", f"from {VIEW} "))
    assert refusal(error.value).startswith("Refused: ")
    assert len(refusal(error.value)) < 250


# As large as people and tools write; all of it is answered.
@pytest.mark.parametrize(
    "statement",
    [
        f"select count(*) from {VIEW} where units in (" + ", ".join(map(str, range(5_000))) + ")",
        f"select count(*) from {VIEW} where " + " or ".join(f"units = {n}" for n in range(100)),
        "select sum(case when units > " + "(" * 20 + "1" + ")" * 20 + f" then 1 else 0 end) from {VIEW}",
        " union all ".join([f"select region from {VIEW}"] * 8),
        "select " + "/* a comment */ " * 50 + "1",
        "select '" + "/*" * 1_000 + "(" * 1_000 + "not - + ' as text",
        "select 1 as `" + "(" * 100 + "`",
        "select '" + "ä" * 20_000 + "'",
        f"select region, {', '.join(f'sum(units) as u{n}' for n in range(100))} from {VIEW} group by region",
        f"with a as (select units/2 as h from {VIEW}), b as (select h + h as u, h * h as q from a) select u/q from b",
        f"select * from {VIEW} a left join {VIEW} b on a.region = b.region and a.units = b.units limit 5",
        f"select concat_ws(' / ', region, category, period_start) from {VIEW}",
    ],
    ids=lambda statement: statement[:40],
)
def test_what_people_write_is_within_the_limits(server: Server, statement: str) -> None:
    assert server.rows("executive", statement)


@pytest.mark.parametrize("statement", [LONG_PLAN, LONG_PATTERN, LONG_REGEX], ids=["plan", "pattern", "regex"])
@pytest.mark.timeout(300)
def test_a_long_statement_is_ended_and_leaves_nothing_behind(server: Server, statement: str) -> None:
    with contextlib.closing(server.connect("sales_analyst")) as connection:
        with contextlib.suppress(Error):
            rows(connection, statement)
        assert_idle(server)
        assert rows(connection, "select 1") == [(1,)]


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("statement", [LONG_PLAN, LONG_PATTERN], ids=["plan", "pattern"])
@pytest.mark.timeout(300)
def test_what_a_client_began_ends_when_the_client_has_gone(server: Server, statement: str, background: bool) -> None:  # noqa: FBT001 - a parameter of the test
    connection = server.connect("sales_analyst")
    begin(connection, statement, background=background)
    time.sleep(3)
    connection._transport.close()
    assert_idle(server, within=30)


def begin(connection: Any, statement: str, *, background: bool) -> None:
    """Send a statement, and wait for no answer."""
    request = ttypes.TExecuteStatementReq(connection.sessionHandle, statement, runAsync=background)
    connection.client.send_ExecuteStatement(request)


def test_statements_of_one_user_take_turns_and_nobody_else_waits(server: Server) -> None:
    connections = [server.connect("sales_analyst") for _ in range(8)]
    for connection in connections:
        begin(connection, LONG_PATTERN, background=False)
    time.sleep(2)
    assert server.rows("executive", f"select count(*) from {VIEW}") == [(21,)]
    for connection in connections:
        connection._transport.close()
    assert_idle(server, within=30)


def test_a_request_larger_than_any_statement_ends_the_connection_only(server: Server) -> None:
    with pytest.raises(Exception, match=r"read 0 bytes|unexpected exception|reset|Broken pipe"):
        server.rows("executive", "select '" + "x" * 3_000_000 + "'")
    assert server.rows("executive", "select 1") == [(1,)]
