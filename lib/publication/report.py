"""A run as a page that a person can open: what was published or why not, and what the audit found.

One HTML file without anything outside it. It holds counts, names and messages, never a value of a row; whatever it
shows is escaped.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import groupby
from string import Template

from lib.audit.results import CheckResult

PUBLISHED = "published"
TEMPLATE = "report.html"
MINUTE = 60


@dataclass(frozen=True)
class BatchLine:
    """One source table of one batch, and what became of its rows."""

    batch_id: str
    source: str
    rows_in: int
    accepted: int
    quarantined: int
    duplicates: int
    suppressed: int
    erased: int

    @property
    def balanced(self) -> bool:
        """Whether every row has exactly one outcome."""
        outcomes = self.accepted + self.quarantined + self.duplicates + self.suppressed + self.erased
        return self.rows_in == outcomes


@dataclass(frozen=True)
class ViolationLine:
    """How many rows broke one row rule."""

    table: str
    rule: str
    consequence: str
    violations: int
    description: str


@dataclass(frozen=True)
class StepLine:
    """One step of the run."""

    name: str
    seconds: float


@dataclass(frozen=True)
class Report:
    """One run; instants are ISO texts in UTC. `status` is `published`, or says how the run ended."""

    run_id: str
    job: str
    status: str
    as_of: str | None
    started_at: str
    finished_at: str
    message: str
    batches: tuple[BatchLine, ...]
    violations: tuple[ViolationLine, ...]
    findings: tuple[CheckResult, ...]
    versions: Mapping[str, int]
    steps: tuple[StepLine, ...]


@dataclass(frozen=True)
class _Cell:
    """What stands in a cell; numbers stand on the right, marks tell failures apart without colour alone."""

    text: str
    kind: str = ""


def render(report: Report) -> str:
    """The page, as text."""
    failed = [finding for finding in report.findings if not finding.passed]
    page = Template(resources.files("lib.publication").joinpath(TEMPLATE).read_text(encoding="utf-8"))
    return page.substitute(
        title=_escape(f"{report.job} {report.run_id}"),
        tone="good" if report.status == PUBLISHED else "bad",
        headline=_escape(_headline(report)),
        message=_escape(report.message),
        facts=_facts(report, failed),
        failures=_failures(failed),
        rows=_rows(report.batches),
        rules=_rules(report.violations),
        audit=_audit(report.findings),
        versions=_versions(report.versions),
        steps=_steps(report.steps),
    )


def _headline(report: Report) -> str:
    return "Published" if report.status == PUBLISHED else f"Not published: {report.status.replace('_', ' ')}"


def _facts(report: Report, failed: Sequence[CheckResult]) -> str:
    passed = len(report.findings) - len(failed)
    facts = {
        "As of": report.as_of or "not known",
        "Source rows": f"{sum(batch.rows_in for batch in report.batches):,}",
        "Checks passed": f"{passed:,} of {len(report.findings):,}",
        "Duration": _duration(sum(step.seconds for step in report.steps)),
        "Started": report.started_at,
        "Finished": report.finished_at,
        "Run": report.run_id,
        "Job": report.job,
    }
    return "\n".join(f"<div><dt>{_escape(name)}</dt><dd>{_escape(fact)}</dd></div>" for name, fact in facts.items())


def _failures(failed: Sequence[CheckResult]) -> str:
    if not failed:
        return ""
    head = ("Table", "Check", "Expected", "Observed", "Meaning")
    lines = [_finding_cells(finding) for finding in failed]
    return _section("What failed", _table("Checks that failed", head, lines))


def _finding_cells(finding: CheckResult) -> list[_Cell]:
    return [
        _Cell(finding.table, "name"),
        _Cell(finding.check, "name"),
        _Cell(finding.expected),
        _Cell(finding.observed, "" if finding.passed else "bad"),
        _Cell(finding.description),
    ]


def _rows(batches: Sequence[BatchLine]) -> str:
    head = ("Batch", "Source", "# In", "# Accepted", "# Quarantined", "# Duplicates", "# Suppressed", "# Erased", "Sum")
    lines = [_batch_cells(batch) for batch in batches]
    text = "Every source row has one outcome: in = accepted + quarantined + duplicates + suppressed + erased."
    return _section("Rows", _table("Rows by outcome", head, lines, "No batch was processed."), text)


def _batch_cells(batch: BatchLine) -> list[_Cell]:
    counts = (
        batch.rows_in, batch.accepted, batch.quarantined, batch.duplicates, batch.suppressed, batch.erased
    )  # fmt: skip
    sum_ = _Cell("✓ adds up", "good") if batch.balanced else _Cell("✗ does not add up", "bad")
    return [_Cell(batch.batch_id, "name"), _Cell(batch.source), *(_number(count) for count in counts), sum_]


def _rules(violations: Sequence[ViolationLine]) -> str:
    head = ("Rule", "What a good row meets", "Otherwise", "Table", "# Rows")
    lines = [
        [
            _Cell(line.rule, "name"),
            _Cell(line.description),
            _Cell(line.consequence),
            _Cell(line.table, "name"),
            _number(line.violations),
        ]
        for line in sorted(violations, key=lambda line: -line.violations)
    ]
    text = "A row may break several rules. Quarantined rows wait, repaired ones lose a field, flagged ones are counted."
    return _section("Broken row rules", _table("Rows that break each rule", head, lines, "No rule was broken."), text)


def _audit(findings: Sequence[CheckResult]) -> str:
    by_table = {path: list(group) for path, group in groupby(sorted(findings, key=_table_of), key=_table_of)}
    ordered = sorted(by_table, key=lambda path: (all(finding.passed for finding in by_table[path]), path))
    parts = [_audited(path, by_table[path]) for path in ordered]
    return _section("Audit by table", "\n".join(parts) or "<p>Nothing was audited.</p>")


def _table_of(finding: CheckResult) -> str:
    return finding.table


def _audited(path: str, findings: Sequence[CheckResult]) -> str:
    failed = sum(not finding.passed for finding in findings)
    mark = f'<span class="bad">✗ {failed} of {len(findings)} failed</span>' if failed else f"✓ {len(findings)} passed"
    head = ("", "Check", "Expected", "Observed", "Meaning")
    lines = [
        [_Cell("✓", "good") if finding.passed else _Cell("✗", "bad"), *_finding_cells(finding)[1:]]
        for finding in sorted(findings, key=lambda finding: finding.passed)
    ]
    opened = " open" if failed else ""
    summary = f'<summary><span class="name">{_escape(path)}</span> {mark}</summary>'
    return f"<details{opened}>{summary}{_table(f'Checks of {path}', head, lines)}</details>"


def _versions(versions: Mapping[str, int]) -> str:
    lines = [[_Cell(path, "name"), _Cell(str(version), "number")] for path, version in sorted(versions.items())]
    return _section("Table versions", _table("Delta version of each table", ("Table", "# Version"), lines, "None."))


def _steps(steps: Sequence[StepLine]) -> str:
    lines = [[_Cell(step.name), _Cell(f"{step.seconds:,.1f} s", "number")] for step in steps]
    return _section("Duration", _table("Duration of each step", ("Step", "# Time"), lines, "No step was recorded."))


def _section(title: str, content: str, text: str = "") -> str:
    said = f"<p>{_escape(text)}</p>" if text else ""
    return f"<section><h2>{_escape(title)}</h2>{said}{content}</section>"


def _table(caption: str, head: Iterable[str], lines: Sequence[Sequence[_Cell]], empty: str = "") -> str:
    if not lines:
        return f"<p>{_escape(empty)}</p>"
    titles = "".join(_title(title) for title in head)
    body = "\n".join(f"<tr>{''.join(_cell(cell) for cell in line)}</tr>" for line in lines)
    return (
        f'<div class="wide"><table><caption>{_escape(caption)}</caption>'
        f"<thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _title(title: str) -> str:
    """A column's head; `# ` marks a column of numbers."""
    kind = ' class="number"' if title.startswith("# ") else ""
    return f'<th scope="col"{kind}>{_escape(title.removeprefix("# "))}</th>'


def _cell(cell: _Cell) -> str:
    kind = f' class="{cell.kind}"' if cell.kind else ""
    return f"<td{kind}>{_escape(cell.text)}</td>"


def _number(count: int) -> _Cell:
    return _Cell(f"{count:,}", "number zero" if count == 0 else "number")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), MINUTE)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def _escape(text: str) -> str:
    return html.escape(text)
