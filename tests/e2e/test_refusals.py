"""Refusals: their exit codes and sentences, and that they leave the lake unchanged."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lib.lock import SPAN, writer_of
from tests.e2e.conftest import Sample
from tests.e2e.lakes import PROJECT, Site, commits, differences, records
from tests.oracle.case import batch, row

pytestmark = [pytest.mark.spark, pytest.mark.timeout(1800)]


def test_an_input_that_is_not_there(site: Site, tmp_path: Path) -> None:
    missing = tmp_path / "missing.csv"
    ending = site.job("pipeline", site.lake("refused"), "--input", str(missing))
    assert ending.code == 3
    assert str(missing) in ending.last_line
    assert not (site.lake("refused") / "published.json").exists()


def test_a_source_that_nobody_described(site: Site, small: Sample) -> None:
    options = ("--source", "ecomerce", "--input", str(small.batches[0].path))
    ending = site.job("pipeline", site.lake("refused"), *options)
    assert ending.code == 2
    assert "ecomerce" in ending.last_line
    assert "ecommerce" in ending.last_line


def test_a_second_currency(site: Site, small: Sample, first_batch: Path, tmp_path: Path) -> None:
    lake = site.copy(first_batch, "two-currencies")
    before = commits(lake)
    sources = Path(shutil.copytree(PROJECT / "conf/sources", tmp_path / "sources"))
    text = (sources / "ecommerce.yaml").read_text(encoding="utf-8")
    (sources / "francs.yaml").write_text(text.replace("currency: USD", "currency: CHF"), encoding="utf-8")
    options = ("--source", "francs", "--input", str(small.batches[1].path))
    ending = site.job("pipeline", lake, *options, deployment=site.deployment(sources=sources))
    assert ending.code == 2
    assert ending.last_line.startswith("Source 'francs' states CHF, but this lake holds USD.")
    assert commits(lake) == before


# A separate process: a process that opens and closes a file gives up its locks on it.
HOLDER = f"""
import fcntl, sys
with open(sys.argv[1], "w+b") as file:
    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, {SPAN}, 0)
    file.truncate({SPAN})
    file.seek({SPAN})
    file.write(b"pipeline, process 12345, since 2023-08-25 12:00:00Z")
    file.flush()
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held(lake: Path) -> Iterator[None]:
    """The lake, held by another process."""
    words = [sys.executable, "-c", HOLDER, str(lake / ".lock")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield
        holder.communicate("")


def test_a_lake_that_another_process_holds(site: Site) -> None:
    lake = site.lake("busy")
    lake.mkdir(parents=True)
    with held(lake):
        for job in ("pipeline", "rollback", "replay_quarantine"):
            ending = site.job(job, lake)
            assert ending.code == 5
            assert f"Another job holds the lake {lake} (pipeline, process 12345, since 2023-" in ending.last_line
    assert [file.name for file in lake.iterdir()] == [".lock"]
    assert site.job("rollback", lake).code == 2  # free again


def test_the_lock_is_the_operating_systems_and_names_its_holder(site: Site, tmp_path: Path) -> None:
    lake = site.lake("held")
    lake.mkdir(parents=True)
    with writer_of(str(lake), tmp_path, "erase"), (lake / ".lock").open("r+b") as file:
        with pytest.raises(BlockingIOError):
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, SPAN, 0)
        ending = site.job("pipeline", lake)
        assert ending.code == 5
        assert "(erase, process " in ending.last_line
    with (lake / ".lock").open("r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, SPAN, 0)


def test_a_header_without_rows_and_then_one_row(site: Site, tmp_path: Path) -> None:
    lake = site.lake("nearly-empty")
    empty = batch(tmp_path / "empty.csv")
    ending = site.job("pipeline", lake, "--input", str(empty.path))
    assert ending.code == 4
    assert ending.last_line.startswith("No row of this lake has a valid date.")
    assert not (lake / "published.json").exists()

    one = batch(tmp_path / "one.csv", row())
    assert site.job("pipeline", lake, "--input", str(one.path)).code == 0
    assert differences(lake, empty, one) == []
    rows_in = [run["rows_in"] for run in records(lake, "mart_operations/runs") if run["status"] == "published"]
    assert rows_in == [1]
