"""The geography dimension: all existing countries, with or without buyers."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lakehouse.countries import countries


def transform(tables: Mapping[str, DataFrame]) -> DataFrame:
    """Reads no table; returns one row per country, and one per region for sales whose country is unknown."""
    del tables
    rows = [{"country_code": each.code, "country": each.name, "region": each.region} for each in countries()]
    regions = sorted({row["region"] for row in rows} - {"Unknown"})
    rows += [{"country_code": "Unknown", "country": "Unknown", "region": region} for region in regions]
    frame = SparkSession.active().createDataFrame(pa.Table.from_pylist(rows))
    known_by = F.when(frame.country_code == "Unknown", frame.region).otherwise(frame.country_code)
    return frame.select(F.xxhash64(known_by).alias("geography_key"), "country_code", "country", "region")
