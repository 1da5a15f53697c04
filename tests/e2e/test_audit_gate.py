"""A run that fails its audit is not published, leaves the publication unchanged, and is reported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from lib.audit import staged
from tests.e2e.conftest import Sample
from tests.e2e.lakes import Site, change_contract, contracts, differences, records

pytestmark = [pytest.mark.spark, pytest.mark.timeout(1800)]


def impossible(folder: Path) -> Path:
    """Contracts; one of them states a check that no content can meet."""
    copied = contracts(folder)
    file = copied / "mart_sales" / "trends.yaml"
    stated = yaml.safe_load(file.read_text(encoding="utf-8"))["schema"][0].get("quality", [])
    check = {
        "name": "never_met",
        "description": "No content meets this",
        "type": "sql",
        "query": "select count(*) from trends where 1 = 0",
        "mustBe": 1,
    }
    change_contract(file, {"quality": [*stated, check]})
    return copied


def published_by(lake: Path) -> dict[str, Any]:
    """What readers see: everything except the base of the next run."""
    document: dict[str, Any] = json.loads((lake / "published.json").read_text(encoding="utf-8"))
    return {name: document[name] for name in ("run_id", "published_at", "as_of", "number", "tables")}


def test_a_failed_audit_publishes_nothing_until_it_passes(
    site: Site, small: Sample, first_batch: Path, tmp_path: Path
) -> None:
    lake = site.copy(first_batch, "audited")
    before = published_by(lake)
    batch = small.batches[1]
    options = ("--input", str(batch.path), "--extract-date", f"{batch.extract_date:%Y-%m-%d}")
    failed = site.job("pipeline", lake, *options, deployment=site.deployment(impossible(tmp_path / "contracts")))
    assert failed.code == 4, failed.err
    assert failed.last_line.startswith("The audit failed: mart_sales/trends, never_met: 0, expected 1.")
    assert published_by(lake) == before
    assert differences(lake, small.batches[0]) == []
    runs = sorted(records(lake, "mart_operations/runs"), key=lambda run: str(run["finished_at"]))
    assert [run["status"] for run in runs] == ["published", "audit_failed"]
    assert "never_met" in str(runs[-1]["message"])
    assert (lake / "reports" / f"{runs[-1]['run_id']}.html").is_file()

    passed = site.job("pipeline", lake, *options)
    assert passed.code == 0, passed.err
    assert differences(lake, *small.batches) == []


def test_of_large_tables_an_increment_audits_what_it_changed(
    site: Site, small: Sample, first_batch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staged, "SMALL", -1)
    lake = site.copy(first_batch, "large")
    changed, everything = "the rows that this run may have changed were checked", "Every row was checked."
    site.run(lake, small.batches[1])
    assert differences(lake, *small.batches) == []
    assert changed in newest_report(lake)
    assert site.job("pipeline", lake, "--as-of", "2023-10-01").code == 0
    assert changed in newest_report(lake)
    of_facts = "user_version_key: required"
    assert of_facts not in newest_report(lake)  # only the day has moved
    assert site.job("pipeline", lake, "--as-of", "2023-10-02", "--audit", "full").code == 0
    assert everything in newest_report(lake)
    assert of_facts in newest_report(lake)
    other = site.deployment(contracts(tmp_path / "contracts"))
    change_contract(tmp_path / "contracts/mart_sales/trends.yaml", {"description": "Other words."})
    assert site.job("pipeline", lake, "--as-of", "2023-10-03", deployment=other).code == 0
    assert everything in newest_report(lake)


def newest_report(lake: Path) -> str:
    return max((lake / "reports").glob("*.html")).read_text(encoding="utf-8")
