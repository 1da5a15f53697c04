"""The geography dimension: all countries there are, whether or not anybody bought from there."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lakehouse.countries import countries


def transform(tables: Mapping[str, DataFrame]) -> DataFrame:
    """Reads no table; gives one row per country, and one per region for sales of which only the region is known."""
    del tables
    rows = [(country.code, country.name, country.region) for country in countries()]
    rows += [("Unknown", "Unknown", region) for region in sorted({row[2] for row in rows} - {"Unknown"})]
    frame = SparkSession.active().createDataFrame(rows, "country_code string, country string, region string")
    known_by = F.when(frame.country_code == "Unknown", frame.region).otherwise(frame.country_code)
    return frame.select(F.xxhash64(known_by).alias("geography_key"), "country_code", "country", "region")
