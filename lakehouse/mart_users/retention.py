"""Whether the users who signed up in a month stayed, in cohorts; every count of a cohort is 0 or at least k."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pyarrow as pa
from pyspark.sql import DataFrame

from lakehouse.cohorts import Exact, shown
from lakehouse.membership import read

SCHEMA = pa.schema(
    [
        ("cohort_month", pa.date32()),
        ("region", pa.string()),
        ("months_since", pa.int32()),
        *((name, pa.int64()) for name in ("cohort_users", "active_users", "retained_users")),
        *((name, pa.float64()) for name in ("active_rate", "retention_rate")),
        ("is_complete", pa.bool_()),
    ]
)


def transform(tables: Mapping[str, DataFrame]) -> DataFrame:
    """From `cohort_activity`, `membership_monthly` and `disclosure` to one row per cohort and month since.

    The exact counts pass through the driver: one row per month of sign-up, region and month.
    """
    members, k = read(tables)
    number = {month: place for place, month in enumerate(members.months)}
    active: Counter[tuple[int, str, int]] = Counter()
    last_seen: Counter[tuple[int, str, int]] = Counter()
    for row in tables["cohort_activity"].collect():
        if row.cohort_month in number and row.month in number:
            key = number[row.cohort_month], row.region, number[row.month]
            active[key] += row.active_members
            last_seen[key] += row.last_seen_members
    rows = list(shown(Exact(members, active, last_seen), k))
    columns = {field.name: [row[field.name] for row in rows] for field in SCHEMA}
    return tables["disclosure"].sparkSession.createDataFrame(pa.table(columns, schema=SCHEMA))
