"""An invented shop whose contract keeps name and address in bronze, and one lake of it before and after an erasure."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import SparkSession

from lib import pipeline
from lib.auditlog import audit_log
from lib.lake import Lake, open_lake
from lib.settings import load
from tests.e2e.lakes import PROJECT, Ending, Site, contracts
from tests.oracle.case import batch, row

DAY = dt.date(2023, 8, 25)
ADA = "person-canary-a1"
TWIN, OTHER_TWIN = "person-twin-b2", "person-twin-b3"
BLANKS = "person-blanks-c4"
SHORT = "7"
UNKNOWN = "person-nobody-d5"
ERASED = (ADA, TWIN, BLANKS, SHORT)
# In every column of the shop that is not a number or a date.
CANARIES = {
    "name": "Canary Name 1b9e",
    "fulladdress": "Canary Address 3d7a",
    "gender": "Canary Gender 5a11",
    "country": "Canary Country 6c2d",
    "status": "Canary Status 7e3f",
    "segment": "Canary Segment 8f40",
    "channel": "Canary Channel 9a51",
    "frequency": "Canary Frequency ab62",
}
ALIKE = {"name": "Twin Example", "city": "Twintown", "fulladdress": "2 Twin Road"}


@dataclass(frozen=True)
class Shop:
    """A site with contracts and mapping of its own."""

    site: Site
    deployment: Path

    def open(self, lake: Path) -> Lake:
        """The lake, opened as a job does."""
        return open_lake(self.site.spark, load(self.deployment, str(lake)))

    def copy(self, lake: Path, name: str) -> Path:
        """The same lake in another place, its audit log as valid as before."""
        copied = self.site.copy(lake, name)
        secrets = self.site.folder / "secrets"
        old, new = (audit_log(str(each), secrets).head for each in (lake, copied))
        if old.exists():
            shutil.copy(old, new)
        return copied

    def load(self, lake: Path, *inputs: Path, rebuild: bool = False) -> pipeline.Result:
        """Run the pipeline."""
        wanted = pipeline.Request(
            job="pipeline", source="ecommerce", inputs=[str(file) for file in inputs], extract_date=DAY, rebuild=rebuild
        )
        return pipeline.run(self.open(lake), wanted)

    def erase(self, lake: Path, *ids: str, file: Path | None = None) -> Ending:
        """Run the job; the ids go through a file."""
        named = file or self.site.folder / "subjects.txt"
        named.write_text("\n".join(ids) + "\n", encoding="utf-8")
        return self.job("erase_subjects", lake, "--subjects", str(named), "--grace", "0", "--verbose")

    def job(self, name: str, lake: Path, *options: str) -> Ending:
        return self.site.job(name, lake, *options, deployment=self.deployment)


@pytest.fixture(scope="session")
def shop(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("rgpd")
    kept = contracts(folder / "lakehouse")
    bronze = kept / "bronze/sales_events.yaml"
    document = yaml.safe_load(bronze.read_text(encoding="utf-8"))
    for column in document["schema"][0]["properties"]:
        if column["name"] in ("name", "address"):
            column["customProperties"] = [{"property": "purpose", "value": "Answering letters"}]
    bronze.write_text(yaml.safe_dump(document), encoding="utf-8")
    sources = Path(shutil.copytree(PROJECT / "conf/sources", folder / "sources"))
    mapping = yaml.safe_load((sources / "ecommerce.yaml").read_text(encoding="utf-8"))
    mapping["columns"] |= {"name": "Name", "address": "FullAddress"}
    (sources / "ecommerce.yaml").write_text(yaml.safe_dump(mapping), encoding="utf-8")
    site = Site(spark, folder)
    return Shop(site, site.deployment(kept, sources))


def canary(**changes: str) -> list[str]:
    named = {"userpurchasefrequency" if name == "frequency" else name: value for name, value in CANARIES.items()}
    return row(user=ADA, **{**named, **changes})


def rows() -> list[Sequence[str]]:
    others = [
        row(user=f"person-other-{n}", day=f"2023-0{1 + n % 7}-1{n % 10}", product=f"Thing {n % 3}") for n in range(20)
    ]
    return [
        *others,
        canary(),
        canary(),  # an exact duplicate
        canary(day="2022-05-05", price="99.99", quantity="3"),
        canary(price="-1"),  # waits in quarantine
        row(user=TWIN, **ALIKE, price="21.10", country="Japan"),
        row(user=OTHER_TWIN, **ALIKE, price="21.10", country="Japan"),
        row(user=f"  {BLANKS} ", price="5.05", country="Kenya"),
        row(user=SHORT, price="7.77", country="no such country"),
        row(user="77", price="3"),
    ]


@pytest.fixture(scope="session")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return batch(tmp_path_factory.mktemp("export") / "export.csv", *rows()).path


@pytest.fixture(scope="session")
def before(shop: Shop, export: Path) -> Path:
    """The published lake. Not to be changed: copy it."""
    lake = shop.site.lake("before")
    result = shop.load(lake, export)
    assert result.publication is not None
    return lake


@dataclass(frozen=True)
class Erased:
    """A lake after an erasure, how the job ended, and its receipt."""

    lake: Path
    ending: Ending
    receipt: dict[str, Any]


@pytest.fixture(scope="session")
def erased(shop: Shop, before: Path) -> Erased:
    """Not to be changed: copy it."""
    lake = shop.copy(before, "erased")
    # An orphan of a killed job: a data file that no version names.
    source = next((lake / "bronze/sales_events").glob("part-*.parquet"))
    shutil.copy(source, source.with_name("part-99999-orphan.c000.snappy.parquet"))
    ending = shop.erase(lake, *ERASED, UNKNOWN)
    return Erased(lake, ending, receipt(lake))


def receipt(lake: Path) -> dict[str, Any]:
    (file,) = (lake / "receipts").glob("*.json")
    stated: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return stated
