"""The secrets of running containers: where each can be read, and that no image holds one (`make test-containers`)."""

from __future__ import annotations

import subprocess

import pytest

from lib.settings import PROJECT
from tests.dashboards.containers import CHOSEN, podman, volume
from tests.dashboards.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(not CHOSEN, reason="make test-containers")]
IMAGES = ("jobs", "superset", "stores")
PIECE = 1 << 24


def _secrets() -> dict[str, bytes]:
    """The secrets of the containers, and of the project's own folder, from which the images are built."""
    folders = [volume("lake-secrets"), volume("access"), PROJECT / ".secrets"]
    files = [file for folder in folders for file in sorted(folder.glob("*")) if file.suffix != ".csv"]
    found = {str(file): file.read_bytes().strip() for file in files if file.name != "endpoint_served"}
    return {name: secret for name, secret in found.items() if len(secret) >= 16}


@pytest.mark.parametrize("image", IMAGES)
def test_no_secret_is_in_an_image(stack: Stack, image: str) -> None:
    del stack  # which has to run
    secrets = _secrets()
    assert any(name.endswith("pseudonym.key") for name in secrets)
    container = podman("create", f"localhost/lakehouse-{image}:0.1.0", "true").strip()
    try:
        assert _found(container, {**secrets, "control": b"useradd"}) == {"control"}
    finally:
        podman("rm", container)


def _found(container: str, wanted: dict[str, bytes]) -> set[str]:
    """The secrets that occur somewhere in the container's files."""
    found: set[str] = set()
    longest = max(map(len, wanted.values()))
    with subprocess.Popen(["podman", "export", container], stdout=subprocess.PIPE) as export:
        assert export.stdout is not None
        rest = b""
        while piece := export.stdout.read(PIECE):
            text = rest + piece
            found |= {name for name, value in wanted.items() if value in text}
            rest = text[-longest:]
    assert export.returncode == 0
    return found


@pytest.mark.parametrize("service", ["endpoint", "superset", "cache"])
def test_the_key_of_the_pseudonyms_reaches_the_jobs_alone(stack: Stack, service: str) -> None:
    del stack
    mounts = podman("inspect", f"lakehouse_{service}_1", "--format", "{{range .Mounts}}{{.Name}} {{end}}").split()
    assert "lakehouse_lake-secrets" not in mounts
    key = (volume("lake-secrets") / "pseudonym.key").read_text(encoding="utf-8").strip()
    assert key not in podman("inspect", f"lakehouse_{service}_1")
    assert key not in podman("logs", f"lakehouse_{service}_1")
