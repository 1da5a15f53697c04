"""Superset knows Spark by the name of Hive, and Spark can do what Hive could not."""

from __future__ import annotations

# Superset takes Spark for Hive, whose expressions for weeks and months are not Spark's.
TIME_GRAINS = {
    "PT1M": "date_trunc('minute', {col})",
    "PT1H": "date_trunc('hour', {col})",
    "P1D": "date_trunc('day', {col})",
    "P1W": "date_trunc('week', {col})",
    "P1M": "date_trunc('month', {col})",
    "P3M": "date_trunc('quarter', {col})",
    "P1Y": "date_trunc('year', {col})",
}
NOT_OFFERED = [
    "PT1S",
    "P0.25Y",
    "1969-12-28T00:00:00Z/P1W",
    "1969-12-29T00:00:00Z/P1W",
    "P1W/1970-01-03T00:00:00Z",
    "P1W/1970-01-04T00:00:00Z",
]


def teach() -> None:
    """Let a query be ordered by what it does not select: the work-around for Hive names a column twice."""
    from superset.db_engine_specs.hive import HiveEngineSpec  # noqa: PLC0415 - needs the settings, which need this

    HiveEngineSpec.allows_hidden_orderby_agg = True
