from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.postgres import Server, running_server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with running_server() as server:
        yield server
