"""No statement of a client reaches anything but the marts' rows."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from pyhive.exc import Error

from tests.serving.attacks import VIEW, all_attacks
from tests.serving.lakes import CANARY
from tests.serving.server import Server, refusal, rows

pytestmark = pytest.mark.e2e
NO_SQL = (
    "[PARSE_SYNTAX_ERROR]",
    "[INVALID_SET_SYNTAX]",
    "[INVALID_RESET_COMMAND_FORMAT]",
    "[FAILED_TO_PARSE_TOO_COMPLEX]",
)


def outcomes(server: Server, user: str, statements: list[str]) -> dict[str, str]:
    """The client's error for each statement, in one session; `PASSED` if it was not refused."""
    with contextlib.closing(server.connect(user)) as connection:
        return {statement: outcome(connection, statement) for statement in statements}


def outcome(connection: Any, statement: str) -> str:
    try:
        return f"PASSED: {rows(connection, statement)[:3]}"
    except Error as error:
        return refusal(error)


@pytest.fixture(scope="session")
def told(server: Server, lake: Path) -> dict[str, str]:
    file = lake.parent / "secret.txt"
    file.write_text(CANARY, encoding="utf-8")
    return outcomes(server, "executive", all_attacks(str(lake), str(file)))


def test_every_attack_is_refused(told: dict[str, str]) -> None:
    # A statement that is not SQL at all is an error of the parser, which is as good.
    passed = {s[:100]: t[:200] for s, t in told.items() if not t.startswith(("Refused: ", *NO_SQL))}
    assert passed == {}


def test_a_refusal_is_short_and_shows_nothing(told: dict[str, str]) -> None:
    for text in told.values():
        assert CANARY not in text
        if "Refused: " in text:
            assert len(text) < 250


def test_the_server_still_answers_and_its_lake_is_untouched(server: Server, lake: Path, told: dict[str, str]) -> None:
    assert server.rows("executive", f"select count(*) from {VIEW}") == [(21,)]
    assert sorted(path.name for path in lake.iterdir() if not path.name.startswith(".")) == [
        "mart_operations",
        "mart_sales",
        "mart_users",
        "published.json",
        "published_operations.json",
        "silver",
    ]
    assert len(list((lake / "silver/users/_delta_log").glob("*.json"))) == 1


def test_refusals_are_logged_by_user_and_hash(server: Server, told: dict[str, str]) -> None:
    lines = [line for line in server.log.splitlines() if " refused " in line]
    assert any("refused the function user=executive statement=sha256:" in line for line in lines)
    assert not [line for line in lines if "reflect" in line or CANARY in line or "select" in line]


@pytest.mark.parametrize(
    "statement", [f"select nothing from {VIEW}", f"select sum(region) from {VIEW}", "select nothing"]
)
def test_an_error_shows_neither_plan_nor_filter(server: Server, statement: str) -> None:
    with pytest.raises(Error) as error:
        server.rows("sales_manager_asia", statement)
    assert refusal(error.value)
    for hidden in ("current_user", "executive", "Relation", "Project", "@v", "lake", "java"):
        assert hidden not in str(error.value)


def test_a_value_of_a_hidden_row_is_in_no_error(server: Server) -> None:
    for statement in (
        f"select cast(region as int) from {VIEW}",
        f"select * from {VIEW} where cast(region as int) = 1",
        f"select a.* from {VIEW} a join mart_sales.yearly b on cast(a.region as int) = cast(b.region as int)",
        f"select sum(case when region <> 'Asia' then cast(region as int) end) from {VIEW}",
    ):
        try:
            told = str(server.rows("sales_manager_asia", statement))
        except Error as error:
            told = refusal(error)
        assert not [name for name in ("Africa", "Americas", "Europe", "Oceania", "Unknown", "/lake") if name in told]
