"""Active users and buyers, by region; every count of a region is 0 or at least k."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame

from lakehouse.small_cells import OTHER, Counts, split

MEASURES = ("active_users", "buyers", "new_buyers", "repeat_buyers")
SCHEMA = pa.schema(
    [
        ("month", pa.date32()),
        ("region", pa.string()),
        *((name, pa.int64()) for name in MEASURES),
        ("is_complete", pa.bool_()),
    ]
)


def transform(tables: Mapping[str, DataFrame]) -> DataFrame:
    """From `activity_monthly` and `disclosure` to one row per month and region that is shown.

    The exact counts pass through the driver: one row per month and region.
    """
    settings = tables["disclosure"].collect()[0]
    exact: dict[date, dict[str, Counts]] = defaultdict(dict)
    complete: dict[date, bool] = {}
    for row in sorted(tables["activity_monthly"].collect(), key=lambda row: row.month):
        exact[row.month][row.region] = tuple(row[name] for name in MEASURES)
        complete[row.month] = row.is_complete
    rows = list(shown(exact, settings.k, settings.open_from))
    columns = {name: [row[name] for row in rows] for name in ("month", "region", *MEASURES)}
    columns["is_complete"] = [complete[row["month"]] for row in rows]
    return tables["disclosure"].sparkSession.createDataFrame(pa.table(columns, schema=SCHEMA))


def shown(exact: Mapping[date, Mapping[str, Counts]], k: int, open_from: date) -> Iterator[dict[str, Any]]:
    """The rows: one for each shown region of a closed month, and a single row for an open month."""
    closed = [month for month in exact if month < open_from]
    names = sorted({region for regions in exact.values() for region in regions})
    regions = split({name: [exact[month][name] for month in closed] for name in names}, k)
    for number, month in enumerate(exact):
        groups: dict[str, list[Counts]] = defaultdict(list)
        for name in names:
            groups[regions.label(name, number) if number < len(closed) else OTHER].append(exact[month][name])
        for region, counts in sorted(groups.items()):
            yield {"month": month, "region": region, **_summed(counts)}


def _summed(counts: Sequence[Counts]) -> dict[str, int]:
    return dict(zip(MEASURES, map(sum, zip(*counts, strict=True)), strict=True))
