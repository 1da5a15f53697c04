"""The page that a person opens."""

from __future__ import annotations

import dataclasses
import re

from lib.audit.results import CheckResult
from lib.publication.report import BatchLine, Report, StepLine, ViolationLine, render

PASSED = CheckResult(
    "clinic/visits", "kind: required", passed=True, observed="as expected", expected="all", description=""
)
FAILED = CheckResult(
    "clinic/wards", "key: ward_key", passed=False, observed="2 rows too many", expected="unique", description=""
)
RUN = Report(
    run_id="run-1",
    job="pipeline",
    status="published",
    as_of="2024-02-01",
    started_at="2024-02-02 10:00:00",
    finished_at="2024-02-02 10:01:15",
    message="2 tables are published.",
    batches=(BatchLine("batch-1", "clinic", 10, 6, 1, 1, 1, 1),),
    violations=(
        ViolationLine("clinic/visits", "rare", "flag", 1, "r"),
        ViolationLine("clinic/visits", "often", "flag", 9, "o"),
    ),
    findings=(PASSED,),
    versions={"clinic/wards": 4},
    steps=(StepLine("audit", 75.2),),
)


def text_of(page: str) -> str:
    """What a reader sees, in the order of the page."""
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL).split())


def test_a_published_run_says_so_with_its_figures() -> None:
    text = text_of(render(RUN))
    assert "Published 2 tables are published. As of 2024-02-01 Source rows 10 Checks passed 1 of 1" in text
    assert "Duration 1 min 15 s" in text
    assert "batch-1 clinic 10 6 1 1 1 1 ✓ adds up" in text
    assert "clinic/wards 4" in text
    assert "What failed" not in text


def test_rows_that_do_not_add_up_are_marked() -> None:
    lost = dataclasses.replace(RUN.batches[0], accepted=5)
    assert "✗ does not add up" in text_of(render(dataclasses.replace(RUN, batches=(lost,))))


def test_what_failed_comes_first() -> None:
    page = render(dataclasses.replace(RUN, status="audit_failed", findings=(PASSED, FAILED)))
    text = text_of(page)
    assert "Not published: audit failed" in text
    assert text.index("What failed") < text.index("2 rows too many") < text.index("Rows by outcome")
    tables = text[text.index("Audit by table") :]
    assert tables.index("clinic/wards ✗ 1 of 1 failed") < tables.index("clinic/visits ✓ 1 passed")
    assert page.count("<details open>") == 1


def test_the_most_broken_rule_comes_first() -> None:
    text = text_of(render(RUN))
    assert text.index("often") < text.index("rare")


def test_everything_is_escaped() -> None:
    evil = "<script>alert('&')</script>"
    run = dataclasses.replace(
        RUN,
        **dict.fromkeys(("run_id", "job", "status", "as_of", "started_at", "finished_at", "message"), evil),
        batches=(dataclasses.replace(RUN.batches[0], batch_id=evil, source=evil),),
        violations=(ViolationLine(evil, evil, evil, 1, evil),),
        findings=(CheckResult(evil, evil, passed=False, observed=evil, expected=evil, description=evil),),
        versions={evil: 1},
        steps=(StepLine(evil, 1),),
    )
    page = render(run)
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;" in page


def test_the_page_needs_nothing_from_outside() -> None:
    assert not re.search(r"https?://|<link|<script|<img|@import|url\(", render(RUN))


def test_a_run_without_anything_is_still_a_page() -> None:
    empty = dataclasses.replace(RUN, as_of=None, batches=(), violations=(), findings=(), versions={}, steps=())
    text = text_of(render(empty))
    for said in ("As of not known", "No batch was processed.", "No rule was broken.", "Nothing was audited."):
        assert said in text
