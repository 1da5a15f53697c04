"""A hospital: another domain, with two bronze tables, on the same engine. No part of it is in `lakehouse/`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from tests.e2e.lakes import Ending, Site, newest

HERE = Path(__file__).parent
CONTRACTS = HERE / "contracts"
DAY = "2023-05-01"
# Of the registry, the second patient was born too early and the fourth row names nobody.
REGISTRY = "Nr,Born,District\np1,1950,North\np2,1880,South\np3,1990,East\n,1970,West\n"
# Of the wards, the second row names no ward, the third patient left before coming, the fourth comes in the future.
WARDS = """\
Patient;Ward;In;Out
p1;Cardiology;2023-03-01;2023-03-04
p1;;2023-03-10;
p4;Surgery;2023-04-02;2023-04-01
p3;Cardiology;2031-01-01;
"""
LATER = "Nr,Born,District\np4,2000,North\n"


@dataclass(frozen=True)
class Hospital:
    """Lakes of the hospital, and its files."""

    site: Site
    files: Path

    @property
    def sources(self) -> Path:
        """The folder of its mappings; a test may add one."""
        return self.files / "sources"

    def lake(self, name: str) -> Path:
        return self.site.lake(name)

    def job(self, name: str, lake: Path, *options: str, contracts: Path = CONTRACTS) -> Ending:
        """A job by its command line, on this process's session."""
        return self.site.job(name, lake, *options, deployment=self.site.deployment(contracts, self.sources))

    def load(self, lake: Path, *files: str) -> Ending:
        """Load files in one run, each by the mapping that its name begins with."""
        words = [word for file in files for word in ("--source", file.partition("-")[0], "--input", self.path(file))]
        return self.job("pipeline", lake, *words, "--extract-date", DAY)

    def path(self, file: str) -> str:
        return str(self.files / f"{file}.csv")

    def copy(self, lake: Path, name: str) -> Path:
        return self.site.copy(lake, name)


@pytest.fixture(scope="session")
def hospital(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Hospital:
    folder = tmp_path_factory.mktemp("hospital")
    made = Hospital(Site(spark, folder), folder / "files")
    shutil.copytree(HERE / "sources", made.sources)
    for name, text in (("registry-1", REGISTRY), ("wards-1", WARDS), ("registry-2", LATER)):
        (made.files / f"{name}.csv").write_text(text, encoding="utf-8")
    return made


@pytest.fixture(scope="session")
def loaded(hospital: Hospital) -> Path:
    """A lake with the first file of each kind. Not to be changed: copy it."""
    lake = hospital.lake("loaded")
    done = hospital.load(lake, "registry-1", "wards-1")
    assert done.code == 0, done.err
    return lake


@pytest.fixture
def rows() -> Callable[[Path, str, str], list[tuple[Any, ...]]]:
    """The rows of a table's newest version: some columns, in order."""

    def read(lake: Path, table: str, columns: str) -> list[tuple[Any, ...]]:
        found = newest(lake, table).select(columns.split()).to_pylist()
        return sorted((tuple(row.values()) for row in found), key=repr)

    return read
