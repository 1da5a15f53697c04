"""Tables of cells, kept by difference, are what a rebuild makes of the same data, and a wrong one is found."""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from pyspark.sql import functions as F

from lakehouse.countries import countries
from lib.audit import audit
from lib.build import layers
from lib.build.cells import Cells
from lib.contracts.model import Table
from splitter.sample.plan import Plan
from tests.e2e.conftest import Sample, write
from tests.e2e.lakes import CELLS, Ending, Site, content, differences, gold, newest, records, rows
from tests.oracle import Batch, compute
from tests.oracle.delta import compare, published

pytestmark = [pytest.mark.spark, pytest.mark.timeout(1800)]
PLAN = Plan(rows=160, seed=5, batches=4, later_fraction=0.3)
# A row of each table that its totals count.
COUNTED = {
    "sales_daily": "true",
    "product_months": "true",
    "buyer_months": "region = 'All' and category = 'All'",
    "member_attributes": "told_to = date'9999-12-01'",
    "member_movements": "told_to = date'9999-12-01' and sign_ups > 0",
    "cohort_months": "told_to = date'9999-12-01' and next_month = date'9999-12-01' and active_members > 0",
}

# The measures of that row to make wrong.
WRONG = {
    "sales_daily": ["lines"],
    "product_months": ["lines"],
    "buyer_months": ["buyers"],
    "member_attributes": ["users"],
    "member_movements": ["sign_ups", "movements"],
    "cohort_months": ["active_users", "active_members"],
}


CORRECTED: Sequence[Mapping[str, str | None]] = (
    {"country": "Chad"}, {"country": "Nowhere"}, {"country": None}, {"age": "16"}, {"age": "11", "segment": "VIP"},
)  # fmt: skip
DAYS: Sequence[Mapping[str, str | None]] = ({"last_login_date": "2023-08-30"}, {"sign_up_date": None, "gender": "X"})

LATEST = {
    "ID": "latest", "Age": "40", "Gender": "F", "Country": "Peru", "UserSignUpDate": "2024-01-02",
    "Product Name": "Lamp", "Category": "Furniture", "Subcategory": "Light", "Price": "10", "Quantity": "1",
}  # fmt: skip


