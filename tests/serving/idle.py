"""Whether the server still works at anything."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tests.serving.server import Server


def assert_idle(server: Server, within: float = 20) -> None:
    """The server uses no processor any more, soon."""
    until = time.monotonic() + within
    while True:
        before = cpu_seconds(server)
        time.sleep(2)
        used = cpu_seconds(server) - before
        if used < 1:
            return
        assert time.monotonic() < until, f"{used:.1f} s of processor in 2 s: something goes on after its end"


def cpu_seconds(server: Server) -> float:
    """Processor time that the server has used."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
