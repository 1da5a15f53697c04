"""An invented shop with name, e-mail and address in bronze by contract; its lake before and after an erasure."""

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

from lib.accountability.auditlog import audit_log
from lib.delta.lake import Lake, open_lake
from lib.pipeline import pipeline
from lib.settings import load
from tests.e2e.lakes import PROJECT, Ending, Site, contracts, leave_out
from tests.oracle.case import batch, row

DAY = dt.date(2023, 8, 25)
ADA = "person-canary-a1"
TWIN, OTHER_TWIN = "person-twin-b2", "person-twin-b3"
BLANKS = "person-blanks-c4"
SHORT = "7"
MINOR, CHILD = "person-minor-e5", "person-child-f6"
UNKNOWN = "person-nobody-d5"
# For 50 persons, each column that the shop's bronze takes from the export holds a value that nobody else has.
COLUMNS = {
    "name": "name", "email": "comment", "address": "fulladdress", "gender": "gender", "country": "country",
    "status": "status", "segment": "segment", "channel": "channel", "purchase_frequency": "userpurchasefrequency",
}  # fmt: skip
REFUSED = {  # no purchase could be made of these: they wait in a row of their own
    "age": "age", "sign_up_date": "sign_up", "last_purchase_date": "last_purchase", "last_login_date": "login",
    "declared_total_purchases": "usertotalpurchases", "product_name": "product", "category": "category",
    "subcategory": "subcategory", "unit_price": "price", "quantity": "quantity", "purchase_date": "day",
    "rating": "rating",
}  # fmt: skip
MARKED = tuple(f"canary-user_id-{n:02}" for n in range(50))
ERASED = (ADA, TWIN, BLANKS, SHORT, *MARKED)
# Every mart is computed and cleaned by the same code; the others would only make each run of these tests longer.
LEFT_OUT = (
    "mart_sales/quarterly", "mart_sales/yearly", "mart_sales/products", "mart_users/activity", "mart_users/churn",
    "mart_users/retention", "gold/cohort_activity", "gold/activity_monthly",
)  # fmt: skip
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
# What a minor's row says and no mart may show.
HIDDEN = {"status": "Minor Status 1b", "segment": "Minor Segment 2c", "channel": "Minor Channel 3d"}
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
        given = {"ecommerce": [str(file) for file in inputs]} if inputs else {}
        wanted = pipeline.Request(job="pipeline", inputs=given, extract_date=DAY, rebuild=rebuild)
        return pipeline.run(self.open(lake), wanted)

    def erase(self, lake: Path, *ids: str, file: Path | None = None, known_only: bool = False) -> Ending:
        """Run the job; the ids go through a file."""
        named = file or self.site.folder / "subjects.txt"
        named.write_text("\n".join(ids) + "\n", encoding="utf-8")
        options = ["--known-only"] if known_only else []
        return self.job("erase_subjects", lake, "--subjects", str(named), "--grace", "0", "--verbose", *options)

    def job(self, name: str, lake: Path, *options: str) -> Ending:
        return self.site.job(name, lake, *options, deployment=self.deployment)


@pytest.fixture(scope="session")
def shop(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("rgpd")
    kept = contracts(folder / "lakehouse")
    leave_out(kept, LEFT_OUT)
    (kept / "summary.yaml").write_text("[]\n", encoding="utf-8")
    bronze = kept / "bronze/sales_events.yaml"
    document = yaml.safe_load(bronze.read_text(encoding="utf-8"))
    for column in document["schema"][0]["properties"]:
        if column["name"] in ("name", "address", "email"):
            column["customProperties"] = [{"property": "purpose", "value": "Answering letters"}]
    bronze.write_text(yaml.safe_dump(document), encoding="utf-8")
    sources = Path(shutil.copytree(PROJECT / "conf/sources", folder / "sources"))
    mapping = yaml.safe_load((sources / "ecommerce.yaml").read_text(encoding="utf-8"))
    mapping["columns"] |= {"name": "Name", "address": "FullAddress", "email": "Comment"}
    (sources / "ecommerce.yaml").write_text(yaml.safe_dump(mapping), encoding="utf-8")
    site = Site(spark, folder)
    return Shop(site, site.deployment(kept, sources))


def canary(**changes: str) -> list[str]:
    named = {"userpurchasefrequency" if name == "frequency" else name: value for name, value in CANARIES.items()}
    return row(user=ADA, **{**named, **changes})


def mark(column: str, number: int) -> str:
    return f"canary-{column}-{number:02}"


def marked(number: int) -> list[Sequence[str]]:
    """A person's good row and a row in quarantine; together they hold a mark in every column."""
    good = {given: mark(column, number) for column, given in COLUMNS.items()}
    bad = {given: mark(column, number) for column, given in REFUSED.items()}
    return [row(user=MARKED[number], price="2", **good), row(user=MARKED[number], **{**good, **bad})]


def rows() -> list[Sequence[str]]:
    others = [
        row(user=f"person-other-{n}", day=f"2023-0{1 + n % 7}-1{n % 10}", product=f"Thing {n % 3}") for n in range(20)
    ]
    return [
        *others,
        *(each for number in range(len(MARKED)) for each in marked(number)),
        canary(),
        canary(),  # an exact duplicate
        canary(day="2022-05-05", price="99.99", quantity="3"),
        canary(price="-1"),  # waits in quarantine
        row(user=TWIN, **ALIKE, price="21.10", country="Japan"),
        row(user=OTHER_TWIN, **ALIKE, price="21.10", country="Japan"),
        row(user=f"  {BLANKS} ", price="5.05", country="Kenya"),
        row(user=SHORT, price="7.77", country="no such country"),
        row(user="77", price="3"),
        row(user=MINOR, age="16", price="4", **HIDDEN),
        row(user=CHILD, age="12", price="4"),
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
    for name in ("bronze/sales_events", "silver/users"):  # as Delta makes them after twenty commits
        checkpoint(shop.site.spark, lake / name)
    return lake


def checkpoint(spark: SparkSession, table: Path) -> None:
    jvm: Any = spark._jvm
    jvm.org.apache.spark.sql.delta.DeltaLog.forTable(spark._jsparkSession, str(table)).checkpoint()


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
    ending = shop.erase(lake, *ERASED, UNKNOWN, known_only=True)
    return Erased(lake, ending, receipt(lake))


def receipt(lake: Path) -> dict[str, Any]:
    (file,) = (lake / "receipts").glob("*.json")
    stated: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return stated
