"""Each planted fault turns its own check red, and no finding shows a value of a row."""

from __future__ import annotations

import datetime as dt
import secrets
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lib.audit import staged
from lib.audit.audit import audit
from lib.audit.results import CheckResult
from lib.contracts.model import Catalog
from lib.delta.tables import Tables
from lib.publication.report import Report, render
from lib.publication.run_log import Outcome
from tests.audit.conftest import VISITS, read

pytestmark = pytest.mark.spark

CANARY = "canary-7f3a19"
WARDS = "values (-1L, 'Unknown'), (1L, 'Eyes'), (2L, 'Hands')"
CLEAN = [
    "(date'2024-01-02', 1, 1, 'planned', 'H52', 10.00BD)",
    "(date'2024-01-02', 2, 2, 'urgent', cast(null as string), 20.00BD)",
]
COLUMNS = "(day, number, ward_key, kind, code, fee)"
CHECKS_OF_VISITS = 14


@pytest.fixture(autouse=True, params=["in memory", "by Spark"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of reading a table come to the same findings."""
    if request.param == "by Spark":
        monkeypatch.setattr(staged, "SMALL", -1)


@pytest.fixture
def tables(spark: SparkSession, tmp_path: Path) -> Tables:
    return Tables(spark, str(tmp_path / "lake"), "test")


def stage(tables: Tables, catalog: Catalog, *visits: str) -> dict[str, int]:
    """Write the wards and these visits; return their versions."""
    spark = tables.spark
    wards = spark.sql(f"select * from {WARDS} as w(ward_key, ward)")
    rows = spark.sql(f"select * from values {', '.join(visits)} as v{COLUMNS}")
    written = {
        "clinic/wards": tables.replace(catalog["wards"], wards),
        "clinic/visits": tables.replace(catalog["visits"], rows),
    }
    return {path: version for path, version in written.items() if version is not None}


def red(findings: tuple[CheckResult, ...]) -> dict[str, str]:
    return {finding.check: finding.observed for finding in findings if not finding.passed}


def test_clean_tables_pass_every_check(tables: Tables, clinic: Catalog) -> None:
    findings = audit(tables, clinic, stage(tables, clinic, *CLEAN))
    assert red(findings) == {}
    assert sum(finding.table == "clinic/visits" for finding in findings) == CHECKS_OF_VISITS


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (
            "(date'2024-01-02', 3, 1, cast(null as string), 'H1', cast(null as decimal(10,2)))",
            {"kind: required": "1 of 3 rows otherwise"},
        ),
        (
            f"(date'2024-01-02', 3, 1, '{CANARY}', 'H1', cast(null as decimal(10,2)))",
            {"kind: values": "1 of 3 rows otherwise"},
        ),
        (
            f"(date'2024-01-02', 3, 1, 'urgent', '{CANARY}', cast(null as decimal(10,2)))",
            {"code: pattern": "1 of 3 rows otherwise"},
        ),
        (
            "(date'1999-12-31', 3, 1, 'urgent', 'H1', cast(null as decimal(10,2)))",
            {"day: minimum": "1 of 3 rows otherwise"},
        ),
        (
            "(date'2024-01-02', 3, 1, 'urgent', 'H1', 0.00BD)",
            {"fee: exclusiveMinimum": "1 of 3 rows otherwise"},
        ),
        (
            "(date'2024-01-02', 2, 2, 'urgent', 'H1', cast(null as decimal(10,2)))",
            {"key: day, number": "1 rows too many"},
        ),
        (
            "(date'2024-01-02', 3, 99, 'urgent', 'H1', cast(null as decimal(10,2)))",
            {"ward_key: relationship": "1 rows without", "wards_have_visits": "false"},
        ),
        ("(date'2024-01-02', 3, 1, 'urgent', 'H1', 5.00BD)", {"fees_are_known": "35.00"}),
    ],
    ids=["null", "enum", "pattern", "minimum", "exclusive minimum", "duplicate key", "orphan", "sum"],
)
def test_each_fault_turns_its_own_check_red(
    tables: Tables, clinic: Catalog, fault: str, expected: dict[str, str]
) -> None:
    assert red(audit(tables, clinic, stage(tables, clinic, *CLEAN, fault))) == expected


def test_a_wrong_type_is_told_and_the_table_judged_no_further(
    spark: SparkSession, tables: Tables, clinic: Catalog
) -> None:
    versions = stage(tables, clinic, *CLEAN)
    rows = spark.sql(f"select * from values {', '.join(CLEAN)} as v{COLUMNS}").selectExpr(
        "day", "number", "ward_key", "kind", "code", "cast(fee as double) as fee"
    )
    rows.write.format("delta").mode("overwrite").option("overwriteSchema", "true").save(
        tables.location(clinic["visits"])
    )
    newer = {**versions, "clinic/visits": versions["clinic/visits"] + 1}
    findings = audit(tables, clinic, newer)
    assert red(findings) == {"schema": "without fee decimal(10,2), with fee double"}
    assert red(audit(tables, clinic, versions)) == {}


def test_a_broken_check_fails_alone(tables: Tables, tmp_path: Path) -> None:
    broken = VISITS.replace("select sum(fee) from visits", "select sum(fees) from visits")
    catalog = read(tmp_path / "broken", broken)
    findings = audit(tables, catalog, stage(tables, catalog, *CLEAN))
    assert red(findings) == {"fees_are_known": "no answer (UNRESOLVED_COLUMN.WITH_SUGGESTION)"}


def test_a_check_that_fails_on_a_value_does_not_tell_it(tables: Tables, tmp_path: Path) -> None:
    query = "select sum(cast(code as int)) from visits"
    catalog = read(tmp_path / "cast", VISITS.replace("select sum(fee) from visits", query))
    findings = audit(tables, catalog, stage(tables, catalog, *CLEAN))
    assert red(findings) == {"fees_are_known": "no answer (CAST_INVALID_INPUT)"}


def test_only_what_concerns_changed_tables_is_asked(tables: Tables, clinic: Catalog) -> None:
    findings = audit(tables, clinic, stage(tables, clinic, *CLEAN), only={"clinic/wards"})
    of_visits = [finding.check for finding in findings if finding.table == "clinic/visits"]
    assert of_visits == ["ward_key: relationship", "wards_have_visits"]
    assert len([finding for finding in findings if finding.table == "clinic/wards"]) == 8


def test_rows_in_memory_need_no_job_of_spark_but_for_the_contracts_queries(
    tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # also in the other way's turn
    clinic = read(tmp_path / "plain", VISITS.replace("logicalTypeOptions: {pattern: '^[A-Z][0-9]+$'}", ""))
    versions = stage(tables, clinic, *CLEAN)
    context = tables.spark.sparkContext
    tag = f"audited-{secrets.token_hex(4)}"
    context.addJobTag(tag)
    audit(tables, clinic, versions)
    context.removeJobTag(tag)
    # Two queries of the contracts, one of which has two subqueries; the answers are one query.
    assert len(context._jsc.sc().statusTracker().getJobIdsForTag(tag)) == 3


def test_a_whole_number_with_a_gap_and_a_time_before_pandas_own_are_judged(tables: Tables, clinic: Catalog) -> None:
    visits = "(date'2024-01-02', 1, cast(null as int), 'planned', 'H52', 10.00BD)", CLEAN[1]
    assert red(audit(tables, clinic, stage(tables, clinic, *visits))) == {"wards_have_visits": "false"}
    early = "(date'0001-01-01', 1, 1, 'planned', 'H52', 10.00BD)", CLEAN[1]
    assert red(audit(tables, clinic, stage(tables, clinic, *early))) == {"day: minimum": "1 of 2 rows otherwise"}


def test_nothing_changed_asks_nothing(tables: Tables, clinic: Catalog) -> None:
    assert audit(tables, clinic, stage(tables, clinic, *CLEAN), only=()) == ()


def test_no_value_of_a_row_leaves_the_audit(
    tables: Tables, clinic: Catalog, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    faults = [
        f"(date'2024-01-02', 3, 1, '{CANARY}', '{CANARY}', 5.00BD)",
        f"(date'2024-01-02', 3, 98765, '{CANARY}', '{CANARY}', 5.00BD)",
    ]
    versions = stage(tables, clinic, *CLEAN, *faults)
    capfd.readouterr()
    findings = audit(tables, clinic, versions)
    written = capfd.readouterr()
    assert len(red(findings)) == 6
    page = render(report(findings))
    for text in (repr(findings), page, written.out, written.err, caplog.text):
        assert CANARY not in text
        assert "98765" not in text


def report(findings: tuple[CheckResult, ...]) -> Report:
    now = dt.datetime.now(dt.timezone.utc)
    outcome = Outcome("pipeline", "audit_failed", "", now, None, (), (), 0)
    return Report("r", now, outcome, findings, {}, ())
