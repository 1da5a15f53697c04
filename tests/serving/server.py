"""The endpoint as a real process, and real clients for it."""

from __future__ import annotations

import contextlib
import csv
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pyhive import hive
from thrift.transport.TTransport import TTransportException

from tests.ports import free_port
from tests.serving.lakes import CANARY, PROJECT

START_SECONDS = 120
HOST = "127.0.0.1"


@dataclass
class Server:
    """One endpoint: its process, port and files."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path

    @property
    def log(self) -> str:
        """What it has said."""
        return (self.folder / "stderr").read_text(encoding="utf-8", errors="replace")

    @property
    def passwords(self) -> Mapping[str, str]:
        """The passwords of the demo users."""
        with (self.folder / "secrets/demo_users.csv").open(encoding="utf-8") as file:
            return {row["user"]: row["password"] for row in csv.DictReader(file)}

    def connect(self, user: str, password: str | None = None, **options: Any) -> Any:
        """A PyHive connection."""
        word = self.passwords[user] if password is None else password
        return hive.connect(HOST, self.port, username=user, password=word, auth="CUSTOM", **options)

    def rows(self, user: str, statement: str, **options: Any) -> list[tuple[Any, ...]]:
        """The rows that a user is given in a session of its own."""
        with contextlib.closing(self.connect(user, **options)) as connection:
            return rows(connection, statement)

    def wait_for(self, text: str, seconds: float) -> None:
        """Wait until the server has said something."""
        until = time.monotonic() + seconds
        while text not in self.log:
            assert self.process.poll() is None, f"the server ended: {self.log[-2000:]}"
            assert time.monotonic() < until, f"not said in {seconds} s: {text}; but: {self.log[-2000:]}"
            time.sleep(0.1)

    def stop(self) -> int:
        """Ask the server to stop; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise


def rows(connection: Any, statement: str) -> list[tuple[Any, ...]]:
    """The rows of a statement; none if it has no result."""
    cursor = connection.cursor()
    cursor.execute(statement)
    return list(cursor.fetchall()) if cursor.description else []


def refusal(error: BaseException) -> str:
    """The error that a client gets."""
    status = getattr(error.args[0], "status", None) if error.args else None
    return str(getattr(status, "errorMessage", None) or error)


LOGIN_FAILED = TTransportException


def start(folder: Path, lake: Path, jobs: Path = PROJECT / "jobs", **environment: str) -> Server:
    """Start an endpoint over a lake, with the roles and contracts in its folder, else the project's own.

    It may not be ready yet.
    """
    deployment = {
        "lake": str(lake),
        "contracts": str(own if (own := folder / "contracts").exists() else PROJECT / "lakehouse"),
        "sources": str(PROJECT / "conf/sources"),
        "secrets": str(folder / "secrets"),
        "roles": str(folder / "roles.yaml"),
    }
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "roles.yaml").exists():
        shutil.copy(PROJECT / "conf/roles.yaml", folder)
    (folder / "deployment.yaml").write_text(yaml.safe_dump(deployment), encoding="utf-8")
    port = free_port()
    command = [str(PROJECT / "spark-submit.sh"), "serve_sql", "--conf", str(folder / "deployment.yaml")]
    stated = {
        **os.environ,
        "LAKEHOUSE_DRIVER_MEMORY": "2g",
        "LAKEHOUSE_JOBS": str(jobs),
        "SPARK_SUBMIT_OPTS": "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m",
        "CANARY": CANARY,
        **environment,
    }
    with (folder / "stderr").open("wb") as err, (folder / "stdout").open("wb") as out:
        process = subprocess.Popen(
            [*command, "--port", str(port)], env=stated, stdout=out, stderr=err, cwd=folder, start_new_session=True
        )
    return Server(process, port, folder)


@contextlib.contextmanager
def running(folder: Path, lake: Path, **options: Any) -> Iterator[Server]:
    """An endpoint that is ready, and stops at the end."""
    server = start(folder, lake, **options)
    try:
        server.wait_for("Ready:", START_SECONDS)
        yield server
    finally:
        server.stop()
