"""The count of attempts that all processes of Superset share, in both databases; its clock is set by hand."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lib.dashboards.servers import SERVER, VENV
from tests.postgres import PASSWORD, Server, running_server

pytestmark = pytest.mark.e2e
BEGIN = """
import json, sys
import store
now = 1000.0
store.time.time = lambda: now
marks = store.opened(sys.argv[1])
marks.make()
with marks.engine.begin() as connection:
    connection.execute(store.text("delete from lakehouse_marks"))
limit = store.Limit(free=2, first=30, longest=100, kept=3600)
def tried():
    return marks.count("anna", limit)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An address for SQLAlchemy: a file as on one machine, or a server as in the containers."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'marks'}"
    running: Server = request.getfixturevalue("server")
    return running.url()


def _run(place: str, code: str) -> list[float]:
    done = subprocess.run(
        [str(VENV / "bin/python"), "-c", BEGIN + code, place],
        env={"PYTHONPATH": str(SERVER), "PGPASSWORD": PASSWORD},
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[float] = json.loads(done.stdout)
    return found


def test_the_pause_doubles_up_to_its_limit(place: str) -> None:
    code = "print(json.dumps([limit.pause(number) for number in range(1, 8)]))"
    assert _run(place, code) == [0, 0, 30, 60, 100, 100, 100]


def test_what_must_wait_is_not_counted(place: str) -> None:
    code = """
found = [tried(), tried(), tried(), tried(), tried()]
now = 1029.0
found += [tried()]
now = 1030.0
found += [tried(), tried()]
print(json.dumps(found))
"""
    assert _run(place, code) == [0, 0, 0, 30, 30, 1, 0, 60]


def test_a_count_is_forgotten_after_its_time(place: str) -> None:
    code = """
found = [tried(), tried(), tried(), tried()]
now = 1000.0 + 3600
found += [tried(), tried(), tried(), tried()]
print(json.dumps(found))
"""
    assert _run(place, code) == [0, 0, 0, 30, 0, 0, 0, 30]


def test_what_is_taken_back_was_not_counted(place: str) -> None:
    code = """
found = []
for _ in range(6):
    found.append(tried())
    marks.take_back("anna")
print(json.dumps(found))
"""
    assert _run(place, code) == [0, 0, 0, 0, 0, 0]


def test_nobody_waits_for_what_was_taken_back(place: str) -> None:
    code = """
found = [tried(), tried(), tried(), marks.wait("anna")]
marks.take_back("anna")
found += [marks.wait("anna"), tried()]
print(json.dumps(found))
"""
    assert _run(place, code) == [0, 0, 0, 30, 0, 0]


def test_a_mark_is_there_until_its_time_or_until_it_is_dropped(place: str) -> None:
    code = """
marks.put("one", 7, 10)
marks.put("two", 8, 10)
found = [marks.get("one"), marks.get("two")]
marks.drop("two")
found += [marks.get("two")]
now = 1010.0
found += [marks.get("one")]
marks.forget_expired()
with marks.engine.begin() as connection:
    found += [len(connection.execute(store.text("select * from lakehouse_marks")).fetchall())]
print(json.dumps(found))
"""
    assert _run(place, code) == [7, 8, None, None, 0]


def test_processes_count_together(place: str) -> None:
    code = """
from multiprocessing import Pool
marks.engine.dispose()
def try_many(_):
    return [tried() for _ in range(10)]
with Pool(4) as pool:
    found = [seconds for part in pool.map(try_many, range(4)) for seconds in part]
print(json.dumps([found.count(0.0), len(found)]))
"""
    assert _run(place, code) == [3, 40]


def test_few_wait_for_the_check_of_a_password_and_one_is_served(tmp_path: Path) -> None:
    code = """
import json, threading, time
import attempts
lane, served, most, found = attempts.Lane(), [], [], []
def check():
    with lane.turn() as has_room:
        found.append(has_room)
        if has_room:
            served.append(1)
            most.append(len(served))
            time.sleep(0.2)
            served.pop()
threads = [threading.Thread(target=check) for _ in range(7)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps([found.count(True), found.count(False), max(most)]))
"""
    assert _with_settings(tmp_path, code) == [4, 3, 1]


def test_an_address_is_counted_as_its_customers(tmp_path: Path) -> None:
    code = """
import json
import attempts
asked = ["192.0.2.7", "::ffff:192.0.2.7", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::1", "2001:db8:1:3::1", "unix"]
print(json.dumps([attempts.network(address) for address in asked]))
"""
    assert _with_settings(tmp_path, code) == [
        "192.0.2.7",
        "192.0.2.7",
        "2001:db8:1:2::/64",
        "2001:db8:1:2::/64",
        "2001:db8:1:3::/64",
        "unix",
    ]


def _with_settings(folder: Path, code: str) -> list[Any]:
    environment = {"PYTHONPATH": str(SERVER), "LAKEHOUSE_SECRETS": str(folder)}
    command = [str(VENV / "bin/python"), "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found: list[Any] = json.loads(done.stdout)
    return found
