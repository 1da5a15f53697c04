"""A site for lakes, an invented shop's export in three batches, and lakes that several tests look at."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from splitter.sample.export import batch_paths, write_sample
from splitter.sample.plan import Plan
from tests.e2e.lakes import Site
from tests.oracle import Batch

PLAN = Plan(rows=1300, seed=11, batches=3, later_fraction=0.08)


@dataclass(frozen=True)
class Sample:
    """A generated export: its batches."""

    batches: tuple[Batch, ...]


@pytest.fixture(scope="session")
def site(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(spark, tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return write(PLAN, tmp_path_factory.mktemp("sample") / "shop.csv")


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """Two batches, of 100 and 20 rows."""
    plan = Plan(rows=100, seed=3, batches=2, later_fraction=0.2)
    return write(plan, tmp_path_factory.mktemp("small") / "shop.csv")


def write(plan: Plan, file: Path) -> Sample:
    write_sample(plan, file)
    days = [plan.extract_date + dt.timedelta(days=plan.step_days * number) for number in range(plan.batches)]
    paths = batch_paths(plan, file, date_in_name=False)
    return Sample(tuple(Batch(path, day) for path, day in zip(paths, days, strict=True)))


@pytest.fixture(scope="session")
def in_order(site: Site, sample: Sample) -> Path:
    """A lake that loaded the three batches one after the other. Not to be changed: copy it."""
    lake = site.lake("in-order")
    for batch in sample.batches:
        site.run(lake, batch)
    return lake


@pytest.fixture(scope="session")
def first_batch(site: Site, small: Sample) -> Path:
    """A lake that published the small sample's first batch. Not to be changed: copy it."""
    lake = site.lake("first-batch")
    site.run(lake, small.batches[0])
    return lake
