"""A job dies between any two of its effects, or is killed at any time; then the same command runs again.

`LAKEHOUSE_KILLS=1000` tries 1000 moments of all jobs together, and `LAKEHOUSE_SIGKILLS=60` tries 60 kills of the real
command; without them, a few of each.
"""

from __future__ import annotations

import dataclasses
import os
import random
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from unittest import mock

import pytest

from lib.delta import ledger
from lib.delta.ledger import Entry
from tests.e2e.lakes import COMMAND, await_lock, environment
from tests.reliability.conftest import Shop
from tests.reliability.deaths import JOBS, Deaths, Job, Undisturbed
from tests.reliability.effects import clocked

pytestmark = [pytest.mark.long, pytest.mark.spark, pytest.mark.timeout(40_000)]
KILLS = int(os.environ.get("LAKEHOUSE_KILLS", str(2 * len(JOBS))))
SIGKILLS = int(os.environ.get("LAKEHOUSE_SIGKILLS", str(len(JOBS))))
SEED = 12


def each_share(total: int) -> int:
    return -(-total // len(JOBS))


def moments_of(shop: Shop, expected: Undisturbed, kept: Path, number: int) -> list[Path]:
    """The given number of lakes at random moments of the job: the state that its death at that moment would leave."""
    shop.begin(expected.start)
    with clocked() as clock:
        assert expected.job.carry_out(shop).code == 0
    chosen = set(random.Random(SEED).sample(range(1, clock.moments + 1), min(number, clock.moments)))  # noqa: S311 - no secret
    lakes: list[Path] = []

    def keep(moment: int) -> None:
        if moment in chosen:
            lakes.append(Path(shutil.copytree(shop.place, kept / f"{moment}", copy_function=shutil.copy2)))

    shop.begin(expected.start)
    with clocked(keep) as clock:
        assert expected.job.carry_out(shop).code == 0
    print(f"{expected.job.name}: {clock.moments} moments")  # noqa: T201 - shown by pytest -rP
    return lakes


def judged(shop: Shop, expected: Undisturbed, lakes: list[Path]) -> Deaths:
    deaths = Deaths(shop, expected)
    for lake in lakes:
        shop.begin(lake)
        deaths.judge(lake.name)
        shutil.rmtree(lake)
    print(deaths)  # noqa: T201 - shown by pytest -rP
    return deaths


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_dead_at_any_moment_and_run_again(shop: Shop, start: Path, tmp_path: Path, job: Job) -> None:
    expected = Undisturbed.of(shop, job, start)
    lakes = moments_of(shop, expected, tmp_path, each_share(KILLS))
    deaths = judged(shop, expected, lakes)
    assert deaths.wrong == []
    assert deaths.died == len(lakes) > 0


def test_kills_show_it_if_batches_do_not_stay_pending(shop: Shop, start: Path, tmp_path: Path) -> None:
    """That the test above can fail."""
    expected = Undisturbed.of(shop, JOBS[1], start)
    lakes = moments_of(shop, expected, tmp_path, 10)
    read = ledger._entry

    def published(row: dict[str, object]) -> Entry:
        return dataclasses.replace(entry := read(row), published_run=entry.published_run or "some run")

    with mock.patch.object(ledger, "_entry", published):
        deaths = judged(shop, expected, lakes)
    assert deaths.wrong != []


def test_killed_at_any_time_and_run_again(shop: Shop, start: Path) -> None:
    """The real command and all its processes, by SIGKILL; a reader reads meanwhile."""
    chance = random.Random(SEED)  # noqa: S311 - no secret
    died, wrong = 0, []
    for job in JOBS:
        expected = Undisturbed.of(shop, job, start)
        whole = lasting(shop, expected)
        deaths = Deaths(shop, expected)
        for part in range(each_share(SIGKILLS)):
            share = (part + chance.random()) / each_share(SIGKILLS)
            shop.begin(expected.start)
            read = killed_after(shop, job, whole * share)
            wrong += [f"{job.name}: read meanwhile"] if read - {str(expected.before), str(expected.after)} else []
            deaths.judge(f"{whole * share:.1f} of {whole:.1f} s")
        print(deaths)  # noqa: T201 - shown by pytest -rP
        died, wrong = died + deaths.died, wrong + deaths.wrong
    assert wrong == []
    assert died >= SIGKILLS


def started(shop: Shop, job: Job) -> subprocess.Popen[bytes]:
    name, *options = job.options(shop)
    words = [COMMAND, name, "--lake", str(shop.lake), "--conf", str(shop.deployment()), *options]
    return subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(), start_new_session=True
    )


def lasting(shop: Shop, expected: Undisturbed) -> float:
    """Seconds of the real command, undisturbed."""
    shop.begin(expected.start)
    begun = time.monotonic()
    assert started(shop, expected.job).wait() == 0
    return time.monotonic() - begun


def killed_after(shop: Shop, job: Job, seconds: float) -> set[str]:
    """Kill the real command; what a reader saw until then."""
    end, seen = time.monotonic() + seconds, set()
    process = started(shop, job)
    while time.monotonic() < end and process.poll() is None:
        if (shop.lake / "published.json").exists():
            seen.add(str(shop.told_or_nothing()))
        time.sleep(0.2)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    await_lock(shop.lake)
    return seen
