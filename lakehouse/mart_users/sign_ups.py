"""New users of each month and of the month before, in groups; each count of a group is 0 or at least k."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
from pyspark.sql import DataFrame

from lakehouse.membership import Group, read, told

SCHEMA = pa.schema(
    [
        ("month", pa.date32()),
        *((name, pa.string()) for name in ("region", "channel")),
        *((name, pa.int64()) for name in ("sign_ups", "sign_ups_previous")),
        ("growth", pa.float64()),
        ("sign_ups_to_date", pa.int64()),
        ("is_complete", pa.bool_()),
    ]
)


def transform(tables: Mapping[str, DataFrame]) -> DataFrame:
    """From `membership_monthly` and `disclosure` to one row per month and group."""
    members, k = read(tables)
    rows = [_row(group) for group in told(members, members.sign_up_groups(k))]
    return tables["disclosure"].sparkSession.createDataFrame(pa.Table.from_pylist(rows, schema=SCHEMA))


def _row(group: Group) -> dict[str, object]:
    now, before = group.balances["sign_ups"], group.previous
    grows = group.is_complete and group.is_previous_complete and before
    return {
        "month": group.month,
        "region": group.region,
        "channel": group.channel,
        "sign_ups": now,
        "sign_ups_previous": before,
        "growth": (now - before) / before if grows and before else None,
        "sign_ups_to_date": group.balances["sign_ups_to_date"],
        "is_complete": group.is_complete,
    }
