"""The second computation finds in a generated sample what is planted there: no defect less, none more."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from splitter.sample.catalogue import COUNTRIES, COUNTRIES_UNKNOWN
from splitter.sample.export import write_sample
from splitter.sample.plan import Plan
from tests.oracle import Batch, compute
from tests.oracle.country import countries

OUTSIDE = ("category_outside", "segment_outside", "status_outside", "card_in_segment")


@pytest.mark.parametrize(
    "plan",
    [
        Plan(rows=1300, seed=11, batches=3, later_fraction=0.08),
        Plan(rows=500, seed=1, batches=3, later_fraction=1, defects=20),
        Plan(rows=2000, seed=2, defects=0),
    ],
    ids=lambda plan: f"factor-{plan.defects:g}",
)
def test_each_planted_defect_is_found(tmp_path: Path, plan: Plan) -> None:
    truth = json.loads(write_sample(plan, tmp_path / "shop.csv").read_text(encoding="utf-8"))
    batches = [Batch(tmp_path / each["file"], date.fromisoformat(each["extract_date"])) for each in truth["batches"]]
    figures = compute(batches, loaded_on=date(2100, 1, 1)).figures
    planted = {defect: sum(kinds.values()) for defect, kinds in truth["overall"]["planted"].items()}
    found = dict(figures.reasons)
    # A row counts once, even with several values outside the contract; and without a good date nothing is compared.
    outside = [planted[defect] for defect in OUTSIDE]
    assert max(outside) <= found.pop("value_not_in_contract") <= sum(outside)
    assert found.pop("purchase_before_sign_up") <= planted["purchase_before_sign_up"]
    assert found == {reason: planted.get(reason, 0) for reason in found}
    assert figures.rows == truth["overall"]["rows"]
    assert figures.duplicates <= planted["duplicate"]
    assert bool(figures.duplicates) == bool(planted["duplicate"])


def test_the_sample_s_countries_are_known_and_the_others_are_not() -> None:
    assert set(countries([*COUNTRIES, *COUNTRIES_UNKNOWN]).column("name").to_pylist()) == set(COUNTRIES)
