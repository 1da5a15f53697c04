"""Lakes in a test's folder: run jobs on them, in this process or by the real command, and read what they hold."""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import hashlib
import importlib
import io
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import pyarrow as pa
import pytest
import yaml
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from lib import cli
from lib.contracts import model
from lib.delta.lake import open_lake
from lib.pipeline import pipeline
from lib.settings import load
from tests.oracle import Batch, Oracle, compute
from tests.oracle.delta import COMPARED, compare, published

PROJECT = Path(__file__).resolve().parents[2]
COMMAND = str(PROJECT / "spark-submit.sh")
MEMORY = "1g"
STAR = ("dim_user", "fact_sales", "fact_user_activity")
CELLS = tuple(table.name for table in model.load(PROJECT / "lakehouse") if table.load == "sum")
LONGEST_DEATH = 20  # seconds

Content = dict[str, list[str]]


@dataclass(frozen=True)
class Ending:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def last_line(self) -> str:
        """What the operator reads last."""
        return self.err.strip().rpartition("\n")[2]


@dataclass(frozen=True)
class Site:
    """A folder of lakes with one set of keys, so that equal content has equal keys."""

    spark: SparkSession
    folder: Path

    def lake(self, name: str) -> Path:
        """Where the lake of that name is, or will be."""
        return self.folder / "lakes" / name

    def copy(self, lake: Path, name: str) -> Path:
        """The same lake in another place, for a test to change."""
        return Path(shutil.copytree(lake, self.lake(name)))

    def deployment(self, contracts: Path = PROJECT / "lakehouse", sources: Path = PROJECT / "conf/sources") -> Path:
        """A deployment file with this site's keys."""
        stated = {
            "lake": str(self.folder / "lakes/default"),
            "contracts": str(contracts),
            "sources": str(sources),
            "secrets": str(self.folder / "secrets"),
        }
        text = yaml.safe_dump(stated)
        file = self.folder / f"deployment-{hashlib.sha256(text.encode()).hexdigest()[:8]}.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    def run(
        self,
        lake: Path,
        *batches: Batch,
        rebuild: bool = False,
        contracts: Path = PROJECT / "lakehouse",
        sources: Path = PROJECT / "conf/sources",
    ) -> pipeline.Result:
        """The pipeline on this process's session; all batches have one extract date, or none."""
        days = {batch.extract_date for batch in batches}
        assert len(days) <= 1
        opened = open_lake(self.spark, load(self.deployment(contracts, sources), str(lake)))
        request = pipeline.Request(
            job="pipeline",
            inputs={"ecommerce": [str(batch.path) for batch in batches]} if batches else {},
            extract_date=next(iter(days), None),
            rebuild=rebuild,
        )
        return pipeline.run(opened, request)

    def job(self, name: str, lake: Path, *options: str, deployment: Path | None = None) -> Ending:
        """A job as the command runs it, but on this process's session."""
        module = importlib.import_module(f"jobs.{name}")
        words = [name, *self._options(lake, deployment), *options]
        out, err = io.StringIO(), io.StringIO()
        with mock.patch.object(sys, "argv", words), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.run(module.main, module.arguments())
        return Ending(code, out.getvalue(), err.getvalue())

    def submit(self, name: str, lake: Path, *options: str, deployment: Path | None = None) -> Ending:
        """A job through the real command."""
        words = [COMMAND, name, *self._options(lake, deployment), *options]
        done = subprocess.run(words, capture_output=True, text=True, env=environment(), check=False)
        return Ending(done.returncode, done.stdout, done.stderr)

    def kill(self, at: str, lake: Path, *options: str, job: str = "pipeline", deployment: Path | None = None) -> Killed:
        """The real command, killed with all its processes when it says a line that begins with `at`."""
        words = [COMMAND, job, *self._options(lake, deployment), "--verbose", *options]
        with (self.folder / "killed-stdout").open("ab") as out, subprocess.Popen(
            words, stdout=out, stderr=subprocess.PIPE, text=True, env=environment(), start_new_session=True
        ) as process:  # fmt: skip
            return _kill(process, at, lake)

    def _options(self, lake: Path, deployment: Path | None = None) -> list[str]:
        return ["--lake", str(lake), "--conf", str(deployment or self.deployment())]


