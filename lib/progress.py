"""The steps of a run: shown while they happen, timed, and their Spark jobs counted."""

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
    """The cost of one step: seconds of wall time and Spark jobs. Steps may overlap."""

    name: str
    seconds: float
    jobs: int


class Steps:
    """Recorder of steps. Shows each one on stderr if that is a terminal, or if `verbose` is set."""

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
        """One step: it owns the jobs of the calling thread; a failed step is not recorded."""
        self._say(f"{name} ...")
        started, tag = time.monotonic(), f"{self._tag}-{name}"
        self._context.addJobTag(tag)
        try:
            yield
        finally:
            self._context.removeJobTag(tag)
        seconds = time.monotonic() - started
        self._ended.append((name, seconds, tag))
        self._say(f"{name}: {seconds:.1f} s, {self._jobs(tag)} Spark jobs")

    def _jobs(self, tag: str) -> int:
        return len(self._context._jsc.sc().statusTracker().getJobIdsForTag(tag))

    def _say(self, text: str) -> None:
        if self._aloud:
            # The line and its end in one piece: otherwise parallel steps would write into each other's lines.
            print(f"{text}\n", end="", file=sys.stderr, flush=True)
