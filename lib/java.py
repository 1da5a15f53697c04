"""The Java process beside this one. spark-submit starts it first, so it answers before Spark has a session."""

from __future__ import annotations

from typing import Any

from pyspark import SparkContext
from pyspark.sql import SparkSession


def jvm() -> Any:
    """The classes of Java, as attributes."""
    SparkContext._ensure_initialized()  # noqa: SLF001 - PySpark has no other way to Java without a session
    return SparkContext._jvm


def hadoop_settings() -> Any:
    """Hadoop's settings: those of the session, or before there is one, those that it will have from spark-submit."""
    spark: Any = SparkSession.getActiveSession()
    if spark is not None:
        return spark._jsparkSession.sessionState().newHadoopConf()
    spark_settings = jvm().org.apache.spark.SparkConf()
    return jvm().org.apache.spark.deploy.SparkHadoopUtil.get().newConfiguration(spark_settings)
