"""A job that dies between any two of its effects, and then the same command: as if it had not died.

`LAKEHOUSE_KILLS=1000` tries so many points of all jobs together; without it, a few of each.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e.lakes import Died, Ending
from tests.reliability.conftest import NEXT, Content, Shop
from tests.reliability.effects import clocked

pytestmark = [pytest.mark.long, pytest.mark.spark, pytest.mark.timeout(40_000)]
SEED = 12
RETENTION_DAY = "2040-01-01"  # on which everybody's period has ended


@dataclass(frozen=True)
class Job:
    """A job, and from which start it is begun."""

    name: str
    start: str
    carry_out: Callable[[Shop], Ending]


JOBS = (
    Job("load", "nothing", lambda shop: shop.load(0)),
    Job("increment", "start", lambda shop: shop.load(3)),
    Job("rebuild", "start", lambda shop: shop.job("pipeline", "--rebuild")),
    Job("replay", "start", lambda shop: shop.job("replay_quarantine")),
    Job("rollback", "start", lambda shop: shop.job("rollback", "--to", run_before(shop))),
    Job("erasure", "start", lambda shop: shop.erase(NEXT)),
    Job("retention", "start", lambda shop: shop.job("enforce_retention", "--as-of", RETENTION_DAY, "--grace", "0")),
    Job("rotation", "start", lambda shop: shop.job("rotate_key", "--grace", "0")),
)
KILLS = int(os.environ.get("LAKEHOUSE_KILLS", str(2 * len(JOBS))))


@dataclass
class Undisturbed:
    """What a job comes to when it is not disturbed, and at how many points it can be killed."""

    before: Content
    after: Content
    points: int


@dataclass
class Found:
    """What was tried, and what went wrong."""

    kills: int = 0
    wrong: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def starts(start: Path) -> dict[str, Path | None]:
    return {"start": start, "nothing": None}


def undisturbed(shop: Shop, start: Path | None, job: Job) -> Undisturbed:
    shop.begin(start)
    before = shop.told_or_nothing()
    with clocked() as clock:
        done = job.carry_out(shop)
    assert done.code == 0, done.err
    return Undisturbed(before, shop.told(), clock.points)


def run_before(shop: Shop) -> str:
    """The run whose publication is the one before the current."""
    return sorted((shop.lake / "publications").glob("*.json"))[-2].stem


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_killed_anywhere_and_run_again(shop: Shop, starts: dict[str, Path | None], job: Job) -> None:
    expected = undisturbed(shop, starts[job.start], job)
    chosen = random.Random(SEED).sample(range(1, expected.points + 1), min(KILLS // len(JOBS), expected.points))  # noqa: S311
    found = Found()
    for point in sorted(chosen):
        shop.begin(starts[job.start])
        if said := kill(shop, job, expected, point):
            found.wrong.append(f"{point}: {said}")
        found.kills += 1
    print(f"{job.name}: {found.kills} kills at {expected.points} points, {len(found.wrong)} wrong")  # noqa: T201
    assert found.wrong == []
    assert found.kills == len(chosen) > 0


def kill(shop: Shop, job: Job, expected: Undisturbed, point: int) -> str:
    """Kill the job at a point and run it again; what is wrong then, if anything is."""
    with clocked(point) as clock:
        try:
            job.carry_out(shop)
        except Died:
            pass
        else:
            return f"it lived, at {clock.points} points"
    shop.forget()
    if (shop.lake / "published.json").exists() and shop.told_or_nothing() not in (expected.before, expected.after):
        return "a reader sees neither the old nor the new"
    again = job.carry_out(shop)
    if again.code != 0:
        return again.last_line
    if shop.told() != expected.after:
        return "other content"
    return "damaged" if shop.open().base.damages else ""
