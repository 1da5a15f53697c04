"""A job killed at any moment and run again ends as if it had not been killed."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.e2e.conftest import Sample
from tests.e2e.lakes import Killed, Site, differences, records
from tests.oracle import Batch

pytestmark = [pytest.mark.long, pytest.mark.spark, pytest.mark.e2e, pytest.mark.timeout(1800)]


def kill(site: Site, at: str, lake: Path, batch: Batch) -> Killed:
    day = f"{batch.extract_date:%Y-%m-%d}"
    killed = site.kill(at, lake, "--input", str(batch.path), "--extract-date", day)
    assert killed.lines[-1:], "it said nothing"
    assert any(line.startswith(at) for line in killed.lines), killed.lines
    assert killed.alive
    assert killed.status == -signal.SIGKILL
    return killed


def test_a_first_load_killed_twice_then_finished(site: Site, small: Sample) -> None:
    lake = site.lake("killed")
    assert kill(site, "bronze:", lake, small.batches[0]).publications == []
    assert kill(site, "gold/fact_sales ...", lake, small.batches[0]).publications == []
    site.run(lake, small.batches[0])
    assert differences(lake, small.batches[0]) == []
    (run,) = records(lake, "mart_operations/runs")
    assert (run["status"], run["rows_in"]) == ("published", 100)


def test_a_reader_sees_the_old_publication_or_the_new_one(site: Site, small: Sample, first_batch: Path) -> None:
    lake = site.copy(first_batch, "killed-late")
    old = json.loads((lake / "published.json").read_text(encoding="utf-8"))["run_id"]
    killed = kill(site, "publication ...", lake, small.batches[1])
    seen = [json.loads(text) for text in killed.publications]
    assert seen[0]["run_id"] == old
    for publication in seen:
        assert publication["run_id"] == old or publication["as_of"] == f"{small.batches[1].extract_date:%Y-%m-%d}"
    wanted = small.batches if seen[-1]["run_id"] != old else small.batches[:1]
    assert differences(lake, *wanted) == []
    site.run(lake, small.batches[1])
    assert differences(lake, *small.batches) == []
