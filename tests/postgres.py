"""A temporary PostgreSQL server for tests: Debian's binaries, a temporary cluster, a free loopback port."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

_BINARIES = Path("/usr/lib/postgresql")
_START_SECONDS = 60
USER = "shop"
PASSWORD = "only for a test"


@dataclass(frozen=True)
class Server:
    """A running server."""

    port: int

    def url(self, database: str = "postgres", user: str = USER) -> str:
        """Give an address without a password: that is in PGPASSWORD."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """Open a connection that commits each statement."""
        return psycopg.connect(self.url(database), password=PASSWORD, autocommit=True)


@contextmanager
def running_server() -> Iterator[Server]:
    """Run a server that asks for a password; remove it completely afterwards."""
    binaries = _binaries()
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    account = _account(folder)
    try:
        _initialise(binaries, folder, account)
        port = free_port()
        command = [str(binaries / "postgres"), "-D", str(folder / "data"), "-p", str(port), "-k", str(folder)]
        options = ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([*command, *options], stdout=log, stderr=log, user=account, cwd=folder)
        try:
            server = Server(port)
            _wait(server, process, folder / "log")
            yield server
        finally:
            process.terminate()
            process.wait()
    finally:
        shutil.rmtree(folder)


def _binaries() -> Path:
    found = sorted(_BINARIES.glob("*/bin/postgres"))
    assert found, "PostgreSQL's server is not installed; run `apt-get install postgresql` and test again."
    return found[-1].parent


def _account(folder: Path) -> int | None:
    """Give the folder to an unprivileged user where the tests run as root: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    account = pwd.getpwnam("nobody")
    os.chown(folder, account.pw_uid, account.pw_gid)
    return account.pw_uid


def _initialise(binaries: Path, folder: Path, account: int | None) -> None:
    secret = folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    command = [str(binaries / "initdb"), "-D", str(folder / "data"), "-U", USER, "--pwfile", str(secret)]
    options = ["-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False, user=account, cwd=folder)
    assert done.returncode == 0, done.stderr


def _wait(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        try:
            server.connect().close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"PostgreSQL did not start within {_START_SECONDS} s:\n{log.read_text()}")
