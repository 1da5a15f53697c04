"""How the server reads requests: a request takes no thread before it is complete, and must arrive in a limited time.

Gunicorn's threads read requests themselves, and one byte is enough to occupy a thread for ever. Here the loop of each
process collects a request and gives it to a thread when it is complete. A thread reads a body that is large, comes in
chunks or waits for a signal to continue; it gives up after the same time. Behind a proxy all requests come from one
address, so nothing is counted by address.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from gunicorn.http import get_parser
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn, ThreadWorker

SECONDS_OF_HEAD = 15.0
SECONDS_OF_ALL = 30.0
SECONDS_TO_LINGER = 2.0
SECONDS_TO_SEND = 120.0  # within this time the client must take a piece of the answer
MOST_OF_HEAD = 64 * 1024
MOST_COLLECTED = 128 * 1024
MOST_READERS = 4  # threads of a process that read a body by themselves
PIECE = 16 * 1024
END = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r\n", re.IGNORECASE)
STATES_A_BODY = re.compile(rb"\r\n(content-length|transfer-encoding|expect)", re.IGNORECASE)
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


@dataclass
class Collected:
    """The received part of a request, and the time of its beginning."""

    connection: Any
    began: float = field(default_factory=time.monotonic)
    data: bytearray = field(default_factory=bytearray)

    @property
    def missing(self) -> int | None:
        """The number of missing bytes; None if a thread must find out."""
        head = self.data.find(END)
        if head < 0:
            return 1 if len(self.data) <= MOST_OF_HEAD else 0  # gunicorn refuses a larger head, and says so
        start = bytes(self.data[: head + 2])
        stated, length = STATES_A_BODY.findall(start), LENGTH.search(start)
        if not stated:
            return 0
        if length is None or len(stated) > 1 or int(length[1]) > MOST_COLLECTED:
            return None
        return max(0, head + len(END) + int(length[1]) - len(self.data))

    @property
    def ends(self) -> float:
        """The time at which waiting for the rest ends."""
        return self.began + (SECONDS_OF_HEAD if END not in self.data else SECONDS_OF_ALL)


class Unreader(SocketUnreader):
    """Reads from a connection until a given time."""

    ends = 0.0

    def chunk(self) -> bytes:
        """A piece. Raises `TimeoutError` if none comes in time."""
        left, before = self.ends - time.monotonic(), self.sock.gettimeout()
        if left <= 0:
            raise TimeoutError
        self.sock.settimeout(left if before is None else min(left, before))
        try:
            return bytes(self.sock.recv(self.mxchunk))
        finally:
            self.sock.settimeout(before)


class Connection(TConn):
    """A connection whose requests have been collected."""

    data, ends = b"", 0.0
    initialized: bool
    linger: Callable[[Any], None] | None = None

    def close(self, graceful: bool = False) -> None:  # noqa: FBT001, FBT002 - as gunicorn calls it
        """Close it; otherwise gunicorn's loop would wait until the other side has closed too."""
        if graceful and self.linger:
            self.linger(self)
        else:
            super().close()

    def init(self) -> None:
        """Let the parser begin with the collected bytes."""
        self.sock.settimeout(SECONDS_TO_SEND)
        if not self.initialized:
            self.initialized = True
            self.parser = get_parser(self.cfg, self.sock, self.client)
            self.parser.unreader = Unreader(self.sock)
        unreader = self.parser.unreader
        unreader.buf.seek(0, os.SEEK_END)
        unreader.buf.write(self.data)
        unreader.ends, self.data = self.ends, b""


class Worker(ThreadWorker):
    """Gunicorn's worker with threads; the threads get complete requests."""

    def __init__(self, *stated: Any, **named: Any) -> None:
        super().__init__(*stated, **named)
        self.collecting: dict[Any, Collected] = {}
        self.readers: set[Any] = set()
        self.lingering: dict[Any, float] = {}

    def accept(self, listener: Any) -> None:
        """Begin to collect a request of a new connection."""
        try:
            client, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        self.nr_conns += 1
        connection = Connection(self.cfg, client, address, listener.getsockname())
        connection.data_ready, connection.linger = True, self._linger
        self._collect(connection)

    def on_client_socket_readable(self, conn: Any, client: Any) -> None:
        """Begin to collect the next request of a connection."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._collect(conn)

    def _collect(self, connection: Any) -> None:
        self.collecting[connection] = Collected(connection)
        self._register(connection.sock, partial(self._read, connection))

    def _register(self, sock: Any, callback: Callable[[Any], None]) -> None:
        sock.settimeout(0)
        self.poller.register(sock, selectors.EVENT_READ, callback)

    def _read(self, connection: Any, sock: Any) -> None:
        collected = self.collecting[connection]
        try:
            piece = sock.recv(PIECE)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        collected.data += piece
        if not piece:
            self._give_up(connection)
            return
        missing = collected.missing
        if missing is None and len(self.readers) >= MOST_READERS:
            self._refuse(connection)
        elif not missing:
            self._hand_over(collected)

    def _hand_over(self, collected: Collected) -> None:
        connection = collected.connection
        if collected.missing is None:
            self.readers.add(connection)
        del self.collecting[connection]
        self.poller.unregister(connection.sock)
        connection.data, connection.ends = bytes(collected.data), collected.began + SECONDS_OF_ALL
        self.enqueue_req(connection)

    def _refuse(self, connection: Any) -> None:
        with contextlib.suppress(OSError):
            connection.sock.send(BUSY)
        self._give_up(connection)

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Keep or close a connection whose request a thread has answered."""
        self.readers.discard(conn)
        super().finish_request(conn, fs)

    def _give_up(self, connection: Any) -> None:
        del self.collecting[connection]
        self.poller.unregister(connection.sock)
        self.nr_conns -= 1
        connection.close()

    def _linger(self, connection: Any) -> None:
        """Read further bytes for a moment: closing before they are read could cut the answer off."""
        try:
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            connection.close()
            return
        self.lingering[connection] = time.monotonic() + SECONDS_TO_LINGER
        self._register(connection.sock, partial(self._pass_over, connection))

    def _pass_over(self, connection: Any, sock: Any) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            if sock.recv(PIECE):
                return
        self._leave(connection)

    def _leave(self, connection: Any) -> None:
        del self.lingering[connection]
        self.poller.unregister(connection.sock)
        connection.close()

    def murder_pending(self) -> None:
        """Close connections whose requests did not arrive in time."""
        now = time.monotonic()
        for late in [each.connection for each in self.collecting.values() if each.ends <= now or not self.alive]:
            self._give_up(late)
        for over in [connection for connection, ends in self.lingering.items() if ends <= now]:
            self._leave(over)
        super().murder_pending()
