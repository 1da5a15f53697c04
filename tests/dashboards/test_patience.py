"""A client that sends a request slowly delays nobody: a real gunicorn, which serves its own page and no Superset."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from lib.dashboards.servers import SERVER, VENV
from tests.ports import free_port

HOST = "127.0.0.1"
MANY = 40  # more than the threads of the process
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"
APPLICATION = """
import patient
patient.SECONDS_OF_HEAD, patient.SECONDS_OF_ALL = 4.0, 5.0
def answer(environ, start):
    body = environ["wsgi.input"].read()
    start("200 OK", [("Content-Length", str(len(body))), ("Content-Type", "text/plain")])
    return [body]
"""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder, found = tmp_path_factory.mktemp("gunicorn"), free_port()
    (folder / "page.py").write_text(APPLICATION, encoding="utf-8")
    options = ["--worker-class", "patient.Worker", "--threads", "8", "--bind", f"{HOST}:{found}", "--no-control-socket"]
    command = [str(VENV / "bin/python"), "-m", "gunicorn", *options, "page:answer"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, env={"PYTHONPATH": f"{SERVER}:{folder}"}, stderr=log)
    try:
        _wait_for(found, folder / "log")
        yield found
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


def _wait_for(port: int, log: Path) -> None:
    for _ in range(200):
        with contextlib.suppress(requests.ConnectionError):
            requests.get(f"http://{HOST}:{port}/", timeout=5)
            return
        time.sleep(0.1)
    raise AssertionError(log.read_text(encoding="utf-8"))


@contextlib.contextmanager
def _slow(port: int, sent: bytes) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(socket.create_connection((HOST, port), timeout=20)) for _ in range(MANY)]
        for connection in opened:
            connection.sendall(sent)
        yield opened


@pytest.mark.parametrize(
    "sent",
    [
        b"G",
        HEAD,
        HEAD + b"Content-Length: 5\r\n\r\nabcd",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        HEAD + b"Content-Length: 1000000\r\n\r\nab",
        HEAD + b"Connection: close\r\nContent-Length: 5\r\n\r\nabcde",  # and never close their side
        HEAD + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    ],
)
def test_others_are_answered_while_many_send_slowly_and_these_are_closed(port: int, sent: bytes) -> None:
    with _slow(port, sent) as opened:
        assert requests.post(f"http://{HOST}:{port}/", data="hello", timeout=3).text == "hello"
        for connection in opened:
            while _received(connection):
                pass  # until the server closes it; a timeout is an error


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(4096)
    except ConnectionResetError:
        return b""


def test_a_request_in_pieces_is_answered_as_a_whole(port: int) -> None:
    with socket.create_connection((HOST, port), timeout=20) as connection:
        for piece in (HEAD[:9], HEAD[9:], b"Content-Len", b"gth: 5\r\n\r\nab", b"cde"):
            connection.sendall(piece)
            time.sleep(0.05)
        assert connection.recv(4096).endswith(b"\r\n\r\nabcde")


def test_a_connection_serves_one_request_after_the_other(port: int) -> None:
    with requests.Session() as session:
        sizes = (5, 0, 70_000, 300_000, 5)
        answers = [session.post(f"http://{HOST}:{port}/", data=b"x" * size, timeout=20) for size in sizes]
    assert [len(answer.content) for answer in answers] == [5, 0, 70_000, 300_000, 5]


def test_a_body_in_chunks_is_read(port: int) -> None:
    answer = requests.post(f"http://{HOST}:{port}/", data=iter([b"abc", b"de"]), timeout=20)
    assert answer.text == "abcde"
