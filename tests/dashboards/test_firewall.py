"""What Superset may send to the endpoint, judged where Superset runs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from lib.dashboards.servers import SERVER, VENV
from tests.dashboards.stack import Stack
from tests.serving.attacks import all_attacks

pytestmark = pytest.mark.e2e
JUDGE = """
import json, logging, sys
import firewall
logging.disable()
passed = []
for statement in json.load(sys.stdin):
    try:
        firewall.check(statement, security_manager=None, database=None)
        passed.append(statement)
    except firewall.Refused:
        pass
print(json.dumps(passed))
"""
QUESTIONS = [
    """
    SELECT DATE_TRUNC('month', `period_start`) AS `period_start`, SUM(revenue) AS `revenue`
    FROM `mart_sales`.`monthly`
    WHERE `is_complete` = true AND (`region` IN ('Europe')) AND ((1 = 0) OR (1 = 1))
    GROUP BY DATE_TRUNC('month', `period_start`) ORDER BY `revenue` DESC LIMIT 1000
    """,
    """
    SELECT SUM(CASE WHEN status = 'published' THEN 0 ELSE 1 END) AS a, SUM(b) / NULLIF(SUM(c), 0)
    FROM mart_operations.runs
    WHERE day >= CAST('2023-01-01' AS DATE) AND NOT (status LIKE '%x%')
    """,
]
HOSTILE = [
    "SELECT * FROM mart_sales.monthly, mart_users.churn",
    "SELECT * FROM mart_sales.monthly WHERE revenue > (SELECT MAX(users) FROM mart_users.demographics)",
    "SELECT `reflect`('java.lang.System', 'exit', 0) FROM mart_sales.monthly",
    "SELECT reflect /* */ ('java.lang.System', 'exit', 0) FROM mart_sales.monthly",
    "SELECT current_user FROM mart_sales.monthly",
    "SELECT * FROM mart_sales.`monthly@v0`",
    "WITH monthly AS (SELECT 1) SELECT * FROM monthly",
    "SELECT 1 FROM mart_sales.monthly UNION SELECT 2",
    "SHOW TABLES",
    "",
]


def _passed(statements: list[str]) -> list[str]:
    done = subprocess.run(
        [str(VENV / "bin/python"), "-c", JUDGE],
        input=json.dumps(statements),
        env={"PYTHONPATH": str(SERVER)},
        capture_output=True,
        text=True,
        check=True,
    )
    passed: list[str] = json.loads(done.stdout)
    return passed


def test_what_charts_ask_passes(stack: Stack) -> None:
    assert _passed(QUESTIONS) == QUESTIONS


def test_what_reaches_further_does_not(stack: Stack, tmp_path: Path) -> None:
    passed = _passed([*HOSTILE, *all_attacks(str(tmp_path / "lake"), str(tmp_path / "file"))])
    # The endpoint decides whether a mart has this table.
    assert [statement for statement in passed if "mart_sales.nothing" not in statement.lower()] == []
