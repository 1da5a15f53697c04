"""Superset's guard as a process that answers statement by statement, in the environment in which it runs."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lib.dashboards.servers import SERVER, VENV

SETUP = str(SERVER.parent / "start.sh")
# Line by line: what is asked comes in as JSON, and its answer goes out. `guarded` is None for what is refused.
LOOP = """
import json, logging, sys
import firewall, sparksql, sqlglot
from sqlglot import exp

logging.disable()
RULES = [["1 = 0", "region IN ('Asia')"]]
ROWS = sqlglot.parse_one(
    "SELECT * FROM `mart_sales`.`monthly` WHERE 1 = 0 OR `region` IN ('Asia')", read=sparksql.Dialect)


def outside(statement):
    tree = sqlglot.parse_one(statement, read="spark")
    return [table.sql() for table in tree.find_all(exp.Table) if table.parent_select != ROWS]


def answer(asked):
    if "literal" in asked:
        text = sparksql.literal(asked["literal"])
        return {"text": text, "read": sqlglot.parse_one(f"select {text}", read=sparksql.Dialect).expressions[0].this}
    if "pattern" in asked:
        return {"text": sparksql.pattern(asked["pattern"])}
    rules = asked.get("rules", RULES)
    try:
        judged = firewall.check(asked["sql"])
        sent = firewall.guard(judged, lambda *_: rules) if asked["rewrite"] else judged
        again = firewall.guard(sent, lambda *_: rules) if asked["rewrite"] else sent
    except firewall.Refused as refused:
        return {"guarded": None, "why": str(refused)}
    try:
        duckdb = sqlglot.parse_one(sent, read=sparksql.Dialect).sql("duckdb")
    except sqlglot.errors.SqlglotError:
        duckdb = None
    return {"guarded": sent, "again": again, "outside": outside(sent), "duckdb": duckdb}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
"""


@dataclass(frozen=True)
class Guard:
    """The process; `rewrite` off leaves the statement as it is, so that a test can see that it matters."""

    process: subprocess.Popen[str]

    def ask(self, **asked: Any) -> dict[str, Any]:
        """One question and its answer."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{json.dumps(asked)}\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def sent(self, sql: str, *, rewrite: bool = True, **rules: list[list[str]]) -> dict[str, Any]:
        """What would leave for the manager of Asia, or for one of other `rules`."""
        return self.ask(sql=sql, rewrite=rewrite, **rules)


@contextlib.contextmanager
def guarding() -> Iterator[Guard]:
    """The process, with Superset's environment made if it is missing."""
    subprocess.run([SETUP, "--setup-only"], check=True, capture_output=True)
    process = subprocess.Popen(
        [str(VENV / "bin/python"), "-c", LOOP],
        env={"PYTHONPATH": str(SERVER)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Guard(process)
    finally:
        process.terminate()
        process.communicate()
