"""Resolve the sources' names of countries to ISO codes."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
from pyspark.sql import DataFrame

from lakehouse.countries import iso_codes

# With more different texts than this they cannot be countries: the mapping names the wrong column.
MOST_NAMES = 20_000


def transform(tables: Mapping[str, DataFrame]) -> DataFrame:
    """From `sales_events` to one row per country text: `country`, `country_code` (NULL: none, or ambiguous).

    The distinct texts pass through the driver, since the library that resolves them is written in Python.

    Raises `ValueError` (what is wrong, what to do) if there are more texts than possible spellings of countries.
    """
    rows = tables["sales_events"].select("country").where("country is not null").distinct().limit(MOST_NAMES + 1)
    names = sorted(row.country for row in rows.collect())
    if len(names) > MOST_NAMES:
        raise ValueError(
            f"The column mapped to 'country' holds more than {MOST_NAMES:,} different texts.",
            "Map the column that holds country names or ISO codes.",
        )
    codes = iso_codes(names)
    columns = {"country": names, "country_code": [codes.get(name) for name in names]}
    schema = pa.schema([(column, pa.string()) for column in columns])
    return tables["sales_events"].sparkSession.createDataFrame(pa.table(columns, schema=schema))