@pytest.fixture(scope="session")
def four(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return write(PLAN, tmp_path_factory.mktemp("four") / "shop.csv")


@pytest.fixture
def differing() -> Iterator[list[str]]:
    """The tables of cells that have been kept by difference, once for each time."""
    found: list[str] = []
    original = Cells.by_difference

    def noted(self: Cells, table: Table, subjects: Any) -> int | None:
        found.append(table.name)
        return original(self, table, subjects)

    with mock.patch.object(Cells, "by_difference", noted):
        yield found


def ids(batch: Batch) -> list[str]:
    with batch.path.open(encoding="utf-8", errors="replace", newline="") as stream:
        return sorted({row["ID"] for row in csv.DictReader(stream) if row["ID"]})


def asked(site: Site, job: str, lake: Path, people: Sequence[str], *options: str) -> Ending:
    named = site.folder / "asked.txt"
    named.write_text("\n".join(people), encoding="utf-8")
    return site.job(job, lake, "--subjects", str(named), "--known-only", *options)


def corrected(site: Site, lake: Path, chance: random.Random, people: Sequence[str]) -> Ending:
    named = site.folder / "corrections.jsonl"
    values = chance.choice((CORRECTED, CORRECTED, DAYS))
    stated = [{"user_id": each, **chance.choice(values)} for each in people]
    named.write_text("\n".join(map(json.dumps, stated)), encoding="utf-8")
    return site.job("rectify_subject", lake, "--corrections", str(named), "--known-only")


def is_as_rebuilt(site: Site, lake: Path) -> None:
    rebuilt = site.copy(lake, f"{lake.name}-rebuilt")
    assert site.job("pipeline", rebuilt, "--rebuild").code == 0
    assert gold(lake) == gold(rebuilt)
    assert content(lake) == content(rebuilt)
    for name in ("silver/users", "silver/quarantine"):
        assert rows(newest(lake, name)) == rows(newest(rebuilt, name))


def walk(site: Site, batches: Sequence[Batch], seed: int) -> None:
    """The batches in some order, and after each but the first a request of some persons."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    lake = site.lake(f"walk-{seed}")
    requests: list[Callable[[Sequence[str]], Ending]] = [
        lambda people: corrected(site, lake, chance, people),
        lambda people: asked(site, "erase_subjects", lake, people, "--grace", "0"),
        lambda people: asked(site, "restrict_subject", lake, people),
    ]
    for number, batch in enumerate(chance.sample(batches, len(batches))):
        site.run(lake, batch)
        if number:
            ending = requests[(number - 1 + seed) % len(requests)](chance.sample(ids(batch), 3))
            assert ending.code == 0, ending.err
    is_as_rebuilt(site, lake)


def test_batches_and_requests_lead_to_the_cells_of_a_rebuild(site: Site, four: Sample, differing: list[str]) -> None:
    walk(site, four.batches[:3], 0)
    assert len(differing) >= 4 * len(CELLS)  # the batches after the first one, a correction, an erasure


def test_a_run_about_most_persons_computes_everybody(site: Site, four: Sample, differing: list[str]) -> None:
    lake = site.lake("most")
    site.run(lake, four.batches[0])
    with mock.patch.multiple(layers, FEW=1, MOST=0.01):
        site.run(lake, four.batches[1])
    assert differing == []
    report = max((lake / "reports").glob("*.html")).read_text(encoding="utf-8")
    assert "of the run are most of them" in report
    is_as_rebuilt(site, lake)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 13))
def test_so_do_others_in_any_order(site: Site, four: Sample, seed: int) -> None:
    walk(site, four.batches, seed)


@pytest.mark.parametrize(
    "day", [dt.date(2023, 8, 1), dt.date(2031, 1, 1)], ids=["before the newest date", "long after"]
)
def test_any_day_is_as_if_computed_from_all_facts(site: Site, in_order: Path, sample: Sample, day: dt.date) -> None:
    lake, rebuilt = site.copy(in_order, f"day-{day}"), site.copy(in_order, f"day-{day}-rebuilt")
    ending = site.job("pipeline", lake, "--as-of", str(day))
    assert ending.code == 0, ending.err
    assert (f"The lake holds days after {day}" in ending.err) == (day.year < 2031)
    assert site.job("pipeline", rebuilt, "--rebuild", "--as-of", str(day)).code == 0
    second = compute(sample.batches, as_of=day, loaded_on=dt.datetime.now(dt.timezone.utc).date())
    assert compare(second.tables, published(lake)) == []
    assert content(lake) == content(rebuilt) != content(in_order)
    assert gold(lake) == gold(rebuilt) == gold(in_order)
    assert site.job("pipeline", lake).code == 0
    assert content(lake) == content(in_order)


def test_the_lines_of_an_erased_person_do_not_count_before_their_day(site: Site, small: Sample, tmp_path: Path) -> None:
    known = Batch(small.batches[0].path, None)
    file, lake = tmp_path / "shop.csv", site.lake("erased-newest")
    later = [LATEST | {"Date_Purchase": "2024-02-03", "ID": "newest"}, LATEST | {"Date_Purchase": "2024-03-01"}]
    write_rows(file, known.path, later)
    site.run(lake, Batch(file, None))
    assert asked(site, "erase_subjects", lake, ["newest", "latest"], "--grace", "0").code == 0
    ending = site.job("pipeline", lake, "--rebuild")  # no batch knows these days any more
    assert ending.code == 0, ending.err
    assert "The lake holds days after" in ending.err
    assert differences(lake, known) == []
    days = {str(row["day"]) for row in records(lake, "gold/sales_daily")}
    assert {"2024-02-03", "2024-03-01"} <= days  # and they count again from then on


def write_rows(file: Path, known: Path, more: Sequence[Mapping[str, str]]) -> None:
    """An export with some rows more."""
    content = known.read_bytes()
    names = content.decode("utf-8", "replace").splitlines()[0].split(",")
    lines = [",".join(row.get(name, "") for name in names) for row in more]
    file.write_bytes(content + "".join(f"{line}\r\n" for line in lines).encode())


def test_a_country_of_another_region_is_so_for_all_persons(site: Site, small: Sample, first_batch: Path) -> None:
    lake, rebuilt = site.copy(first_batch, "moved"), site.copy(first_batch, "moved-rebuilt")
    elsewhere = [dataclasses.replace(it, region="Oceania") if it.region == "Asia" else it for it in countries()]
    with mock.patch("lakehouse.countries.countries", return_value=elsewhere):
        site.run(lake, small.batches[1])
        site.run(rebuilt, small.batches[1])
        site.run(rebuilt, rebuild=True)
    assert gold(lake) == gold(rebuilt)
    assert "Asia" not in {row["region"] for row in records(lake, "gold/sales_daily")}


def planted(self: Cells, table: Table, subjects: Any) -> int | None:
    """What `by_difference` does, with some rows of a cell too many: in each table another number of them."""
    BY_DIFFERENCE(self, table, subjects)
    tables, surplus = self._tables, list(COUNTED).index(table.name) + 1
    cells = tables.read(table)
    first = cells.where(COUNTED[table.name]).orderBy(*table.key).first()
    assert first is not None
    is_it = F.expr(" and ".join(f"{name} = '{first[name]}'" for name in table.key))
    wrong = {name: F.when(is_it, F.col(name) + surplus).otherwise(F.col(name)) for name in WRONG[table.name]}
    return tables.overwrite(table, cells.withColumns(wrong).localCheckpoint(), files=1)


def failed_in(lake: Path, check: str) -> set[str]:
    """The tables of cells that failed a check in the newest report."""
    report = max((lake / "reports").glob("*.html")).read_text(encoding="utf-8")
    failed = [part for part in report.split("<tr")[1:] if 'class="bad"' in part and check in part]
    return {name for name in CELLS if any(f">gold/{name}<" in part for part in failed)}


BY_DIFFERENCE = Cells.by_difference


def test_a_wrong_cell_is_found_by_the_next_audit_and_a_rebuild_mends_it(site: Site, four: Sample) -> None:
    lake = site.lake("planted")
    first, second, third, _ = four.batches
    site.run(lake, first)
    with mock.patch.object(Cells, "by_difference", planted), mock.patch.object(audit, "audit", return_value=()):
        site.run(lake, second)
    assert site.job("pipeline", lake, "--audit", "full").code == 4
    assert failed_in(lake, "kept_by_difference") == set(COUNTED) == set(CELLS)
    options = ("--input", str(third.path), "--extract-date", str(third.extract_date))
    ending = site.job("pipeline", lake, *options)
    assert ending.code == 4, ending.err
    assert failed_in(lake, "") == set(CELLS)
    ending = site.job("pipeline", lake, "--rebuild")
    assert ending.code == 0, ending.err
    assert differences(lake, first, second, third) == []
