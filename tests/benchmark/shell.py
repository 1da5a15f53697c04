"""A command as a person runs it, and what it cost."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
COMMAND = str(PROJECT / "spark-submit.sh")
# A publication within a request is a step around the steps of a run: its jobs are theirs.
STEP = re.compile(r"(?!.*: publish: )(\S.*): [0-9.]+ s, (\d+) Spark jobs")
KIB_PER_MIB = 1024


@dataclass(frozen=True)
class Cost:
    """Seconds that a person waits, seconds of all processors, the largest process in MiB, Spark jobs and commits."""

    seconds: float
    processor_seconds: float
    largest_mib: int
    jobs: int
    commits: int

    @property
    def document(self) -> dict[str, float]:
        """For JSON."""
        return {name: round(value, 1) for name, value in vars(self).items()}


def run(words: Sequence[str], lake: Path | None = None) -> Cost:
    """The cost of a command that must end well; `lake` is where its commits are counted.

    The processes that it starts are counted once they have ended, and it waits for them.
    """
    before = commits(lake)
    begun = time.monotonic()
    with subprocess.Popen(list(words), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        said = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - begun
    if process.returncode:
        raise SystemExit(f"{' '.join(words)} ended with {process.returncode}: {said.strip().splitlines()[-1:]}")
    jobs = sum(int(match[2]) for match in STEP.finditer(said))
    processor = used.ru_utime + used.ru_stime
    return Cost(seconds, processor, used.ru_maxrss // KIB_PER_MIB, jobs, commits(lake) - before)


def job(name: str, lake: Path, *options: str | Path) -> Cost:
    """The cost of a job on a lake."""
    return run([COMMAND, name, "--lake", str(lake), "--verbose", *map(str, options)], lake)


def commits(lake: Path | None) -> int:
    """All versions of all tables of a lake."""
    logs = lake.glob("*/*/_delta_log") if lake else ()
    return sum(max((int(file.stem) for file in log.glob("*.json")), default=-1) + 1 for log in logs)


def size_mib(folder: Path) -> float:
    """MiB of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / KIB_PER_MIB**2


def show(found: object) -> str:
    """As JSON."""
    return json.dumps(found, indent=1)
