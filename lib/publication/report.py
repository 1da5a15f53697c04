"""A run as a page for people: what was published or why not, and what the audit found.

One HTML file that needs no other file. It holds counts, names and messages, never a value of a row; all its texts are
escaped.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from jinja2 import Environment, PackageLoader, StrictUndefined

from lib.audit.results import CheckResult
from lib.contracts.model import RowRule, Table
from lib.progress import Step
from lib.publication.run_log import Outcome

FOLDER = "reports"
PUBLISHED = "published"
MINUTE = 60


@dataclass(frozen=True)
class Report:
    """One run: its end, its checks, the versions that it wrote (table -> Delta version), and its steps.

    `audits_all` means that whole tables were checked, large ones too. `scope` says whose rows in gold were computed.
    """

    run_id: str
    started_at: dt.datetime
    outcome: Outcome
    results: Sequence[CheckResult]
    versions: Mapping[str, int]
    steps: Sequence[Step]
    audits_all: bool = True
    scope: str = ""

    @property
    def is_published(self) -> bool:
        """Whether people read the result of the run."""
        return self.outcome.status == PUBLISHED

    @property
    def duration(self) -> str:
        """The time of all steps."""
        seconds = sum(step.seconds for step in self.steps)
        minutes, rest = divmod(round(seconds), MINUTE)
        return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"

    @property
    def violations(self) -> list[tuple[Table, RowRule, int]]:
        """The row rules of each table and the number of rows that break each, the largest number first."""
        found = [(each.table, *broken) for each in self.outcome.judgements for broken in each.violations.items()]
        return sorted(found, key=lambda broken: -broken[2])

    @property
    def by_table(self) -> list[tuple[str, list[CheckResult]]]:
        """The results of each table; tables with a failed check come first."""
        ordered = sorted(self.results, key=attrgetter("table"))
        found = [(path, list(results)) for path, results in groupby(ordered, key=attrgetter("table"))]
        return sorted(found, key=lambda one: all(result.passed for result in one[1]))


def render(report: Report) -> str:
    """The page, as text."""
    pages = Environment(loader=PackageLoader("lib.publication", "."), autoescape=True, undefined=StrictUndefined)
    return pages.get_template("report.html").render(report=report, outcome=report.outcome)
