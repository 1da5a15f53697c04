"""The Spark session of a job. spark-submit and `conf/spark-defaults.conf` say how; this asks for it."""

from __future__ import annotations

import os

from pyspark.sql import SparkSession

# What the engine's results depend on, whoever started the session.
NEEDED = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.csv.parser.columnPruning.enabled": "false",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
}
# On a cluster the shuffle partitions are the deployment's business; on one machine they follow its cores.
PARTITIONS = "spark.sql.shuffle.partitions"


def session(job: str) -> SparkSession:
    """The session of this process; made by spark-submit's settings if there is none yet."""
    spark = SparkSession.builder.appName(job).getOrCreate()
    for name, value in NEEDED.items():
        spark.conf.set(name, value)
    if spark.sparkContext.master.startswith("local") and spark.sparkContext.getConf().get(PARTITIONS) is None:
        spark.conf.set(PARTITIONS, str(max(2, os.cpu_count() or 2)))
    return spark
