"""The power is cut at random moments of a job: unflushed data are lost, and the same command repairs the lake.

`LAKEHOUSE_CUTS=200` cuts it 200 times, over all jobs together; without it, a few times.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from unittest import mock

import pytest

from lib import drafts
from lib.delta.base import Base
from tests.reliability.conftest import Shop
from tests.reliability.deaths import JOBS, Deaths, Job, Undisturbed
from tests.reliability.disk import Disk, disk, lacking, mounted

pytestmark = [
    pytest.mark.long,
    pytest.mark.spark,
    pytest.mark.timeout(40_000),
    pytest.mark.skipif(bool(lacking()), reason=f"lacks {lacking()}"),
]
CUTS = int(os.environ.get("LAKEHOUSE_CUTS", str(3 * len(JOBS))))
SEED = 12
OFTEN = 0.05  # seconds between two cuts, on average


@pytest.fixture
def power(shop: Shop, tmp_path: Path) -> Iterator[Disk]:
    shop.begin()
    with disk(tmp_path, shop.place) as made:
        yield made


def cut_during(power: Disk, shop: Shop, expected: Undisturbed, number: int) -> list[Path]:
    """So many disks as random moments of the job would leave them, and at the end the one right after it."""
    chance = random.Random(SEED)  # noqa: S311 - no secret
    cuts: list[Path] = []
    with mounted(power.file, power.place):
        while not cuts or len(cuts) < number - 1:  # a rollback is over before the power is cut that often
            shop.begin(expected.start)
            os.sync()
            with power.cuts(cuts, lambda: chance.expovariate(1 / OFTEN)):
                assert expected.job.carry_out(shop).code == 0
        last = power.cut("last")
    chosen = set(chance.sample(range(len(cuts)), min(number - 1, len(cuts))))
    for cut in (cut for at, cut in enumerate(cuts) if at not in chosen):
        cut.unlink()
    return [*(cut for at, cut in enumerate(cuts) if at in chosen), last]


def judged(power: Disk, shop: Shop, expected: Undisturbed, cuts: list[Path]) -> Deaths:
    deaths = Deaths(shop, expected)
    for cut in cuts:
        with power.after(cut):
            deaths.judge(cut.name, published=cut.name == "last")
    print(deaths)  # noqa: T201 - shown by pytest -rP
    return deaths


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_power_cut_at_any_moment_and_run_again(shop: Shop, start: Path, power: Disk, job: Job) -> None:
    expected = Undisturbed.of(shop, job, start)
    deaths = judged(power, shop, expected, cut_during(power, shop, expected, -(-CUTS // len(JOBS))))
    assert deaths.wrong == []
    assert deaths.died >= CUTS // len(JOBS)


@contextmanager
def unflushed() -> Iterator[None]:
    """Nothing waits for the disk."""
    with mock.patch.object(drafts, "sync"), mock.patch.object(os, "fsync"):
        yield


@pytest.mark.parametrize("lost", ["the flush", "the comparison with the base"])
def test_power_cuts_show_it_if_something_is_left_out(shop: Shop, start: Path, power: Disk, lost: str) -> None:
    """That the test above can fail."""
    expected = Undisturbed.of(shop, JOBS[1], start)
    with unflushed() if lost == "the flush" else nullcontext():
        cuts = cut_during(power, shop, expected, 12)
    without = mock.patch.object(Base, "_settle", return_value=False) if lost != "the flush" else nullcontext()
    with without:
        deaths = judged(power, shop, expected, cuts)
    assert deaths.wrong != []
