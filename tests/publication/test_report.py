"""The page that a person opens."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from types import SimpleNamespace
from typing import Any, cast

from lib.audit.results import CheckResult
from lib.build.reconciliation import OUTCOMES, Balance
from lib.build.rule_counts import Judgement
from lib.contracts.model import RowRule, Table
from lib.progress import Step
from lib.publication.report import Report, render
from lib.publication.run_log import Outcome


def rule(code: str) -> RowRule:
    return RowRule(code, "true", (), "visits", "flag", None, (), f"about {code}")


PASSED = CheckResult(
    "clinic/visits", "kind: required", passed=True, observed="as expected", expected="all", description=""
)
FAILED = CheckResult(
    "clinic/wards", "key: ward_key", passed=False, observed="2 rows too many", expected="unique", description=""
)
VISITS = cast("Table", SimpleNamespace(path="clinic/visits"))
RUN = Report(
    run_id="run-1",
    started_at=dt.datetime(2024, 2, 2, 10, 0, 0, tzinfo=dt.timezone.utc),
    outcome=Outcome(
        job="pipeline",
        status="published",
        message="2 tables are published.",
        finished_at=dt.datetime(2024, 2, 2, 10, 1, 15, tzinfo=dt.timezone.utc),
        as_of=dt.date(2024, 2, 1),
        balances=[Balance("batch-1", "clinic", 10, dict(zip(OUTCOMES, (6, 1, 1, 1, 1), strict=True)))],
        judgements=[Judgement(VISITS, {"batch-1": 10}, {rule("rare"): 1, rule("often"): 9}, {})],
        subjects=7,
    ),
    results=(PASSED,),
    versions={"clinic/wards": 4},
    steps=(Step("audit", 75.2, 3),),
)


def with_outcome(**changes: Any) -> Report:
    return dataclasses.replace(RUN, outcome=dataclasses.replace(RUN.outcome, **changes))


def text_of(page: str) -> str:
    """The visible text, in the order of the page."""
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL).split())


def test_a_published_run_says_so_with_its_figures() -> None:
    text = text_of(render(RUN))
    assert "Published 2 tables are published. As of 2024-02-01 Source rows 10 Checks passed 1 of 1" in text
    assert "Duration 1 min 15 s" in text
    assert "batch-1 clinic 10 6 1 1 1 1 ✓ adds up" in text
    assert "Started 2024-02-02 10:00:00Z Finished 2024-02-02 10:01:15Z Run run-1 Job pipeline" in text
    assert "clinic/wards 4 Duration Duration of each step Step Time audit 75.2 s" in text
    assert "What failed" not in text


def test_rows_that_do_not_add_up_are_marked() -> None:
    lost = Balance("batch-1", "clinic", 10, dict(zip(OUTCOMES, (5, 1, 1, 1, 1), strict=True)))
    assert "✗ does not add up" in text_of(render(with_outcome(balances=[lost])))


def test_what_failed_comes_first() -> None:
    page = render(dataclasses.replace(with_outcome(status="audit_failed"), results=(PASSED, FAILED)))
    text = text_of(page)
    assert "Not published: audit failed" in text
    assert text.index("What failed") < text.index("2 rows too many") < text.index("Rows by outcome")
    tables = text[text.index("Audit by table") :]
    assert tables.index("clinic/wards ✗ 1 of 1 failed") < tables.index("clinic/visits ✓ 1 passed")
    assert page.count("<details open>") == 1


def test_the_most_broken_rule_comes_first() -> None:
    text = text_of(render(RUN))
    assert "often about often flag clinic/visits 9" in text
    assert text.index("often") < text.index("rare")


def test_everything_is_escaped() -> None:
    evil = "<script>alert('&')</script>"
    worst = dataclasses.replace(rule(evil), consequence=evil)
    run = dataclasses.replace(
        with_outcome(
            **dict.fromkeys(("job", "status", "message"), evil),
            balances=[Balance(evil, evil, 0, dict.fromkeys(OUTCOMES, 0))],
            judgements=[Judgement(cast("Table", SimpleNamespace(path=evil)), {}, {worst: 1}, {})],
        ),
        run_id=evil,
        results=(CheckResult(evil, evil, passed=False, observed=evil, expected=evil, description=evil),),
        versions={evil: 1},
        steps=(Step(evil, 1, 1),),
    )
    page = render(run)
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;" in page


def test_the_page_needs_nothing_from_outside() -> None:
    assert not re.search(r"https?://|<link|<script|<img|@import|url\(", render(RUN))


def test_a_run_without_anything_is_still_a_page() -> None:
    nothing = with_outcome(as_of=None, balances=(), judgements=())
    empty = dataclasses.replace(nothing, results=(), versions={}, steps=())
    text = text_of(render(empty))
    for said in ("As of not known", "No batch was processed.", "No rule was broken.", "Nothing was audited."):
        assert said in text
