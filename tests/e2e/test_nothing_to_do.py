"""A run with nothing to do says so before Spark starts. Whatever there may be to do, Spark is started for it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest

from lib.accountability import subject_requests
from lib.accountability.subject_requests import SubjectRequest
from lib.delta import pins
from lib.pipeline import writer
from splitter.split import Order, split
from tests.e2e.conftest import Sample
from tests.e2e.lakes import Ending, Site
from tests.oracle.case import batch, row
from tests.reliability.damage import tree

pytestmark = [pytest.mark.spark, pytest.mark.timeout(1800)]


class Started(Exception):
    """The job has asked for Spark."""


@pytest.fixture
def lake(site: Site, first_batch: Path, tmp_path: Path) -> Path:
    return site.copy(first_batch, tmp_path.name)


def without_spark(site: Site, lake: Path, *options: str) -> Ending:
    with mock.patch.object(writer, "session", side_effect=Started):
        return site.job("pipeline", lake, *options)


def starts_spark(ending: Ending) -> bool:
    return ending.code == 1 and "Started" in ending.last_line


def test_what_is_loaded_already(site: Site, lake: Path, small: Sample, tmp_path: Path) -> None:
    shutil.copy(small.batches[0].path, tmp_path / "again.csv")
    before = tree(lake)
    for options in ((), ("--input", f"{tmp_path}/again.csv"), ("--input", f"{tmp_path}/*.csv")):
        ending = without_spark(site, lake, *options)
        assert (ending.code, ending.err.count("\n")) == (0, 1)
        assert ending.last_line.startswith("Nothing new to do; published as of ")
    after = tree(lake)
    assert after.keys() - before.keys() <= {".lock"}
    assert {name: after[name] for name in before if name != ".lock"} == {
        name: content for name, content in before.items() if name != ".lock"
    }


def test_a_manifest_that_is_loaded_already(site: Site, tmp_path: Path) -> None:
    lake = site.lake(tmp_path.name)
    split(Order(batch(tmp_path / "shop.csv", row()).path, tmp_path / "parts"))
    manifest = ("--input", f"{tmp_path}/parts/manifest.json")
    assert site.job("pipeline", lake, *manifest).code == 0
    assert without_spark(site, lake, *manifest).last_line.startswith("Nothing new to do")
    (part,) = (tmp_path / "parts").glob("*.csv")
    part.write_bytes(part.read_bytes() + part.read_bytes().splitlines(keepends=True)[-1])
    ending = without_spark(site, lake, *manifest)
    assert ending.code == 3
    assert f"{part.name} is not what the manifest says" in ending.last_line


def test_an_input_that_cannot_be_loaded_is_refused_at_once(site: Site, lake: Path, tmp_path: Path) -> None:
    ending = without_spark(site, lake, "--input", f"{tmp_path}/missing.csv")
    assert ending.code == 3
    assert ending.last_line.startswith(f"There is no file {tmp_path}/missing.csv.")


def test_other_content_another_day_and_a_rebuild(site: Site, lake: Path, small: Sample, tmp_path: Path) -> None:
    shutil.copy(small.batches[1].path, tmp_path / "new.csv")
    assert starts_spark(without_spark(site, lake, "--input", f"{tmp_path}/new.csv"))
    assert starts_spark(without_spark(site, lake, "--as-of", "2024-01-01"))
    assert starts_spark(without_spark(site, lake, "--rebuild"))
    assert starts_spark(without_spark(site, lake, "--audit", "full"))
    assert starts_spark(without_spark(site, site.lake("never-made")))


def a_batch_is_pending(lake: Path) -> None:
    text = (lake / "published.json").read_text(encoding="utf-8")
    document = pins.unsealed(text)
    document["base"]["number"] += 1
    document["base"]["batches"][0]["published_run"] = None
    rewritten = pins.sealed(document)
    (lake / "published.json").write_text(rewritten, encoding="utf-8")
    (lake / f"bases/{document['base']['number']:08d}.json").write_text(rewritten, encoding="utf-8")


def a_killed_job_has_committed(lake: Path) -> None:
    log = lake / "silver/users/_delta_log"
    newest = int(max(log.glob("*.json")).stem)
    (log / f"{newest + 1:020d}.json").write_text("{}", encoding="utf-8")


def a_killed_job_has_written_a_file(lake: Path) -> None:
    shutil.copy(next((lake / "gold/fact_sales").glob("part-*")), lake / "gold/fact_sales/part-of-nothing.parquet")


def a_data_file_is_gone(lake: Path) -> None:
    next((lake / "bronze/sales_events").glob("part-*")).unlink()


def a_data_file_was_written_again(lake: Path) -> None:
    file = next((lake / "silver/purchases").glob("part-*"))
    file.write_bytes(file.read_bytes())


def the_pointer_is_older(lake: Path) -> None:
    shutil.copy(min((lake / "bases").glob("*.json")), lake / "published.json")


def the_keys_are_others(lake: Path) -> None:
    stated = json.loads((lake / "keys.json").read_text(encoding="utf-8"))
    (lake / "keys.json").write_text(json.dumps(stated | {"audit": "0" * 32}), encoding="utf-8")


def the_history_lost_its_newest(lake: Path) -> None:
    max((lake / "publications").glob("*.json")).unlink()


@pytest.mark.parametrize(
    "disturb",
    [
        a_batch_is_pending, a_killed_job_has_committed, a_killed_job_has_written_a_file, a_data_file_is_gone,
        a_data_file_was_written_again, the_pointer_is_older, the_keys_are_others, the_history_lost_its_newest,
    ],
    ids=lambda disturb: disturb.__name__,
)  # fmt: skip
def test_a_lake_that_is_not_as_it_was_left(site: Site, lake: Path, disturb: Callable[[Path], None]) -> None:
    disturb(lake)
    assert starts_spark(without_spark(site, lake))


def test_an_input_that_cannot_be_loaded_waits_for_the_repair_of_the_lake(site: Site, lake: Path) -> None:
    """Otherwise a nightly run with an empty folder would leave a killed job's remains, and its request, for ever."""
    a_killed_job_has_committed(lake)
    assert starts_spark(without_spark(site, lake, "--input", "/nowhere/missing.csv"))
    ending = site.job("pipeline", lake, "--input", "/nowhere/missing.csv")
    assert ending.code == 3
    assert ending.last_line.startswith("There is no file /nowhere/missing.csv.")
    newest = max((lake / "silver/users/_delta_log").glob("*.json"))
    assert "RETURN TO BASE" in newest.read_text(encoding="utf-8")


def test_a_request_that_is_open(site: Site, lake: Path) -> None:
    folder = site.folder / "secrets"
    request = SubjectRequest.new("erasure", str(lake), ["somebody"], "2024-01-01T00:00:00Z")
    subject_requests.save(folder, request)
    try:
        assert starts_spark(without_spark(site, lake))
    finally:
        for place in subject_requests.PLACES:
            shutil.rmtree(folder / place)
