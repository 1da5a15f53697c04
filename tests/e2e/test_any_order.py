"""Batches in any order, loaded from any state, lead to the same marts, and to the right ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.e2e.conftest import Sample
from tests.e2e.lakes import PROJECT, Site, content, differences, expected, gold, records
from tests.oracle import Batch
from tests.oracle.delta import published

pytestmark = [pytest.mark.spark, pytest.mark.timeout(1800)]
OUTCOMES = ("accepted", "quarantined", "duplicates")


def total(lake: Path, mart: str, column: str) -> object:
    return sum(published(lake)[mart].column(column).to_pylist())


def outcomes(lake: Path) -> dict[str, int]:
    """Source rows by outcome over all runs of a lake."""
    runs = records(lake, "mart_operations/runs")
    return {name: sum(int(str(run[name])) for run in runs) for name in OUTCOMES}


def violations(lake: Path) -> dict[str, int]:
    """Source rows by reason over all runs of a lake."""
    found: dict[str, int] = {}
    for row in records(lake, "mart_operations/quality"):
        found[str(row["rule"])] = found.get(str(row["rule"]), 0) + int(str(row["violations"]))
    return found


def test_the_marts_are_those_of_the_second_computation(in_order: Path, sample: Sample) -> None:
    assert differences(in_order, *sample.batches) == []


def test_the_marts_add_up_to_all_that_was_accepted(in_order: Path, sample: Sample) -> None:
    figures = expected(sample.batches).figures
    assert total(in_order, "mart_sales/monthly", "revenue") == figures.revenue
    assert total(in_order, "mart_sales/monthly", "order_lines") == figures.accepted
    assert total(in_order, "mart_users/demographics", "users") == figures.users
    assert total(in_order, "mart_users/churn", "churned_users") == figures.churned


def test_every_row_has_the_outcome_and_the_reasons_of_the_second_computation(in_order: Path, sample: Sample) -> None:
    figures = expected(sample.batches).figures
    assert outcomes(in_order) == {name: getattr(figures, name) for name in OUTCOMES}
    assert violations(in_order) == figures.reasons


@pytest.mark.long
def test_an_older_file_loaded_later_lands_where_it_belongs(site: Site, in_order: Path, sample: Sample) -> None:
    first, second, third = sample.batches
    lake = site.lake("newest-first")
    for batch in (third, first, second):
        site.run(lake, batch)
    assert content(lake) == content(in_order)
    assert gold(lake) == gold(in_order)
    assert outcomes(lake) == outcomes(in_order)


def test_all_at_once_with_the_days_in_the_files_names(
    site: Site, in_order: Path, sample: Sample, tmp_path: Path
) -> None:
    sources = Path(shutil.copytree(PROJECT / "conf/sources", tmp_path / "sources"))
    with (sources / "ecommerce.yaml").open("a", encoding="utf-8") as mapping:
        mapping.write("extract_date: {pattern: 'of_(?P<date>.{10})[.]csv'}\n")
    files = [tmp_path / f"of_{batch.extract_date}.csv" for batch in sample.batches]
    for batch, file in zip(sample.batches, files, strict=True):
        shutil.copyfile(batch.path, file)
    lake = site.lake("at-once")
    site.run(lake, *(Batch(file, None) for file in files), sources=sources)
    assert content(lake) == content(in_order)
    assert gold(lake) == gold(in_order)
    assert outcomes(lake) == outcomes(in_order)


def test_a_rebuild_changes_nothing(site: Site, in_order: Path) -> None:
    lake = site.copy(in_order, "rebuilt")
    result = site.run(lake, rebuild=True)
    assert result.publication is not None
    assert content(lake) == content(in_order)
    assert gold(lake) == gold(in_order)
