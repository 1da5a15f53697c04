"""An invented shop of few tables, and its lake: three batches, an erasure before the last one, and an open request.

Few tables, since what is tested is the engine that writes them, and each is written by the same code.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from pyspark.sql import SparkSession

from lib.accountability import subject_requests
from lib.accountability.subject_requests import SubjectRequest
from lib.contracts import model as catalogs
from lib.contracts.model import Table
from lib.delta import tables
from lib.delta.lake import Lake, open_lake
from lib.progress import Steps
from lib.settings import load
from tests.e2e.lakes import Died, Ending, Site, content, contracts, leave_out, newest
from tests.oracle.case import batch, row

DAY = dt.date(2023, 8, 25)
MART = "mart_sales/trends"
ERASED, ASKED, NEXT = "person-gone", "person-asked", "person-next"
ODD = 1  # the batch with a row for quarantine
LAYERS = ("bronze", "silver", "ledger", "rights", "mart_operations")
Content = dict[str, list[str]]
Phases = Mapping[str, Callable[[], None]]


@dataclass(frozen=True)
class Shop:
    """A shop whose jobs run on this process's session, on lakes with secrets of their own."""

    spark: SparkSession
    folder: Path
    contracts: Path
    batches: tuple[Path, ...]

    @property
    def place(self) -> Path:
        """Where the lake and its secrets are at work: always here, since the secrets know a lake by its address."""
        return self.folder / "work"

    @property
    def lake(self) -> Path:
        return self.place / "lake"

    def begin(self, start: Path | None = None) -> None:
        """Put a start in its place, as it was to the last time of writing. The place may be a mounted disk."""
        self.place.mkdir(exist_ok=True)
        for each in self.place.iterdir():
            shutil.rmtree(each) if each.is_dir() else each.unlink()
        if start:
            shutil.copytree(start, self.place, copy_function=shutil.copy2, dirs_exist_ok=True)
        self.forget()

    def forget(self) -> None:
        """Begin as a process of its own does, which has read nothing yet."""
        jvm: Any = self.spark._jvm
        jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
        self.spark.catalog.clearCache()

    def kept(self, name: str) -> Path:
        """What stands in that place, kept as a start."""
        return Path(shutil.copytree(self.place, self.folder / name, copy_function=shutil.copy2))

    def deployment(self) -> Path:
        return Site(self.spark, self.place).deployment(self.contracts)

    def open(self) -> Lake:
        """The lake opened as every job does, and nothing else."""
        return open_lake(self.spark, load(self.deployment(), str(self.lake)))

    def job(self, name: str, *options: str, deployment: Path | None = None) -> Ending:
        site = Site(self.spark, self.place)
        return site.job(name, self.lake, *options, deployment=deployment or self.deployment())

    def load(self, number: int) -> Ending:
        return self.job(*self.loading(number))

    def loading(self, number: int) -> tuple[str, ...]:
        """The command that loads one batch."""
        return "pipeline", "--input", str(self.batches[number]), "--extract-date", f"{DAY}"

    def erase(self, person: str) -> Ending:
        return self.job(*self.erasing(person))

    def erasing(self, person: str) -> tuple[str, ...]:
        """The command that erases one person."""
        file = self.folder / f"{person}.txt"
        file.write_text(f"{person}\n", encoding="utf-8")
        return "erase_subjects", "--subjects", str(file), "--grace", "0"

    def told(self) -> Content:
        """What people read."""
        return content(self.lake)

    def told_or_nothing(self) -> Content:
        """The same, where perhaps nothing is published yet."""
        file = self.lake / "published.json"
        is_published = file.exists() and "tables" in json.loads(file.read_text(encoding="utf-8"))
        return self.told() if is_published else {}

    def held(self) -> dict[str, int]:
        """The rows of every table that keeps something of its own, so that a lost or doubled one shows."""
        logs = sorted(self.lake.glob("*/*/_delta_log"))
        names = [str(log.parent.relative_to(self.lake)) for log in logs]
        return {name: newest(self.lake, name).num_rows for name in names if not name.startswith("mart_operations/")}


@pytest.fixture(scope="session")
def shop(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("reliability")
    batches = [
        batch(
            folder / f"batch-{number}.csv",
            *(
                row(user=f"person-{number}-{each}", price=str(10 + each), day=f"2023-0{number + 1}-1{each}")
                for each in range(8)
            ),
            row(user=person, price="100", day="2023-06-01"),
            *([row(user="person-odd", price="much")] if number == ODD else []),
        ).path
        for number, person in enumerate((ERASED, ASKED, NEXT, "person-last"))
    ]
    return Shop(spark, folder, few_tables(folder / "lakehouse"), tuple(batches))


def few_tables(folder: Path) -> Path:
    """The contracts that one mart needs."""
    kept = contracts(folder)
    catalog = catalogs.load(kept)
    needed: set[str] = set()

    def need(name: str) -> None:
        table = catalog[name]
        if table.path not in needed:
            needed.add(table.path)
            for other in (*table.needs, *table.remembers, *references(table)):
                need(other)

    for table in catalog:
        if table.layer in LAYERS or table.path == MART:
            need(table.path)
    leave_out(kept, (table.path for table in catalog if table.path not in needed))
    (kept / "summary.yaml").write_text("[]\n", encoding="utf-8")
    return kept


def references(table: Table) -> list[str]:
    return [column.references.split(".")[0] for column in table.columns if column.references]


@pytest.fixture(scope="session")
def often_checkpointed() -> Iterator[None]:
    """Let Delta write a checkpoint at every second version, as in a lake of many batches."""
    real: Callable[[Table], dict[str, str]] = tables.properties
    with mock.patch.object(tables, "properties", lambda table: {**real(table), "delta.checkpointInterval": "2"}):
        yield


@pytest.fixture(scope="session")
def earlier(shop: Shop, often_checkpointed: None) -> Path:
    """An earlier state of the lake: it holds two batches, and one person has been erased."""
    shop.begin()
    for done in (shop.load(0), shop.load(1), shop.erase(ERASED)):
        assert done.code == 0, done.err
    return shop.kept("earlier")


@pytest.fixture(scope="session")
def start(shop: Shop, earlier: Path) -> Path:
    """A lake with all kinds of files, in which nothing waits. Not to be changed: copy it."""
    shop.begin(earlier)
    done = shop.load(2)
    assert done.code == 0, done.err
    return shop.kept("start")


@pytest.fixture(scope="session")
def asked(shop: Shop, start: Path) -> Path:
    """The same with a request that a kill has left open, its person deleted and nothing published yet."""
    shop.begin(start)
    with (
        mock.patch.object(subject_requests, "go_through", until("publish", subject_requests.go_through)),
        pytest.raises(Died),
    ):
        shop.erase(ASKED)
    return shop.kept("asked")


def until(phase: str, real: Callable[..., None]) -> Callable[..., None]:
    """Run the phases up to one, at which the process ends."""

    def go_through(
        folder: Path, request: SubjectRequest, phases: Phases, steps: Steps, *, lasting: Callable[[], None]
    ) -> None:
        real(folder, request, {**phases, phase: stop}, steps, lasting=lasting)

    return go_through


def stop() -> None:
    raise Died
