"""Members month by month, in groups of which every count is 0 or at least k."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
from pyspark.sql import DataFrame

from lakehouse.membership import read, shown
from lakehouse.small_cells import member_groups

SCHEMA = pa.schema(
    [
        ("month", pa.date32()),
        ("region", pa.string()),
        ("channel", pa.string()),
        *((name, pa.int64()) for name in ("users_at_start", "sign_ups", "sign_ups_previous", "sign_ups_to_date")),
        *((name, pa.int64()) for name in ("churned_users", "users_at_end", "declared_churned")),
        ("is_complete", pa.bool_()),
    ]
)


def transform(tables: Mapping[str, DataFrame]) -> DataFrame:
    """From `membership_monthly` and `disclosure` to one row per month and group."""
    members, k = read(tables)
    rows = list(shown(members, member_groups(members.measures, k)))
    columns = {field.name: [row[field.name] for row in rows] for field in SCHEMA}
    return tables["disclosure"].sparkSession.createDataFrame(pa.table(columns, schema=SCHEMA))
