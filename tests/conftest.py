"""The one Spark session of all tests: a process can have no second one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lib.session import INTERPRETED, session

PROJECT = Path(__file__).resolve().parent.parent
SETTINGS = {
    "spark.driver.memory": "2g",
    # Queries over a few rows: compiling them costs more than interpreting them.
    **INTERPRETED,
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.adaptive.enabled": "false",
}


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_CONF_DIR", str(PROJECT / "conf"))
        jars = ":".join(str(jar) for jar in sorted((PROJECT / ".jars").glob("*.jar")))
        builder = SparkSession.builder.master("local[2]").config("spark.driver.extraClassPath", jars)
        for name, value in SETTINGS.items():
            builder = builder.config(name, value)
        builder.getOrCreate()
    shared = session("tests")
    yield shared
    shared.stop()
