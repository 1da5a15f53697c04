"""The containers of `superset/docker-compose.yml`, started by `with-podman.sh` beside this, as a stack for tests."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from lib.settings import PROJECT
from tests.dashboards.stack import Stack
from tests.ports import free_port

SCRIPT = PROJECT / "tests/dashboards/with-podman.sh"
CHOSEN = os.environ.get("LAKEHOUSE_TEST_STACK") == "containers"


@contextlib.contextmanager
def running_in_containers(folder: Path) -> Iterator[Stack]:
    """All of it, built and started by the script, and removed at the end. Podman's user must be root."""
    port = free_port()
    environment = {**os.environ, "LAKEHOUSE_PORT": str(port)}
    for command in ("build", "clean"):
        subprocess.run([SCRIPT, command], env=environment, check=True)
    try:
        subprocess.run([SCRIPT, "up"], env=environment, check=True)
        shutil.copytree(volume("access"), folder / "secrets")
        shutil.copy(PROJECT / "conf/roles.yaml", folder)
        nowhere = 0  # the endpoint's port is open to Superset alone
        yield Stack(folder, volume("lake") / "lake", port, nowhere)
    finally:
        subprocess.run([SCRIPT, "clean"], env=environment, check=True)


def volume(name: str) -> Path:
    """Where a volume's files are on this machine."""
    return Path(podman("volume", "inspect", f"lakehouse_{name}", "--format", "{{.Mountpoint}}").strip())


def podman(*words: str) -> str:
    """Podman's output."""
    return subprocess.run(["podman", *words], check=True, capture_output=True, text=True).stdout
