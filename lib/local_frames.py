"""Frames of rows that the driver holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

Row = Mapping[str, Any] | Sequence[Any]


def frame_of(spark: SparkSession, rows: Sequence[Row], schema: str) -> DataFrame:
    """The rows as a frame of `schema` (SQL's `name type, ...`); values in its order, or by name.

    They are sent as Arrow: from a list of rows PySpark makes a frame that every use computes again, in Python workers
    started by the executors.
    """
    struct = cast("StructType", StructType.fromDDL(schema))
    columns = zip(*(_values(row, struct.names) for row in rows), strict=True) if rows else ((),) * len(struct)
    fields = to_arrow_schema(struct)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, fields, strict=True)]
    return spark.createDataFrame(pa.Table.from_arrays(arrays, schema=fields), schema)


def _values(row: Row, names: Sequence[str]) -> Sequence[Any]:
    return [row[name] for name in names] if isinstance(row, Mapping) else list(row)
