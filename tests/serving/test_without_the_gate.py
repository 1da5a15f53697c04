"""The other tests really prove something: without the gate the same statements pass, and the self-test notices it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.lakes import CANARY, publish
from tests.serving.server import Server, running, start
from tests.serving.test_attacks import outcome

pytestmark = pytest.mark.e2e
JOBS = Path(__file__).parent / "jobs"


def test_the_self_test_opens_no_port_without_the_gate(tmp_path: Path) -> None:
    publish(tmp_path / "lake", 1)
    environment = {"LAKEHOUSE_TEST_GATE": "off", "LAKEHOUSE_TEST_SELF_TEST": "on"}
    server = start(tmp_path / "server", tmp_path / "lake", JOBS, **environment)
    assert server.process.wait(120) == 1
    assert "hostile statements" in server.log
    assert "The port stays closed." in server.log
    assert "Ready:" not in server.log


@pytest.fixture(scope="module")
def unguarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("unguarded")
    publish(folder / "lake", 1)
    environment = {"LAKEHOUSE_TEST_GATE": "off", "LAKEHOUSE_TEST_SELF_TEST": "off"}
    with running(folder / "server", folder / "lake", jobs=JOBS, **environment) as server:
        yield server


def test_the_attacks_succeed_without_the_gate(unguarded: Server, tmp_path: Path) -> None:
    lake, secret = unguarded.folder.parent / "lake", tmp_path / "secret.txt"
    secret.write_text(CANARY, encoding="utf-8")
    with contextlib.closing(unguarded.connect("data_engineer")) as connection:
        told = {
            text: outcome(connection, text)
            for text in (
                f"select * from text.`{secret}`",
                f"select * from delta.`{lake}/silver/users`",
                "select reflect('java.lang.System', 'getProperty', 'user.dir')",
                "explain select 1",
                "set",
            )
        }
    assert [text for text, answer in told.items() if not answer.startswith("PASSED")] == []
    assert CANARY in told[f"select * from text.`{secret}`"]
    assert CANARY in told[f"select * from delta.`{lake}/silver/users`"]


def test_a_stack_that_overflows_in_a_task_ends_its_statement_and_not_the_server(unguarded: Server) -> None:
    """The gate stops the one pattern that is known to do it; another way may be found."""
    with contextlib.closing(unguarded.connect("data_engineer")) as connection:
        assert "StackOverflowError" in outcome(connection, "select repeat('a', 100000) rlike '(a|b)*c'")
    assert unguarded.rows("data_engineer", "select 1") == [(1,)]
