"""All attacks of one user and of strangers at once, in a process of their own: bombs for the parser and the planner,
half-open connections, wrong passwords. `python -m tests.serving.assault PORT USER SECONDS`, the password on stdin.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

from pyhive import hive

from lib.serving.gate_selftest import BOMBS

HOST = "127.0.0.1"
BOMBERS, GUESSERS, HALF_OPEN = 8, 8, 200
NAMES = ("executive", "dpo", "superset", "nobody", "root")
PLANNED = (
    "with t0 as (select region as x from mart_sales.monthly)"
    + "".join(f", t{n} as (select l.x from t{n - 1} l join t{n - 1} r on l.x = r.x)" for n in range(1, 6))
    + " select count(*) from t5"
)


def bombs(port: int, user: str, password: str, until: float) -> None:
    """One after the other: what is refused, and now and then what is planned for long."""
    for bomb in itertools.cycle((*BOMBS, PLANNED)):
        if time.monotonic() > until:
            return
        with contextlib.suppress(Exception), contextlib.closing(connect(port, user, password)) as connection:
            connection.cursor().execute(bomb)


def guesses(port: int, until: float) -> None:
    """Wrong passwords for accounts that exist and for some that do not; from another address than the honest."""
    while time.monotonic() < until:
        name = random.choice(NAMES)  # noqa: S311 - no secret
        answer = f"\0{name}\0wrong {random.random()}".encode()  # noqa: S311 - no secret
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), 10, ("127.0.0.2", 0)) as connection:
            connection.sendall(b"\1\0\0\0\5PLAIN\2" + len(answer).to_bytes(4, "big") + answer)
            connection.recv(100)


def half_opens(port: int, until: float) -> None:
    """The wanted number of connections that have sent one byte; a new one for each closed one."""
    waiting: list[socket.socket] = []
    while time.monotonic() < until:
        waiting = [connection for connection in waiting if is_open(connection)]
        for _ in range(HALF_OPEN - len(waiting)):
            with contextlib.suppress(OSError):
                connection = socket.create_connection((HOST, port), 5)
                connection.sendall(b"\1")
                waiting.append(connection)
        time.sleep(0.2)


def is_open(connection: socket.socket) -> bool:
    """Whether the server has not closed it."""
    connection.settimeout(0)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def connect(port: int, user: str, password: str) -> hive.Connection:
    """A session like anybody's."""
    return hive.connect(HOST, port, username=user, password=password, auth="CUSTOM")


@contextlib.contextmanager
def attacked(port: int, user: str, password: str, seconds: int = 600) -> Iterator[str]:
    """Under attack until the end of the block, for so many seconds at most; what attacks."""
    command = [sys.executable, "-m", "tests.serving.assault", str(port), user, str(seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        process.stdin.write(password)
        process.stdin.close()
        try:
            yield f"{BOMBERS} bombers, {GUESSERS} guessers, {HALF_OPEN} half-open connections"
        finally:
            process.kill()


def main(port: int, user: str, password: str, seconds: int) -> None:
    """Attack for so many seconds."""
    until = time.monotonic() + seconds
    attacks: list[Callable[[], None]] = [lambda: half_opens(port, until)]
    attacks += [lambda: bombs(port, user, password, until)] * BOMBERS
    attacks += [lambda: guesses(port, until)] * GUESSERS
    threads = [threading.Thread(target=attack) for attack in attacks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.stdin.read(), int(sys.argv[3]))
