"""Many clients at once, and one whose query is heavy: everybody is answered."""

from __future__ import annotations

import contextlib
import re
import subprocess
import threading
import time

import pytest
from pyhive.exc import Error

from tests.serving.assault import attacked
from tests.serving.idle import assert_idle
from tests.serving.load import measure
from tests.serving.server import HOST, Server
from tests.serving.test_limits import LONG_PATTERN

pytestmark = pytest.mark.e2e


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_eight_clients_of_two_hundred_queries(server: Server) -> None:
    login = (HOST, server.port, "executive", server.passwords["executive"])
    assert measure(*login, clients=8, queries=20).errors == []
    before = heap_mib(server)
    measured = measure(*login, clients=8, queries=200)
    after = heap_mib(server)
    print(f"{measured.summary()}, heap {before:.0f} -> {after:.0f} MiB")  # noqa: T201 - shown by pytest -rP
    assert measured.errors == []
    assert len(measured.seconds) == 1600
    assert after < before * 1.1 + 20


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_eight_clients_beside_all_attacks_at_once(server: Server) -> None:
    login = (HOST, server.port, "executive", server.passwords["executive"])
    measure(*login, clients=8, queries=20)
    alone = measure(*login, clients=8, queries=60)
    with attacked(server.port, "sales_analyst", server.passwords["sales_analyst"]) as attackers:
        time.sleep(5)
        beside = measure(*login, clients=8, queries=60)
    print(f"alone: {alone.summary()}; beside {attackers}: {beside.summary()}")  # noqa: T201 - shown by pytest -rP
    assert alone.errors == beside.errors == []
    assert len(beside.seconds) == 480


def test_a_few_clients(server: Server) -> None:
    measured = measure(HOST, server.port, "executive", server.passwords["executive"], clients=8, queries=8)
    print(measured.summary())  # noqa: T201 - shown by pytest -rP
    assert measured.errors == []
    assert len(measured.seconds) == 64


def test_a_heavy_query_is_ended_and_starves_nobody(server: Server) -> None:
    answered: list[bool] = []

    def heavy() -> None:
        try:
            server.rows("sales_analyst", LONG_PATTERN)
            answered.append(True)
        except Error:
            answered.append(False)

    thread = threading.Thread(target=heavy)
    thread.start()
    time.sleep(3)
    assert server.rows("executive", "select count(*) from mart_sales.monthly")
    assert thread.is_alive(), "another one was answered after it, or it was not heavy"
    with contextlib.closing(server.connect("executive")):
        measured = measure(HOST, server.port, "executive", server.passwords["executive"], clients=2, queries=7)
    print(f"beside a heavy query: {measured.summary()}")  # noqa: T201 - shown by pytest -rP
    assert measured.errors == []
    thread.join()
    assert answered == [False]
    assert_idle(server)


def heap_mib(server: Server) -> float:
    """The server's memory after garbage collection."""
    subprocess.run(["jcmd", str(server.process.pid), "GC.run"], check=True, capture_output=True)
    told = subprocess.run(
        ["jcmd", str(server.process.pid), "GC.heap_info"], check=True, capture_output=True, text=True
    ).stdout
    found = re.search(r"used (\d+)K", told)
    assert found is not None
    return int(found.group(1)) / 1024
