"""What the other tests prove they prove: without the gate the same statements pass, and the self-test notices it."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from tests.endpoint.lakes import CANARY, publish
from tests.endpoint.server import running, start
from tests.endpoint.test_attacks import outcome

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


def test_the_attacks_succeed_without_the_gate(tmp_path: Path) -> None:
    lake, secret = tmp_path / "lake", tmp_path / "secret.txt"
    publish(lake, 1)
    secret.write_text(CANARY, encoding="utf-8")
    environment = {"LAKEHOUSE_TEST_GATE": "off", "LAKEHOUSE_TEST_SELF_TEST": "off"}
    with (
        running(tmp_path / "server", lake, jobs=JOBS, **environment) as server,
        contextlib.closing(server.connect("data_engineer")) as connection,
    ):
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
