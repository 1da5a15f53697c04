"""One endpoint over one lake for all tests that do not change it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.lakes import publish
from tests.serving.server import Server, running


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("endpoint") / "lake"
    publish(folder, 1)
    return folder


@pytest.fixture(scope="session")
def server(lake: Path) -> Iterator[Server]:
    with running(lake.parent / "server", lake) as ready:
        yield ready
