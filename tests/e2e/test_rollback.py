"""Going back to an earlier publication, and when that is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Sample
from tests.e2e.lakes import Site, differences

pytestmark = [pytest.mark.spark, pytest.mark.timeout(1800)]


def publication(lake: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((lake / "published.json").read_text(encoding="utf-8"))
    return read


def test_back_to_the_one_before_and_no_further(site: Site, sample: Sample, in_order: Path) -> None:
    lake = site.copy(in_order, "rolled-back")
    newest = publication(lake)["run_id"]
    back = site.job("rollback", lake)
    before = publication(lake)
    assert back.code == 0, back.err
    assert back.last_line == (
        f"Rolled back from run {newest} to run {before['run_id']}, as of {sample.batches[1].extract_date}."
    )
    assert differences(lake, *sample.batches[:2]) == []

    assert site.job("rollback", lake).code == 0
    assert differences(lake, sample.batches[0]) == []
    third = site.job("rollback", lake)
    assert third.code == 2
    assert third.last_line.startswith("There is no earlier publication in this lake.")

    assert site.job("rollback", lake, "--to", newest).code == 0
    assert differences(lake, *sample.batches) == []


def test_never_behind_the_erasure_of_a_person(site: Site, in_order: Path) -> None:
    lake = site.copy(in_order, "erased")
    text = (lake / "published.json").read_bytes()
    erased_at = publication(lake)["published_at"]
    (lake / "last_erasure.json").write_text(json.dumps({"at": erased_at}), encoding="utf-8")
    refused = site.job("rollback", lake)
    assert refused.code == 2
    assert f"older than the last erasure, restriction or correction ({erased_at})" in refused.last_line
    assert (lake / "published.json").read_bytes() == text


def test_nothing_to_go_back_to(site: Site, first_batch: Path) -> None:
    lake = site.copy(first_batch, "only-one")
    text = (lake / "published.json").read_bytes()
    only = site.job("rollback", lake)
    assert (only.code, "no earlier publication" in only.last_line) == (2, True)
    unknown = site.job("rollback", lake, "--to", "nobody")
    assert (unknown.code, "no publication 'nobody'" in unknown.last_line) == (2, True)
    assert (lake / "published.json").read_bytes() == text
    absent = site.job("rollback", site.lake("absent"))
    assert (absent.code, absent.last_line.startswith("There is no lake at")) == (2, True)
    assert not site.lake("absent").exists()