class Died(BaseException):
    """Ends a job of this process in the middle: no code of the job handles it, as with a kill."""


@dataclass
class Killed:
    """A run that was killed; `publications` are the texts of `published.json` that a reader saw meanwhile."""

    status: int = 0
    alive: bool = False
    lines: list[str] = field(default_factory=list)
    publications: list[str] = field(default_factory=list)


def _kill(process: subprocess.Popen[str], at: str, lake: Path) -> Killed:
    assert process.stderr is not None
    killed = Killed()
    for line in process.stderr:
        killed.lines.append(line)
        killed.publications += _publication(lake)
        if line.startswith(at):
            break
    else:
        pytest.fail(f"It never said '{at}', but: {killed.lines}")
    killed.alive = process.poll() is None
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    killed.lines += process.stderr.readlines()
    killed.status = process.wait()
    await_lock(lake)
    killed.publications += _publication(lake)
    return killed


def await_lock(lake: Path) -> None:
    """Wait until the lock is gone with its holder: Java ends a moment after the process that started it."""
    deadline = time.monotonic() + LONGEST_DEATH
    while (lake / ".lock").exists() and time.monotonic() < deadline:
        with (lake / ".lock").open("r+b") as stream:
            try:
                fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                time.sleep(0.1)
            else:
                return


def _publication(lake: Path) -> list[str]:
    file = lake / "published.json"
    return [file.read_text(encoding="utf-8")] if file.exists() else []


def environment() -> dict[str, str]:
    fast = {
        "SPARK_SUBMIT_OPTS": "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m",
        "LAKEHOUSE_DRIVER_MEMORY": MEMORY,
    }
    return {**os.environ, **fast}


def content(lake: Path) -> Content:
    """The rows of each published mart, in one order. The records of the runs do not belong to it."""
    return {name: rows(table) for name, table in published(lake).items() if name.startswith(COMPARED)}


def newest(lake: Path, name: str) -> pa.Table:
    """A table's newest version."""
    return DeltaTable(str(lake / name)).to_pyarrow_table()


def gold(lake: Path) -> Content:
    """The rows of the star's fact tables and users, and of the cells."""
    return {name: rows(newest(lake, f"gold/{name}")) for name in (*STAR, *CELLS)}


def rows(table: pa.Table) -> list[str]:
    """The rows as text, sorted."""
    return sorted(map(repr, table.to_pylist()))


def records(lake: Path, name: str) -> list[dict[str, object]]:
    """The rows of a table's newest version."""
    found: list[dict[str, object]] = newest(lake, name).to_pylist()
    return found


def differences(lake: Path, *batches: Batch) -> list[str]:
    """How the published marts differ from the second computation of these batches; none means equal."""
    return compare(expected(batches).tables, published(lake))


def expected(batches: Sequence[Batch]) -> Oracle:
    """The second computation of these batches, loaded today."""
    return compute(batches, loaded_on=dt.datetime.now(dt.timezone.utc).date())


def commits(lake: Path) -> set[str]:
    """Every file of every table's log."""
    return {str(file.relative_to(lake)) for file in lake.glob("**/_delta_log/*")}


def contracts(folder: Path) -> Path:
    """A copy of the project's contracts, for a test to change."""
    return Path(shutil.copytree(PROJECT / "lakehouse", folder, ignore=shutil.ignore_patterns("__pycache__")))


def leave_out(folder: Path, names: Iterable[str]) -> None:
    """Take tables (`LAYER/NAME`) out of a copy of the contracts."""
    families = [file for file in folder.glob("*/*.yaml") if "property: family" in file.read_text(encoding="utf-8")]
    for path in names:
        layer, name = path.split("/")
        file = folder / f"{path}.yaml"
        if file.exists():
            file.unlink()
            continue
        for family in (each for each in families if each.parent.name == layer):
            document = yaml.safe_load(family.read_text(encoding="utf-8"))
            stated = {each["property"]: each["value"] for each in document["schema"][0]["customProperties"]}
            stated["family"].pop(name, None)
            family.write_text(yaml.safe_dump(document), encoding="utf-8") if stated["family"] else family.unlink()


def change_contract(file: Path, change: Mapping[str, object]) -> None:
    """Change keys of a contract's only table."""
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    document["schema"][0] |= change
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
