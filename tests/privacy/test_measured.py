"""The benchmark's erasure is a real one: it removes the given number of persons, and states the time of each phase."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib import benchmark
from tests.privacy.conftest import Shop, receipt

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(580)]


def test_so_many_persons_are_erased(shop: Shop, before: Path) -> None:
    lake = shop.copy(before, "measured")
    figures = benchmark._erased(shop.open(lake), 3)
    assert (figures["persons"], figures["of"]) == (3, 78)
    assert {"erasure: delete", "erasure: publish", "erasure: vacuum", "erasure: scan"} <= set(figures["steps"])
    told = receipt(lake)
    assert (told["status"], told["subjects"], told["unknown"]) == ("COMPLETE", 3, 0)
