"""The Spark session of a job. spark-submit and `conf/spark-defaults.conf` say how; this asks for it."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping

from pyspark.sql import SparkSession

from lib import interruption

# What the engine's results depend on, whoever started the session.
NEEDED = {
    # A text of a contract or of a row is not a variable of Hive, whatever it holds: `${env:HOME}`.
    "spark.sql.variable.substitute": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.csv.parser.columnPruning.enabled": "false",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
}
# On a cluster these are the deployment's business. On one machine shuffles are as wide as it has cores, and adaptive
# execution only makes a job of every stage: at 0.1 s a job it costs more than it saves.
ON_ONE_MACHINE = {
    "spark.sql.shuffle.partitions": str(max(2, os.cpu_count() or 2)),
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.autoBroadcastJoinThreshold": "32m",
    # The JVM never compiles a method longer than this: such a query is better not generated as one.
    "spark.sql.codegen.hugeMethodLimit": "8000",
}
# Below so many rows compiling a query takes longer than interpreting it.
FEW_ROWS = 100_000
COMPILED = {"spark.sql.codegen.wholeStage": "true", "spark.sql.codegen.factoryMode": "FALLBACK"}
INTERPRETED = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}
PLAN_LOGGERS = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")


def session(job: str, own: Mapping[str, str] | None = None) -> SparkSession:
    """The session of this process; made by spark-submit's settings, and the job's `own`, if there is none yet."""
    # PySpark logs the plan of every statement that fails, literals and all, before anybody can catch the error.
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
    """Let queries be compiled or interpreted, whichever is faster for so many rows."""
    for name, value in (INTERPRETED if rows < FEW_ROWS else COMPILED).items():
        spark.conf.set(name, value)
