"""Ports for the servers that tests start."""

from __future__ import annotations

import contextlib
import random
import socket

HOST = "127.0.0.1"
OWN = range(20_000, 32_000)  # below those that the system gives to connections, which could take it before the server


def free_port() -> int:
    """A port at which nobody listens."""
    while True:
        port = random.choice(OWN)  # noqa: S311 - no secret
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            return port
