"""The processes behind the dashboards: started one by one, stopped together, each by its own id."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import requests

from lib.errors import LakehouseError
from lib.settings import PROJECT

HOST = "127.0.0.1"
VENV = PROJECT / ".venv-superset"
SERVER = PROJECT / "superset/server"
# Only the variables that a program needs: a dashboard server must hold no secret of the person who started it.
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE")
SECONDS_TO_STOP = 30


@dataclass(frozen=True)
class Process:
    """A server, and its log file."""

    name: str
    running: subprocess.Popen[bytes]
    log: Path

    def require_alive(self) -> None:
        """Raise `LakehouseError` with its last words if it has ended."""
        if self.running.poll() is not None:
            words = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
            raise LakehouseError(f"The {self.name} ended: {' '.join(words)[-600:]}.", f"Its log is {self.log}.")


@dataclass
class Servers:
    """All started servers."""

    home: Path
    processes: list[Process] = field(default_factory=list)

    def close(self) -> None:
        """Stop all, the last one first."""
        for process in reversed(self.processes):
            stop(process.running)

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> Process:
        """Start one. A Ctrl-C at the terminal reaches only the launcher; if the launcher dies, the server ends too."""
        log = self.home / f"{name}.log"
        ends_with_us = [tool, "--pdeathsig", "TERM"] if (tool := shutil.which("setpriv")) else []
        with log.open("wb") as stream:
            running = subprocess.Popen(
                [*ends_with_us, *command],
                env=dict(environment),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        self.processes.append(Process(name, running, log))
        return self.processes[-1]

    def require_alive(self) -> None:
        """Raise `LakehouseError` if one has ended."""
        for process in self.processes:
            process.require_alive()

    def wait(self, ready: Callable[[], bool], what: str, seconds: float) -> None:
        """Wait until a condition holds, as long as all servers live."""
        until = time.monotonic() + seconds
        while not ready():
            self.require_alive()
            if time.monotonic() > until:
                raise LakehouseError(f"{what} took longer than {seconds:.0f} s.", f"The logs are in {self.home}.")
            time.sleep(0.2)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask a server to stop; kill it if it does not."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def is_open(port: int) -> bool:
    """Whether a program listens at a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def is_healthy(url: str) -> bool:
    """Whether Superset answers."""
    try:
        return requests.get(f"{url}/health", timeout=2).ok
    except requests.RequestException:
        return False


def superset_environment(secrets: Path, home: Path) -> dict[str, str]:
    """The environment of Superset's processes."""
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return {
        **passed,
        "PYTHONPATH": str(SERVER),
        "SUPERSET_HOME": str(home),
        "LAKEHOUSE_SECRETS": str(secrets),
        "LAKEHOUSE_SUPERSET_HOME": str(home),
    }


def superset_command(port: int) -> list[str]:
    """The command that runs Superset in gunicorn."""
    return [str(VENV / "bin/gunicorn"), "--config", str(SERVER / "gunicorn.conf.py"), "--bind", f"{HOST}:{port}"]
