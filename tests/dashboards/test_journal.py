"""What Superset keeps of people's questions: that they asked, and none of their values."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib.dashboards.servers import VENV, superset_environment
from tests.dashboards.browser_session import filled_in
from tests.dashboards.containers import CHOSEN
from tests.dashboards.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(CHOSEN, reason="reads the files of a server on this machine")]
CANARY = "Kanarienvogel 7391"
TIDY = """
import upkeep
from superset.app import create_app
with create_app().app_context():
    upkeep.tidy()
"""


def _home(stack: Stack) -> Path:
    return stack.folder / "home"


@contextlib.contextmanager
def _metadata(stack: Stack) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(_home(stack) / "metadata.db", timeout=60)) as database, database:
        yield database


def _run(stack: Stack, code: str) -> str:
    environment = superset_environment(stack.secrets, _home(stack))
    command = [str(VENV / "bin/python"), "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def _ask_with_the_canary(stack: Stack) -> None:
    """Send the canary in every way in which a viewer's page sends a value: well and badly, by body and by address."""
    client = stack.client("executive")
    equal = [{"col": "region", "op": "==", "val": CANARY}]
    like = [{"col": "region", "op": "LIKE", "val": f"%{CANARY}%"}]
    unknown = [{"col": "nothing", "op": "==", "val": CANARY}]
    for filters in (equal, like, unknown):
        stack.asked(client, "sales", "revenue", metrics=["revenue"], filters=filters)
    stack.asked(client, "sales", "revenue", metrics=[CANARY])
    stack.asked(client, "sales", "revenue", metrics=["revenue"], time_range=CANARY)
    place = f"dashboard/{stack.dashboard_ids['sales']}/filter_state"
    key = client.post(place, {"value": json.dumps({"chosen": CANARY})})["key"]
    client.put(f"{place}/{key}", {"value": json.dumps({"chosen": [CANARY]})})
    for path in (f"dashboard/{CANARY}", f"time_range/?q='{CANARY}'", f"dashboard/?q=(filters:{CANARY})", CANARY):
        client.ask("GET", path)
    events = json.dumps([{"event_name": CANARY, "source_id": 1, "value": CANARY}])
    client.session.post(f"{stack.url}/superset/log/?explode=events", data={"events": events}, timeout=60)
    filled_in(stack, CANARY, CANARY)


def _holders(folder: Path) -> set[str]:
    forms = [CANARY.encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be")]
    forms += [CANARY.replace(" ", sign).encode() for sign in ("+", "%20")]
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {str(file.relative_to(folder)) for file in files if any(form in file.read_bytes() for form in forms)}


def test_no_value_of_a_filter_is_kept_but_in_results(stack: Stack) -> None:
    _ask_with_the_canary(stack)
    holders = _holders(_home(stack))
    assert holders, "the control: results hold it"
    assert {Path(holder).parent.name for holder in holders} == {"cache"}


def test_the_journal_says_who_did_what_and_nothing_else(stack: Stack) -> None:
    question = stack.question("sales", "revenue", "mart_sales/monthly", metrics=["revenue"])
    chart, dashboard = stack.chart_ids["sales", "revenue"], stack.dashboard_ids["sales"]
    as_a_page = {"form_data": json.dumps({"slice_id": chart}), "dashboard_id": dashboard}
    stack.client("executive").ask("POST", "chart/data", json=question, params=as_a_page)
    with _metadata(stack) as database:
        asked = """
            select username, dashboard_id, slice_id, json, referrer, duration_ms is not null
            from logs join ab_user on ab_user.id = user_id where action = 'ChartDataRestApi.data' order by dttm desc
        """
        row = database.execute(asked).fetchone()
        actions = {action for (action,) in database.execute("select distinct action from logs")}
    assert row == ("executive", dashboard, chart, None, None, 1)
    assert "log" not in actions


def test_a_set_filter_is_read_again_although_it_is_sealed(stack: Stack) -> None:
    client, place = stack.client("executive"), f"dashboard/{stack.dashboard_ids['sales']}/filter_state"
    value = json.dumps({"chosen": "Übergröße"})
    key = client.post(place, {"value": value})["key"]
    assert json.loads(client.get(f"{place}/{key}")["value"]) == {"chosen": "Übergröße"}


def test_what_is_over_is_removed_and_what_is_not_stays(stack: Stack) -> None:
    kept = "select count(*) from {} where {} = ?"
    with _metadata(stack) as database:
        for age in ("-91 days", "-89 days"):
            said = ("upkeep.test", f'{{"of": "{age}"}}')
            database.execute(f"insert into logs (action, json, dttm) values (?, ?, datetime('now', '{age}'))", said)
        for key, ends in (("permalink", "null"), ("over", "datetime('now', '-2 days')"), ("open", "'2999-01-01'")):
            resource = "dashboard_permalink" if key == "permalink" else f"upkeep.test.{key}"
            database.execute(
                "insert into key_value (resource, value, uuid, created_on, expires_on)"
                f" values (?, x'00', randomblob(16), datetime('now', '-31 days'), {ends})",
                (resource,),
            )
    _run(stack, TIDY)
    with _metadata(stack) as database:
        assert database.execute(kept.format("logs", "action"), ("upkeep.test",)).fetchone() == (1,)
        assert database.execute("select count(*) from logs where json is not null").fetchone() == (0,)
        entries = {name for (name,) in database.execute("select resource from key_value")}
        database.execute("delete from logs where action = 'upkeep.test'")
        database.execute("delete from key_value where resource like 'upkeep.test%'")
    assert "upkeep.test.open" in entries
    assert not {"upkeep.test.over", "dashboard_permalink"} & entries


def test_results_in_files_end_with_their_time(stack: Stack, tmp_path: Path) -> None:
    code = f"""
import os, time, results
cache = results.FileResults({str(tmp_path)!r}, default_timeout=300)
cache.set("old", 1, timeout=1)
cache.set("new", 2)
time.sleep(2.1)
cache.forget_expired()
print(cache.get("old"), cache.get("new"), len(os.listdir({str(tmp_path)!r})))
"""
    assert _run(stack, code).split() == ["None", "2", "2"]  # the second file counts the others


def test_a_log_line_holds_the_words_of_the_code_and_no_value(stack: Stack) -> None:
    code = f"""
import logging, sys
import journal
handler = logging.StreamHandler(sys.stdout)
handler.setFormatter(journal.Told())
log = logging.getLogger("pyhive.hive")
log.addHandler(handler)
log.error("%s", "SELECT '{CANARY}'")
log.error("SELECT '{CANARY}'")
try:
    try:
        raise ValueError("{CANARY}")
    except ValueError as error:
        raise KeyError("{CANARY}") from error
except KeyError:
    log.exception("Asking for %s failed", "{CANARY}")
"""
    lines = _run(stack, code).strip().splitlines()
    kinds = "(KeyError in <module>:14) (ValueError in <module>:12)"
    assert [line.split(" ", 5)[2:] for line in lines] == [
        ["ERROR", "pyhive.hive", "<string>:8", "%s"],
        ["ERROR", "pyhive.hive", "<string>:9"],
        ["ERROR", "pyhive.hive", "<string>:16", f"Asking for %s failed {kinds}"],
    ]


def test_what_the_server_keeps_is_its_owners_alone(stack: Stack) -> None:
    open_to_others = [file for file in _home(stack).rglob("*") if file.stat().st_mode & 0o077]
    assert open_to_others == []
