"""The bronze contract on its own, and reading by a mapping in one step, for all tests of sources."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol

import pytest
from pyspark.sql import Row, SparkSession

from lib.contracts import model
from lib.contracts.model import Table
from lib.sources import inputs, readers
from lib.sources.mapping import Source, load_source

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LOADED = datetime(2024, 1, 31, 12, tzinfo=timezone.utc)


class Read(Protocol):
    """Writes a mapping, reads inputs by it, and returns the rows of bronze in the order of file and position."""

    def __call__(self, text: str, /, *locations: object) -> list[Row]: ...


@pytest.fixture(scope="session")
def bronze(tmp_path_factory: pytest.TempPathFactory) -> Table:
    folder = tmp_path_factory.mktemp("contracts")
    (folder / "bronze").mkdir()
    shutil.copy(ROOT / "lakehouse/bronze/sales_events.yaml", folder / "bronze")
    shutil.copy(ROOT / "lakehouse/processing_activities.yaml", folder)
    return model.load(folder)["sales_events"]


@pytest.fixture
def mapping(tmp_path: Path, bronze: Table) -> Callable[[str], Source]:
    def load(text: str) -> Source:
        (tmp_path / "mapping.yaml").write_text(text, encoding="utf-8")
        return load_source(tmp_path, "mapping", bronze)

    return load


@pytest.fixture
def read(spark: SparkSession, bronze: Table, mapping: Callable[[str], Source]) -> Read:
    def rows(text: str, /, *locations: object) -> list[Row]:
        source = mapping(text)
        batches = inputs.resolve(spark, [str(location) for location in locations], source)
        frame = readers.read(spark, source, batches, LOADED)
        assert frame.columns == [column.name for column in bronze.stored]
        return sorted(frame.collect(), key=lambda row: (row["_file"], row["_row"]))

    return rows
