"""Users at the start of a month, new, churned, and at its end, in groups; each count of a group is 0 or at least k."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
from pyspark.sql import DataFrame

from lakehouse.membership import Group, read, told

MEASURES = ("users_at_start", "sign_ups", "churned_users", "users_at_end", "declared_churned")
SCHEMA = pa.schema(
    [
        ("month", pa.date32()),
        *((name, pa.string()) for name in ("region", "channel")),
        *((name, pa.int64()) for name in MEASURES),
        ("churn_rate", pa.float64()),
        ("is_complete", pa.bool_()),
    ]
)


def transform(tables: Mapping[str, DataFrame]) -> DataFrame:
    """From `membership_monthly` and `disclosure` to one row per month and group."""
    members, k = read(tables)
    rows = [_row(group) for group in told(members, members.churn_groups(k))]
    return tables["disclosure"].sparkSession.createDataFrame(pa.Table.from_pylist(rows, schema=SCHEMA))


def _row(group: Group) -> dict[str, object]:
    at_start = group.balances["users_at_start"]
    return {
        "month": group.month,
        "region": group.region,
        "channel": group.channel,
        **{name: group.balances[name] for name in MEASURES},
        "churn_rate": group.balances["churned_users"] / at_start if at_start else None,
        "is_complete": group.is_complete,
    }
