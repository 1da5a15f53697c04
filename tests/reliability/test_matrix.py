"""After any damage to a file, the next job finds it, repairs it, or it does no harm. It is never silently wrong.

A lake that is byte for byte as it should be after it has been opened counts as repaired. On other lakes every job must
run to its end. If several lakes hold the same rows in the same versions after the repair, only the first one runs on.
That takes about an hour: `LAKEHOUSE_MATRIX=3/17` tries the third of seventeen parts, `1/1` all.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from pyarrow import ArrowException

from lib.delta.lake import Lake
from lib.errors import LakehouseError
from lib.pipeline import recovery
from lib.publication import reader
from tests.reliability.conftest import NEXT, Content, Shop
from tests.reliability.damage import DAMAGES, KINDS, tree

pytestmark = [pytest.mark.long, pytest.mark.spark, pytest.mark.timeout(20_000)]
PART, PARTS = (int(number) for number in os.environ.get("LAKEHOUSE_MATRIX", "17/17").split("/"))
FOUND, REPAIRED, HARMLESS, WRONG, UNTRIED = "found", "repaired", "harmless", "silently wrong", "not tried"
READER = "reader"
MENDING = ("next batch", "rebuild")  # the pipeline mends what is damaged; every other job refuses it
JOBS: dict[str, Callable[[Shop], int]] = {
    "next batch": lambda shop: shop.load(3).code,
    "rebuild": lambda shop: shop.job("pipeline", "--rebuild").code,
    "rollback": lambda shop: shop.job("rollback").code,
    "erase": lambda shop: shop.erase(NEXT).code,
}
Cell = tuple[str, str, str]  # the kind of file, its damage, and who comes next


@dataclass
class Lakes:
    """Lakes to damage, and what each job comes to on one that is not: exit code, and what people read then."""

    shop: Shop
    starts: dict[str, Path]
    earlier: Path
    expected: dict[tuple[str, str], tuple[int, Content]] = field(default_factory=dict)
    clean: dict[str, dict[str, bytes]] = field(default_factory=dict)
    before: dict[str, Content] = field(default_factory=dict)
    carried_on: dict[tuple[str, str], str] = field(default_factory=dict)

    def prepare(self) -> None:
        for name, start in self.starts.items():
            self.shop.begin(start)
            self.before[name] = self.shop.told()
            self.shop.open()
            self.clean[name] = tree(self.shop.place)
            for job, carry_out in JOBS.items():
                self.shop.begin(start)
                self.expected[name, job] = carry_out(self.shop), self.shop.told()

    def inflict(self, name: str, file: str, damage: str) -> bool:
        """Whether that can happen to this file."""
        self.shop.begin(self.starts[name])
        return DAMAGES[damage](self.shop.place / file, self.earlier / file)


@pytest.fixture(scope="module")
def lakes(shop: Shop, start: Path, asked: Path, earlier: Path) -> Lakes:
    found = Lakes(shop, {"start": start, "asked": asked}, earlier)
    found.prepare()
    return found


def files(lakes: Lakes) -> Iterator[tuple[str, str, str]]:
    """The kind of each file, the lake in which it is, and its name."""
    for kind, found in KINDS.items():
        name = "asked" if "request" in kind else "start"
        for file in found(lakes.starts[name]):
            yield kind, name, str(file.relative_to(lakes.starts[name]))


def test_the_matrix(lakes: Lakes) -> None:
    outcomes: dict[Cell, Counter[str]] = {}
    wrong, waiting, injections = [], 0, 0
    for kind, name, file in files(lakes):
        for damage in DAMAGES:
            if not lakes.inflict(name, file, damage):
                continue
            injections += 1
            told = {READER: of_reader(lakes, name), **dict.fromkeys(JOBS, of_opening(lakes, name))}
            for job in JOBS:
                if told[job] is None:
                    waiting += 1
                    tried = waiting % PARTS == PART % PARTS
                    told[job] = of_job(lakes, name, file, damage, job) if tried else UNTRIED
            for job, outcome in told.items():
                outcomes.setdefault((kind, damage, job), Counter())[str(outcome)] += 1
                if outcome == WRONG:
                    wrong.append((file, damage, job))
    print(as_text(outcomes))  # noqa: T201 - shown by pytest -rP
    assert wrong == []
    assert {kind for kind, _, _ in outcomes} == set(KINDS)
    assert injections > 400


def of_reader(lakes: Lakes, name: str) -> str:
    read = told(lakes)
    if read is None:
        return FOUND
    return HARMLESS if read == lakes.before[name] else WRONG


def of_opening(lakes: Lakes, name: str) -> str | None:
    """What every job does first; None if it is the rest of the job that has to tell."""
    damaged = tree(lakes.shop.place)
    try:
        lake = lakes.shop.open()
    except LakehouseError:
        return FOUND
    if lake.base.damages or tree(lakes.shop.place) != lakes.clean[name]:
        return None
    return HARMLESS if damaged == lakes.clean[name] else REPAIRED


def of_job(lakes: Lakes, name: str, file: str, damage: str, job: str) -> str:
    """How the job ends, as it did on a lake that went on from the same rows."""
    assert lakes.inflict(name, file, damage)
    mended = once_mended(lakes, job)
    if mended is None:
        return carried_on(lakes, name, file, damage, job)
    if (job, mended) not in lakes.carried_on:
        lakes.carried_on[job, mended] = carried_on(lakes, name, file, damage, job)
    return lakes.carried_on[job, mended]


def once_mended(lakes: Lakes, job: str) -> str | None:
    """What the job goes on from: all rows of each table, by version, and all other files. None if it does not go on."""
    try:
        opened = lakes.shop.open()
        if job in MENDING:
            recovery.mend(opened, ())
        else:
            opened.base.require_sound()
    except LakehouseError:
        return None
    with suppress(OSError, ValueError, ArrowException, DeltaError):
        return held(lakes.shop, opened)
    return None


def held(shop: Shop, opened: Lake) -> str:
    """Everything that a lake holds, its secrets too, but for when it was written down."""
    logs = sorted(shop.lake.glob("*/*/_delta_log"))
    tables = {str(log.parent.relative_to(shop.place)): DeltaTable(str(log.parent)) for log in logs}
    digest = hashlib.sha256(repr(opened.base.published and opened.base.published.tables).encode())
    for path, table in tables.items():
        rows = sorted(map(repr, table.to_pyarrow_table().to_pylist()))
        digest.update(repr((path, table.version(), rows)).encode())
    for path, content in sorted(tree(shop.place).items()):
        if not path.startswith((*tables, "lake/bases/", "lake/published.json")):
            digest.update(repr((path, content)).encode())
    return digest.hexdigest()


def carried_on(lakes: Lakes, name: str, file: str, damage: str, job: str) -> str:
    assert lakes.inflict(name, file, damage)
    code, content = JOBS[job](lakes.shop), told(lakes)
    if (code, content) == lakes.expected[name, job]:
        return REPAIRED
    return FOUND if code and content in (lakes.before[name], None) else WRONG


def told(lakes: Lakes) -> Content | None:
    """What people read; None if they are told that it cannot be read."""
    try:
        published = reader.published(lakes.shop.lake)
        return {mart: sorted(map(repr, published.arrow(mart).to_pylist())) for mart in published.tables}
    except LakehouseError:
        return None


def as_text(outcomes: dict[Cell, Counter[str]]) -> str:
    """The matrix as Markdown: a row for each kind of file and damage, a column for each who comes next."""
    columns = [*JOBS, READER]
    rows = [["file", "damage", *columns], ["---"] * (len(columns) + 2)]
    for kind, damage in dict.fromkeys((kind, damage) for kind, damage, _ in outcomes):
        cells = [outcomes[kind, damage, column] for column in columns]
        texts = [", ".join(f"{what} {count}" for what, count in sorted(each.items())) for each in cells]
        rows.append([kind, damage, *texts])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
