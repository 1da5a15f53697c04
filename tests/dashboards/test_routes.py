"""Every route of Superset, and a judgement of each: who may ask it.

`routes.csv` is the judgement, a line for a method and a rule: `anybody` before a login, `viewer` after it, else the
`administrator` alone; and the status that a viewer's plain question gets (PK stands for the number of a dashboard that
the viewer sees, other numbers are 1, and the request is empty). After an update of Superset, judge the new routes.
"""

from __future__ import annotations

import csv
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from lib.dashboards.client import Client
from lib.dashboards.servers import SERVER, VENV
from tests.dashboards.stack import Stack

pytestmark = pytest.mark.e2e
VIEWER = "sales_manager_asia"
LIST = """
import json, logging
logging.disable()
from superset.app import create_app
rules = create_app().url_map.iter_rules()
print(json.dumps([[method, rule.rule] for rule in rules for method in rule.methods - {"HEAD", "OPTIONS"}]))
"""
PARAMETER = re.compile(r"<(?:([a-z_]+)(?:\([^)]*\))?:)?([a-z_]+)>")
QUESTION = {"/api/v1/time_range/": "?q='Last week'", "/api/v1/dashboard/favorite_status/": "?q=!(999)"}
OWN = {"id_or_slug": "sales", "dashboard_id_or_slug": "sales", "locale": "fr", "lang": "fr", "filename": "nothing.js"}


@dataclass(frozen=True)
class Route:
    """A method and a rule, who may ask it, and the status of a viewer's plain question."""

    method: str
    rule: str
    judgement: str
    status: int

    def path(self, dashboard: int) -> str:
        """A path of this rule."""
        number = str(dashboard) if self.rule.startswith("/api/v1/dashboard/") else "1"
        return PARAMETER.sub(lambda found: OWN.get(found[2], number), self.rule) + QUESTION.get(self.rule, "")

    @property
    def body(self) -> dict[str, str] | None:
        """What is sent: nothing, or an empty object."""
        return None if self.method in {"GET", "DELETE"} or self.rule == "/api/v1/chart/data" else {}

    @property
    def ends_the_login(self) -> bool:
        """Whether nothing can be asked after it."""
        return "logout" in self.rule


def _judged() -> list[Route]:
    with Path(__file__).with_name("routes.csv").open(encoding="utf-8", newline="") as file:
        return [Route(r["method"], r["rule"], r["judgement"], int(r["status"])) for r in csv.DictReader(file)]


JUDGED = _judged()


def _listed(folder: Path) -> set[tuple[str, str]]:
    """All routes of an application of Superset that is set up like ours."""
    (folder / "superset.key").write_text("0" * 64, encoding="utf-8")
    places = {"SUPERSET_HOME": "", "LAKEHOUSE_SUPERSET_HOME": "", "LAKEHOUSE_SECRETS": ""}
    environment = {"PYTHONPATH": str(SERVER), **dict.fromkeys(places, str(folder))}
    command = [str(VENV / "bin/python"), "-c", LIST]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return {(method, rule) for method, rule in json.loads(done.stdout.splitlines()[-1])}


def test_somebody_has_judged_every_route(tmp_path: Path) -> None:
    judged = [(route.method, route.rule) for route in JUDGED]
    assert len(judged) == len(set(judged))
    listed = _listed(tmp_path)
    assert sorted(listed - set(judged)) == [], "judge these in routes.csv, and open them in viewers.py if need be"
    assert sorted(set(judged) - listed) == [], "these are gone"


def test_a_viewer_gets_the_answer_that_was_judged(stack: Stack) -> None:
    client, dashboard = stack.client(VIEWER), stack.dashboard_ids["sales"]
    found = {}
    for route in sorted(JUDGED, key=lambda route: route.ends_the_login):
        status = _status(client.session, stack.url, route, dashboard)
        if status != route.status:
            found[route.method, route.rule] = (status, route.status)
    assert found == {}


def test_nobody_gets_more_than_the_login(stack: Stack) -> None:
    found = {}
    for route in JUDGED:
        answer = requests.request(
            route.method, stack.url + route.path(1), json=route.body, allow_redirects=False, timeout=60
        )
        goes_to_login = answer.is_redirect and answer.headers["Location"].partition("?")[0] in {"/login/", START}
        if route.judgement != "anybody" and not (goes_to_login or answer.status_code in {400, 401}):
            found[route.method, route.rule] = answer.status_code
    assert found == {}


START = "/dashboard/list/"  # from where one is sent on to the login


def _status(session: requests.Session, url: str, route: Route, dashboard: int) -> int:
    asked = session.request(
        route.method, url + route.path(dashboard), json=route.body, allow_redirects=False, timeout=60
    )
    return asked.status_code


def test_a_method_that_only_looks_is_judged_as_its_rule(stack: Stack) -> None:
    session = stack.client(VIEWER).session
    assert session.head(f"{stack.url}/api/v1/security/users/", timeout=60).status_code == 403
    assert session.options(f"{stack.url}/api/v1/security/users/", timeout=60).status_code == 401


def test_a_refusal_is_one_sentence(stack: Stack) -> None:
    session = stack.client(VIEWER).session
    for path in ("/api/v1/security/users/", "/lang/fr"):
        assert session.get(stack.url + path, timeout=60).json() == {"message": "This is not part of your dashboards."}
    page = session.get(f"{stack.url}/user_info/", headers={"Accept": "text/html"}, timeout=60)
    assert (page.status_code, page.text) == (403, "This is not part of your dashboards.")


def test_the_administrator_is_not_shut_out(stack: Stack) -> None:
    client: Client = stack.admin
    assert client.ask("GET", "security/users/").status_code == 200
    assert client.ask("GET", "rowlevelsecurity/").status_code == 200
