"""Open the dashboards on this machine, until Ctrl-C: the SQL endpoint and Superset with the assets of the code.

An empty lake is filled with the sample first. The users' file, the roles and the assets are watched: a new user may log
in a moment later.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from lib import address, cli
from lib.dashboards.provision import ASSETS, Place, provision
from lib.dashboards.servers import (
    HOST,
    SERVER,
    VENV,
    Servers,
    is_healthy,
    is_open,
    superset_command,
    superset_environment,
)
from lib.errors import LakehouseError, UsageError
from lib.serving import accounts
from lib.serving.endpoint import require_free
from lib.settings import PROJECT, Settings

SECONDS_TO_START = 240
SECONDS_BETWEEN_LOOKS = 2.0
SECONDS_BETWEEN_TRIES = 15.0  # somebody's wrong passwords may have made the administrator's login wait
SUBMIT = str(PROJECT / "spark-submit.sh")
KEY, PASSWORD = "superset.key", "superset_admin_password"


@dataclass(frozen=True)
class Launch:
    """What to run, and where."""

    settings: Settings
    conf: Path
    home: Path
    port: int
    endpoint_port: int

    @property
    def url(self) -> str:
        """The address that people open."""
        return f"http://{HOST}:{self.port}"

    @property
    def place(self) -> Place:
        """Where the assets go."""
        return Place(self.url, f"{HOST}:{self.endpoint_port}", self.home)

    def run(self) -> None:
        """Start the servers that do not run yet, then watch until the process must stop."""
        began = time.monotonic()
        require_free(HOST, self.port)
        os.umask(0o077)
        self.home.mkdir(parents=True, exist_ok=True)
        _make_secrets(self.settings.secrets)
        self._fill()
        with contextlib.closing(Servers(self.home)) as servers:
            self._start(servers)
            changes = provision(self.settings, self.place)
            tell(f"Set up {len(changes)} assets, roles, rules and users." if changes else "Nothing had changed.")
            tell(f"Ready after {time.monotonic() - began:.0f} s: {self.url}")
            tell(f"A login for each role is in {self.settings.secrets / accounts.DEMO}. Stop with Ctrl-C.")
            self._watch(servers)

    def _fill(self) -> None:
        lake = address.local_path(self.settings.lake)
        if lake is None or (lake / "published.json").exists():
            return
        tell("Nothing is published yet: running the pipeline first.")
        done = subprocess.run([SUBMIT, "pipeline", *self._deployment()], stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise LakehouseError("The pipeline failed, so there is nothing to show.", "Its last line says why.")

    def _deployment(self) -> list[str]:
        return ["--conf", str(self.conf), "--lake", self.settings.lake]

    def _start(self, servers: Servers) -> None:
        environment = superset_environment(self.settings.secrets, self.home)
        if not is_open(self.endpoint_port):
            tell("Starting the SQL endpoint ...")
            command = [SUBMIT, "serve_sql", *self._deployment(), "--port", str(self.endpoint_port)]
            servers.start("endpoint", command, os.environ)
        users = self.settings.secrets / accounts.FILE
        servers.wait(users.exists, "Making the users", SECONDS_TO_START)
        tell("Preparing Superset ...")
        prepared = servers.start("prepare", [str(VENV / "bin/python"), str(SERVER / "prepare.py")], environment)
        if prepared.running.wait():
            prepared.require_alive()
        servers.processes.remove(prepared)
        servers.wait(lambda: is_open(self.endpoint_port), "Starting the SQL endpoint", SECONDS_TO_START)
        servers.start("superset", superset_command(self.port), environment)
        servers.wait(lambda: is_healthy(self.url), "Starting Superset", SECONDS_TO_START)

    def _watch(self, servers: Servers) -> None:
        seen, is_done = self._seen(), True
        while True:
            time.sleep(SECONDS_BETWEEN_LOOKS if is_done else SECONDS_BETWEEN_TRIES)
            servers.require_alive()
            now = self._seen()
            if now != seen or not is_done:
                seen, is_done = now, self._follow()

    def _follow(self) -> bool:
        """Import changes; return whether another try is useless until something changes."""
        try:
            for change in provision(self.settings, self.place):
                tell(change)
        except (LakehouseError, UsageError) as error:
            tell(f"The changes cannot be imported; Superset stays as it was: {error}")
            return isinstance(error, UsageError)
        return True

    def _seen(self) -> dict[Path, int]:
        files = [self.settings.roles, self.settings.secrets / accounts.FILE, *ASSETS.rglob("*.yaml")]
        return {file: file.stat().st_mtime_ns for file in files if file.exists()}


def _make_secrets(folder: Path) -> None:
    for name, value in ((KEY, secrets.token_hex(32)), (PASSWORD, accounts.generated())):
        if not (folder / name).exists():
            accounts.write_private(folder / name, f"{value}\n")


def tell(text: str) -> None:
    """A line for the operator."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - a command's own lines


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = cli.parser((__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, default=8088, help="port of Superset (default: 8088)")
    parser.add_argument("--endpoint-port", type=int, default=10000, help="port of the SQL endpoint (default: 10000)")
    parser.add_argument("--home", type=Path, default=PROJECT / "data/superset", help="folder for Superset's data")
    return parser.parse_args()


def main(options: argparse.Namespace) -> str:
    """Run; return the text of the last line."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    launch = Launch(
        cli.settings(options), options.conf.resolve(), options.home.resolve(), options.port, options.endpoint_port
    )
    try:
        launch.run()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    return "Stopped."


if __name__ == "__main__":
    options = arguments()
    sys.exit(cli.run(main, options))
