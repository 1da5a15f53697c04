"""A small lakehouse of invented wards and visits: contracts, one session, and Delta tables to damage."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lib.contracts import model
from lib.contracts.model import Catalog

PROJECT = Path(__file__).resolve().parents[2]

WARDS = """\
apiVersion: v3.2.0
kind: DataContract
id: clinic-wards
version: 1.0.0
status: active
schema:
  - name: wards
    physicalType: table
    description: The wards
    dataGranularityDescription: one row per ward
    customProperties:
      - {property: unknownMember, value: {ward_key: -1, ward: Unknown}}
    properties:
      - {name: ward_key, logicalType: integer, physicalType: bigint, primaryKey: true, description: The ward}
      - name: ward
        logicalType: string
        required: true
        logicalTypeOptions: {minLength: 2, maxLength: 20}
        description: Its name
"""

VISITS = """\
apiVersion: v3.2.0
kind: DataContract
id: clinic-visits
version: 1.0.0
status: active
schema:
  - name: visits
    physicalType: table
    description: The visits
    dataGranularityDescription: one row per day and number
    customProperties:
      - {property: inputs, value: [wards]}
    properties:
      - name: day
        logicalType: date
        physicalType: date
        primaryKey: true
        logicalTypeOptions: {minimum: '2000-01-01'}
        description: The day
      - {name: number, logicalType: integer, physicalType: int, primaryKey: true, description: Number of the day}
      - name: ward_key
        logicalType: integer
        physicalType: int
        relationships: [{to: wards.ward_key}]
        description: Where
      - name: kind
        logicalType: string
        required: true
        enum: [{value: planned}, {value: urgent}]
        description: What kind
      - name: code
        logicalType: string
        logicalTypeOptions: {pattern: '^[A-Z][0-9]+$'}
        description: Code of the reason
      - name: fee
        logicalType: number
        physicalType: 'decimal(10,2)'
        logicalTypeOptions: {exclusiveMinimum: 0, maximum: 500}
        description: What it cost
      - name: secret
        logicalType: string
        description: Never stored
        customProperties: [{property: treatment, value: drop}]
    quality:
      - name: fees_are_known
        description: The fees add up
        type: sql
        query: select sum(fee) from visits
        mustBe: 30
      - name: wards_have_visits
        description: Every ward but the unknown one has a visit
        type: sql
        query: >
          select (select count(*) from wards where ward_key > 0) =
          (select count(distinct ward_key) from visits)
        mustBe: true
"""


def read(folder: Path, visits: str = VISITS) -> Catalog:
    """The contracts above, written to a folder and read again."""
    (folder / "clinic").mkdir(parents=True, exist_ok=True)
    (folder / "clinic" / "wards.yaml").write_text(WARDS, encoding="utf-8")
    (folder / "clinic" / "visits.yaml").write_text(visits, encoding="utf-8")
    return model.load(folder)


@pytest.fixture
def clinic(tmp_path: Path) -> Catalog:
    return read(tmp_path / "contracts")


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    os.environ["SPARK_CONF_DIR"] = str(PROJECT / "conf")
    jars = ",".join(str(jar) for jar in sorted((PROJECT / ".jars").glob("*.jar")))
    settings = {
        "spark.driver.memory": "1g",
        "spark.jars": jars,
        "spark.sql.shuffle.partitions": "1",
        "spark.databricks.delta.snapshotPartitions": "1",
    }
    builder = SparkSession.builder.master("local[2]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield session
    session.stop()
