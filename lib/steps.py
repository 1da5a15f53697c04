"""The steps of a run: said aloud while they happen, timed, their Spark jobs counted."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pyspark.sql import SparkSession


@dataclass(frozen=True)
class Step:
    """What one step took: seconds of wall time and Spark jobs."""

    name: str
    seconds: float
    jobs: int


class Steps:
    """Recorder of steps. Tells of each on stderr if that is a terminal, or if it is asked to be `verbose`."""

    def __init__(self, spark: SparkSession, *, verbose: bool = False) -> None:
        self.done: list[Step] = []
        self._scheduler = spark.sparkContext._jsc.sc().dagScheduler()
        self._aloud = verbose or sys.stderr.isatty()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """One step; a step that fails is not recorded."""
        self._say(f"{name} ...")
        started, jobs = time.monotonic(), self._jobs()
        yield
        step = Step(name, time.monotonic() - started, self._jobs() - jobs)
        self.done.append(step)
        self._say(f"{name}: {step.seconds:.1f} s, {step.jobs} jobs")

    def _jobs(self) -> int:
        return int(self._scheduler.numTotalJobs())

    def _say(self, text: str) -> None:
        if self._aloud:
            print(text, file=sys.stderr, flush=True)
