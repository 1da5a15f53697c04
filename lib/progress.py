"""The steps of a run: said aloud while they happen, timed, their Spark jobs counted."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pyspark.sql import SparkSession


@dataclass(frozen=True)
class Step:
    """What one step took: seconds of wall time and Spark jobs. Steps may overlap."""

    name: str
    seconds: float
    jobs: int


class Steps:
    """Recorder of steps. Tells of each on stderr if that is a terminal, or if it is asked to be `verbose`."""

    def __init__(self, spark: SparkSession, *, verbose: bool = False) -> None:
        self._context = spark.sparkContext
        self._tag = f"run-{secrets.token_hex(4)}"
        self._ended: list[tuple[str, float, str]] = []
        self._aloud = verbose or sys.stderr.isatty()

    @property
    def done(self) -> list[Step]:
        """The steps so far, in the order in which they ended."""
        return [Step(name, seconds, self._jobs(tag)) for name, seconds, tag in self._ended]

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """One step of the calling thread, whose jobs are its jobs; a step that fails is not recorded."""
        self._say(f"{name} ...")
        started, tag = time.monotonic(), f"{self._tag}-{name}"
        self._context.addJobTag(tag)
        try:
            yield
        finally:
            self._context.removeJobTag(tag)
        seconds = time.monotonic() - started
        self._ended.append((name, seconds, tag))
        self._say(f"{name}: {seconds:.1f} s")

    def _jobs(self, tag: str) -> int:
        return len(self._context._jsc.sc().statusTracker().getJobIdsForTag(tag))

    def _say(self, text: str) -> None:
        if self._aloud:
            # The line and its end in one piece: steps side by side would write into each other's lines.
            print(f"{text}\n", end="", file=sys.stderr, flush=True)
