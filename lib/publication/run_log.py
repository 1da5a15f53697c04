"""The records of the runs, failed ones too: `mart_operations`, published separately."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from lib.build.reconciliation import Balance
from lib.build.rule_counts import Judgement
from lib.delta.lake import Lake
from lib.delta.publication import Publication, now
from lib.local_frames import frame_of

RUNS = "mart_operations/runs"
QUALITY = "mart_operations/quality"


@dataclass(frozen=True)
class Outcome:
    """The end of a run, with all that is known by then."""

    job: str
    status: str
    message: str
    finished_at: dt.datetime
    as_of: dt.date | None
    balances: Sequence[Balance]
    judgements: Sequence[Judgement]
    subjects: int


def store(lake: Lake, outcome: Outcome) -> None:
    """Add the run and the findings of its row rules, and publish both."""
    spark = lake.spark
    runs, quality = lake.catalog[RUNS], lake.catalog[QUALITY]
    lake.tables.append(runs, frame_of(spark, [_run(lake, outcome)], runs.schema))
    rows = _quality(lake, outcome)
    if rows:
        lake.tables.append(quality, frame_of(spark, rows, quality.schema))
    versions = {table.path: lake.tables.version(table) for table in (runs, quality)}
    as_of = outcome.as_of.isoformat() if outcome.as_of else ""
    known = {path: version for path, version in versions.items() if version is not None}
    lake.base.publish_operations(Publication(lake.run_id, now(), as_of, known))


def _run(lake: Lake, outcome: Outcome) -> dict[str, object]:
    def total(name: str) -> int:
        return sum(balance.outcomes.get(name, 0) for balance in outcome.balances)

    return {
        "run_id": lake.run_id,
        "job": outcome.job,
        "started_at": lake.started_at,
        "finished_at": outcome.finished_at,
        "seconds": (outcome.finished_at - lake.started_at).total_seconds(),
        "status": outcome.status,
        "as_of": outcome.as_of,
        "batches": len(outcome.balances),
        "rows_in": sum(balance.rows_in for balance in outcome.balances),
        "accepted": total("accepted"),
        "quarantined": total("quarantined"),
        "duplicates": total("duplicate"),
        "suppressed": total("suppressed"),
        "erased": total("erased"),
        "users": outcome.subjects,
        "message": outcome.message,
    }


def _quality(lake: Lake, outcome: Outcome) -> list[dict[str, object]]:
    return [
        {
            "run_id": lake.run_id,
            "finished_at": outcome.finished_at,
            "table_name": judged.table.path,
            "rule": rule.code,
            "consequence": rule.consequence,
            "rows_judged": sum(judged.rows.values()),
            "violations": count,
        }
        for judged in outcome.judgements
        for rule, count in judged.violations.items()
    ]
