"""Clients that have not logged in yet: they have some seconds, are few at once, and wait after wrong passwords."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.lakes import publish
from tests.serving.server import HOST, LOGIN_FAILED, Server, running
from tests.serving.test_publications import within

pytestmark = pytest.mark.e2e
LOGIN_SECONDS = 10
PLAIN = struct.pack(">BI", 1, 5) + b"PLAIN"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("logins")
    publish(folder / "lake", 1)
    with running(folder / "server", folder / "lake") as server:
        yield server


@contextlib.contextmanager
def half_open(server: Server, count: int, first: bytes) -> Iterator[list[socket.socket]]:
    """The given number of connections that begin to send something."""
    with contextlib.ExitStack() as stack:
        connections = []
        for _ in range(count):
            connection = stack.enter_context(socket.create_connection((HOST, server.port), 10))
            connection.sendall(first)
            connections.append(connection)
        yield connections


def is_open(connection: socket.socket) -> bool:
    connection.settimeout(0.01)
    try:
        return connection.recv(1) != b""
    except TimeoutError:
        return True
    except OSError:
        return False


@pytest.mark.parametrize("first", [b"", b"\x01", PLAIN[:-1], PLAIN, PLAIN + struct.pack(">BI", 5, 100) + b"x"])
def test_two_hundred_that_wait_keep_nobody_out(own: Server, first: bytes) -> None:
    with half_open(own, 200, first) as connections:
        assert own.rows("executive", "select 1") == [(1,)]
        assert sum(map(is_open, connections)) <= 50
        assert within(LOGIN_SECONDS + 10, lambda: not any(map(is_open, connections)))


def test_a_login_letter_by_letter_is_over_when_its_time_is(own: Server) -> None:
    with half_open(own, 1, PLAIN + struct.pack(">BI", 5, 1000)) as (connection,):
        began = time.monotonic()
        with contextlib.suppress(OSError):
            while time.monotonic() - began < LOGIN_SECONDS + 20:
                connection.sendall(b"x")
                time.sleep(0.5)
        assert not is_open(connection)


@pytest.mark.parametrize("length", [20_000, 2**31 - 1, 2**32 - 1])
def test_a_login_of_a_declared_two_gigabytes_is_none(own: Server, length: int) -> None:
    with half_open(own, 1, PLAIN + struct.pack(">BI", 5, length)) as (connection,):
        assert within(5, lambda: not is_open(connection))
    assert own.rows("executive", "select 1") == [(1,)]


def test_a_frame_of_a_declared_two_gigabytes_ends_its_connection(own: Server) -> None:
    connection = own.connect("executive")
    plain = connection._transport._trans.handle
    plain.sendall(struct.pack(">I", 2**31 - 1))
    assert within(5, lambda: not is_open(plain))
    assert own.rows("executive", "select 1") == [(1,)]


def wrong(server: Server, user: str, times: int) -> None:
    for _ in range(times):
        with pytest.raises(LOGIN_FAILED):
            server.connect(user, "a password that is wrong").close()


def test_wrong_passwords_block_the_account_for_a_while_and_nobody_else(own: Server) -> None:
    assert own.rows("dpo", "select 1") == [(1,)]
    wrong(own, "dpo", 12)
    with pytest.raises(LOGIN_FAILED):
        own.connect("dpo").close()
    assert own.rows("executive", "select 1") == [(1,)]  # another account, same address
    assert within(60, lambda: logs_in(own, "dpo"))
    assert "blocked for 2 s at this address, user=dpo" in own.log


def logs_in(server: Server, user: str) -> bool:
    try:
        server.connect(user).close()
    except LOGIN_FAILED:
        return False
    return True


def test_a_stranger_elsewhere_locks_nobody_out(own: Server) -> None:
    """127.0.0.2 is another address of the loopback."""
    for _ in range(12):
        assert elsewhere(own, "data_engineer", "a password that is wrong") == b"\x03"
    assert elsewhere(own, "data_engineer", own.passwords["data_engineer"]) == b"\x03"
    assert own.rows("data_engineer", "select 1") == [(1,)]


def test_a_neighbour_does_not_block_the_account_that_asks_for_everybody(own: Server) -> None:
    own.connect("superset").close()
    wrong(own, "superset", 12)
    assert logs_in(own, "superset")


def test_a_few_wrong_ones_cost_no_wait(own: Server) -> None:
    wrong(own, "marketing_analyst", 5)
    assert logs_in(own, "marketing_analyst")


def elsewhere(server: Server, user: str, password: str) -> bytes:
    """The status of a login from another address: 3 is no, 5 is yes."""
    answer = f"\0{user}\0{password}".encode()
    with socket.create_connection((HOST, server.port), 20, source_address=("127.0.0.2", 0)) as connection:
        connection.sendall(PLAIN + struct.pack(">BI", 2, len(answer)) + answer)
        return connection.recv(1)


def test_names_that_nobody_has_slow_down_their_address_only(own: Server) -> None:
    for number in range(60):
        assert elsewhere(own, f"nobody{number}", "a password that is wrong") == b"\x03"
    assert own.rows("sales_analyst", "select 1") == [(1,)]
    # The right password waits for its turn there, and is let in.
    assert elsewhere(own, "sales_manager_asia", own.passwords["sales_manager_asia"]) == b"\x05"
