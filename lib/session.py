"""The Spark session of a job. spark-submit and `conf/spark-defaults.conf` configure it; this module gets it."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping

from pyspark.sql import SparkSession

from lib import interruption

# The engine's results depend on these settings, so they hold in every session.
NEEDED = {
    # A text of a contract or a row is never a variable of Hive, even if it holds `${env:HOME}`.
    "spark.sql.variable.substitute": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.csv.parser.columnPruning.enabled": "false",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
}
# On a cluster the deployment decides these. On one machine a shuffle has as many partitions as there are cores.
# Adaptive execution would only turn every stage into a job: at 0.1 s per job it costs more than it saves.
ON_ONE_MACHINE = {
    "spark.sql.shuffle.partitions": str(max(2, os.cpu_count() or 2)),
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.autoBroadcastJoinThreshold": "32m",
    # The JVM never compiles a method longer than this, so a query this long should not be generated as one method.
    "spark.sql.codegen.hugeMethodLimit": "8000",
}
# Below this number of rows, compiling a query takes longer than interpreting it.
FEW_ROWS = 100_000
COMPILED = {"spark.sql.codegen.wholeStage": "true", "spark.sql.codegen.factoryMode": "FALLBACK"}
INTERPRETED = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}
PLAN_LOGGERS = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")


def session(job: str, own: Mapping[str, str] | None = None) -> SparkSession:
    """The session of this process. If there is none yet, spark-submit's settings and the job's `own` create it."""
    # PySpark logs the plan of every failing statement, with its literals, before any code can catch the error.
    for name in PLAN_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    is_job = interruption.is_listening()
    spark = SparkSession.builder.appName(job).config(map=dict(own or {})).getOrCreate()
    if is_job:
        interruption.listen()
    for name, value in NEEDED.items():
        spark.conf.set(name, value)
    stated = spark.sparkContext.getConf()
    if str(spark.sparkContext.master).startswith("local"):
        for name, value in ON_ONE_MACHINE.items():
            if stated.get(name) is None:
                spark.conf.set(name, value)
    return spark


def expect_rows(spark: SparkSession, rows: int) -> None:
    """Let queries be compiled or interpreted, whichever is faster for this number of rows."""
    for name, value in (INTERPRETED if rows < FEW_ROWS else COMPILED).items():
        spark.conf.set(name, value)
