"""Speed and memory as ratios against a floor in the same run, and as counts that do not depend on the machine.

The floor is a plain Spark copy of the full load's file, all columns as text, into one Delta table: no program that
reads the file and writes a table can cost less.
"""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from lib.build import bronze
from lib.delta.lake import Lake, open_lake
from lib.lock import writer_of
from lib.normal_form import names_somebody, trimmed
from lib.pipeline import pipeline
from lib.privacy import erasure
from lib.rights.asked import Asked
from lib.settings import Settings

KIB_PER_MIB = 1024


def measure(
    spark: SparkSession, settings: Settings, inputs: Sequence[tuple[Path, dt.date]], source: str, erase: int = 0
) -> dict[str, Any]:
    """Warm up, then time the floor, the full load of the first input, the increment of the second, and its repeat.

    With `erase`, also time the erasure of that number of persons, as the last step.
    """
    floor = str(Path(settings.lake).parent / "floor")
    full, increment = inputs
    copy(spark, increment[0], f"{floor}_warm_up")
    seconds = {"floor": _timed(lambda: copy(spark, full[0], floor))}
    runs: dict[str, Any] = {}
    for name, (path, day) in {"full_load": full, "increment": increment, "repeat": increment}.items():
        lake = open_lake(spark, settings)
        before = _commits(lake)
        request = pipeline.Request("benchmark", {source: [str(path)]}, extract_date=day)
        seconds[name] = _timed(lambda lake=lake, request=request: _run(lake, request))  # type: ignore[misc]  # the loop's variables, bound
        runs[name] = {"commits": _commits(lake) - before, "steps": _steps(lake)}
    erased = _erased(open_lake(spark, settings), erase) if erase else {}
    if erase:
        seconds["erasure"] = erased["seconds"]
    return {
        "cores": os.cpu_count(),
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "ratios": {
            "full_load_to_floor": round(seconds["full_load"] / seconds["floor"], 2),
            "increment_to_full_load": round(seconds["increment"] / seconds["full_load"], 3),
            **({"erasure_to_full_load": round(seconds["erasure"] / seconds["full_load"], 2)} if erase else {}),
        },
        "peak_memory_mib": {"driver": _peak_of_jvm(spark), "python": _peak(os.getpid())},
        "runs": runs,
        **({"erasure": erased} if erase else {}),
    }


def _erased(lake: Lake, count: int) -> dict[str, Any]:
    """Erase the first persons in the order of their hashes, without waiting for running queries."""
    (table,) = bronze.tables(lake)
    names = (
        lake.tables.read(table)
        .select(trimmed(F.col(str(table.subject))).alias("id"))
        .where(names_somebody(F.col("id")))
    )
    users = names.distinct()
    ids = [row["id"] for row in users.orderBy(F.xxhash64("id")).limit(count).collect()]
    known = users.count()
    asked = Asked({one: (number,) for number, one in enumerate(ids, 1)})
    with writer_of(lake.settings.lake, lake.settings.secrets, erasure.JOB):
        seconds = _timed(lambda: erasure.erase(lake, asked, grace=0))
    return {"persons": len(ids), "of": known, "seconds": round(seconds, 2), "steps": _steps(lake)}


def _run(lake: Lake, request: pipeline.Request) -> None:
    with writer_of(lake.settings.lake, lake.settings.secrets, request.job):
        pipeline.run(lake, request)


def _timed(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def copy(spark: SparkSession, file: Path, target: str) -> None:
    """Copy a CSV file into one Delta table, all columns as text."""
    frame = spark.read.option("header", "true").csv(str(file))
    # Delta refuses names with blanks.
    frame = frame.toDF(*(name.replace(" ", "_") for name in frame.columns))
    frame.write.format("delta").mode("overwrite").save(target)


def _commits(lake: Lake) -> int:
    versions = [lake.tables.version(table) for table in lake.catalog.stored]
    return sum(version + 1 for version in versions if version is not None)


def _steps(lake: Lake) -> dict[str, dict[str, float]]:
    return {step.name: {"seconds": round(step.seconds, 2), "jobs": step.jobs} for step in lake.steps.done}


def _peak_of_jvm(spark: SparkSession) -> int:
    jvm: Any = spark._jvm
    return _peak(int(jvm.java.lang.ProcessHandle.current().pid()))


def _peak(process: int) -> int:
    """Peak resident memory of a process in MiB, as Linux reports it; 0 elsewhere."""
    status = Path(f"/proc/{process}/status")
    if not status.exists():
        return 0
    lines = [line.split() for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM")]
    return int(lines[0][1]) // KIB_PER_MIB if lines else 0
