"""The number of different buyers. Counts below k are withheld, and so are counts that would reveal them by a total."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame

from lakehouse.small_cells import ALL, NO_PROTECTION, Key, Line, withheld

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("period", "period_start", "region", "category")),
        ("buyers", pa.int64()),
        ("is_complete", pa.bool_()),
    ]
)
LONGER = (("month", "quarter"), ("quarter", "year"), ("month", "year"))


def transform(tables: Mapping[str, DataFrame]) -> DataFrame:
    """From `buyer_counts` and `disclosure` to the rows that are shown.

    The counts pass through the driver: one row per period, region and category with a buyer.
    """
    k = tables["disclosure"].collect()[0].k
    if k <= NO_PROTECTION:
        return tables["buyer_counts"]
    rows = tables["buyer_counts"].collect()
    hidden = not_shown({_key(row): row.buyers for row in rows}, k)
    kept = [row for row in rows if _key(row) not in hidden]
    columns = {name: [row[name] for row in kept] for name in SCHEMA.names}
    columns["period_start"] = [row.period_start.isoformat() for row in kept]
    return tables["disclosure"].sparkSession.createDataFrame(pa.table(columns, schema=SCHEMA))


def _key(row: Any) -> Key:
    return row.period, row.period_start.isoformat(), row.region, row.category


def not_shown(counts: Mapping[Key, int], k: int) -> frozenset[Key]:
    """The cells that are withheld; the total of a period never is."""
    plain = frozenset(key for key in counts if key[2:] == (ALL, ALL))
    return withheld(counts, list(_lines(counts)), k, plain)


def _lines(counts: Mapping[Key, int]) -> Iterator[Line]:
    """Each total with its parts: of all regions, of all categories, of a longer period."""
    parts: dict[Key, list[Key]] = defaultdict(list)
    for period, start, region, category in counts:
        key = period, start, region, category
        if region != ALL:
            parts[period, start, ALL, category].append(key)
        if category != ALL:
            parts[period, start, region, ALL].append(key)
        for shorter, longer in LONGER:
            if period == shorter:
                parts[longer, _start_of(longer, start), region, category].append(key)
    for total, keys in sorted(parts.items()):
        for kind in sorted({_kind(key, total) for key in keys}):
            yield Line(total, tuple(sorted(key for key in keys if _kind(key, total) == kind)))


def _kind(part: Key, total: Key) -> str:
    """The kind of a total's parts: regions, categories, or periods of one length."""
    if part[0] != total[0]:
        return part[0]
    return "region" if part[2] != total[2] else "category"


def _start_of(period: str, day: str) -> str:
    of = date.fromisoformat(day)
    return of.replace(month=1 if period == "year" else (of.month - 1) // 3 * 3 + 1, day=1).isoformat()
