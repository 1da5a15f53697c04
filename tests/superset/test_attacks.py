"""What a viewer may try, and is refused."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from lib.dashboards.client import Client
from tests.superset.stack import Stack

pytestmark = pytest.mark.e2e
VIEWERS = ("executive", "sales_manager_asia", "data_engineer")
CLOSED = {400, 401, 403, 404, 405}
COUNT = {"expressionType": "SQL", "label": "rows", "sqlExpression": "COUNT(*)"}
# Method and path below /api/v1/; CHART, DASHBOARD and DATASET stand for numbers of what the viewer does see or use.
API = (
    ("POST", "sqllab/execute/"),
    ("GET", "sqllab/"),
    ("GET", "database/"),
    ("GET", "database/1"),
    ("GET", "database/1/schemas/"),
    ("GET", "database/1/tables/?q=(schema_name:mart_sales)"),
    ("POST", "database/"),
    ("POST", "database/test_connection/"),
    ("PUT", "database/1"),
    ("GET", "dataset/"),
    ("GET", "dataset/DATASET"),
    ("PUT", "dataset/DATASET"),
    ("POST", "dataset/"),
    ("PUT", "dataset/DATASET/refresh"),
    ("GET", "dataset/export/?q=!(DATASET)"),
    ("GET", "datasource/table/DATASET/column/region/values/"),
    ("POST", "chart/"),
    ("PUT", "chart/CHART"),
    ("DELETE", "chart/CHART"),
    ("GET", "chart/CHART/data/"),
    ("GET", "chart/export/?q=!(CHART)"),
    ("POST", "dashboard/"),
    ("PUT", "dashboard/DASHBOARD"),
    ("DELETE", "dashboard/DASHBOARD"),
    ("GET", "dashboard/export/?q=!(DASHBOARD)"),
    ("POST", "dashboard/DASHBOARD/copy/"),
    ("POST", "dashboard/DASHBOARD/embedded"),
    ("GET", "assets/export/"),
    ("POST", "assets/import/"),
    ("POST", "dashboard/import/"),
    ("GET", "rowlevelsecurity/"),
    ("POST", "rowlevelsecurity/"),
    ("DELETE", "rowlevelsecurity/1"),
    ("GET", "security/users/"),
    ("POST", "security/users/"),
    ("GET", "security/roles/"),
    ("POST", "security/roles/"),
    ("POST", "security/roles/1/permissions"),
    ("GET", "security/permissions-resources/"),
    ("POST", "security/guest_token/"),
    ("GET", "query/"),
    ("GET", "saved_query/"),
    ("GET", "log/"),
    ("GET", "report/"),
    ("GET", "css_template/1"),
    ("POST", "explore/form_data"),
    ("GET", "explore/?slice_id=CHART"),
    ("GET", "_openapi"),
)
PAGES = (
    "/sqllab/",
    "/explore/?slice_id=CHART",
    "/superset/explore_json/?form_data=%7B%22slice_id%22%3ACHART%7D",
    "/datasource/samples?force=false&datasource_type=table&datasource_id=DATASET",
    "/tablemodelview/list/",
    "/databaseview/list/",
    "/users/list/",
    "/roles/list/",
    "/rowlevelsecurity/list/",
    "/logmodelview/list/",
    "/swagger/v1",
)


def _seen(stack: Stack, viewer: str) -> tuple[str, str, str]:
    """A dashboard that the viewer sees, one of its charts, and its table."""
    if viewer == "data_engineer":
        return "operations", "failed", "mart_operations/runs"
    return "sales", "revenue", "mart_sales/monthly"


def _real(stack: Stack, viewer: str, path: str) -> str:
    dashboard, chart, table = _seen(stack, viewer)
    numbers = {
        "CHART": stack.chart_ids[dashboard, chart],
        "DASHBOARD": stack.dashboard_ids[dashboard],
        "DATASET": stack.dataset_ids[table],
    }
    for word, number in numbers.items():
        path = path.replace(word, str(number))
    return path


@pytest.mark.parametrize("viewer", VIEWERS)
def test_nothing_but_dashboards_answers(stack: Stack, viewer: str) -> None:
    client = stack.client(viewer)
    answers = {}
    for method, path in API:
        body: dict[str, Any] = {"json": {}} if method in {"POST", "PUT"} else {}
        answers[method, path] = client.ask(method, _real(stack, viewer, path), **body).status_code
    assert {asked: code for asked, code in answers.items() if code not in CLOSED} == {}
    forbidden = [code for code in answers.values() if code in {401, 403, 404}]
    assert len(forbidden) > len(API) - 8  # the others are refused for their empty bodies


@pytest.mark.parametrize("viewer", VIEWERS)
def test_no_page_but_dashboards_opens(stack: Stack, viewer: str) -> None:
    client = stack.client(viewer)
    opened = {}
    for path in PAGES:
        answer = client.session.get(stack.url + _real(stack, viewer, path), allow_redirects=False)
        opened[path] = (answer.status_code, answer.headers.get("Location", ""))
    assert {path: found for path, found in opened.items() if found[0] == 200} == {}


HOSTILE: tuple[dict[str, Any], ...] = (
    {"metrics": [{**COUNT, "sqlExpression": "reflect('java.lang.System', 'getenv', 'HOME')"}]},
    {"metrics": [{**COUNT, "sqlExpression": "MAX(java_method('java.lang.System', 'getenv', 'HOME'))"}]},
    {"metrics": [{**COUNT, "sqlExpression": "MAX(input_file_name())"}]},
    {"metrics": [{**COUNT, "sqlExpression": "(SELECT MAX(revenue) FROM mart_sales.yearly)"}]},
    {"metrics": [{**COUNT, "sqlExpression": "(SELECT MAX(users) FROM mart_users.demographics)"}]},
    {"metrics": [{**COUNT, "sqlExpression": "MAX('${env:HOME}')"}]},
    {"metrics": [{**COUNT, "sqlExpression": "COUNT(*) FROM mart_users.churn --"}]},
    {"metrics": [{**COUNT, "sqlExpression": "COUNT(*) FROM mart_sales.monthly; DROP TABLE mart_sales.monthly; --"}]},
    {"columns": [{"expressionType": "SQL", "label": "x", "sqlExpression": "reflect('java.lang.System', 'exit', 0)"}]},
    {"columns": [{"expressionType": "SQL", "label": "x", "sqlExpression": "transform(region) using 'cat'"}]},
    {"metrics": [COUNT], "extras": {"where": "1 = 1) UNION SELECT users FROM mart_users.demographics --"}},
    {"metrics": [COUNT], "extras": {"where": "revenue > (SELECT MAX(users) FROM mart_users.demographics)"}},
    {"metrics": [COUNT], "extras": {"where": "EXISTS (SELECT 1 FROM text.`/etc/passwd`)"}},
    {"metrics": [COUNT], "extras": {"having": "reflect('java.lang.System', 'exit', 0) IS NULL"}},
    {"columns": ["region"], "metrics": [COUNT], "orderby": [["reflect('java.lang.System', 'exit', 0)", True]]},
)


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_a_hostile_question_in_the_name_of_an_own_chart_gets_no_answer(stack: Stack, number: int) -> None:
    answer = stack.asked(stack.client("sales_manager_asia"), "sales", "revenue", **HOSTILE[number])
    assert not answer.ok or _nothing_in(answer), answer.text[:400]


def _nothing_in(answer: requests.Response) -> bool:
    return all(result.get("error") or not result.get("data") for result in answer.json()["result"])


@pytest.mark.parametrize(
    "query",
    [
        {"extras": {"where": "1 = 1) OR (1 = 1"}},
        {"extras": {"where": "region = 'Europe' OR 1 = 1"}},
        {"filters": [{"col": "region", "op": "IN", "val": ["Europe", "Asia"]}]},
        {"filters": [{"col": "region", "op": "==", "val": "x') OR ('1' = '1"}]},
        {"is_rowcount": True},
        {"result_type": "samples"},
        {"result_type": "drill_detail"},
        {"columns": ["region"], "groupby": ["region"], "row_limit": 10_000},
        {"time_range": "1900 : 2100", "granularity": "period_start"},
    ],
    ids=str,
)
def test_no_question_reaches_the_rows_of_another_region(stack: Stack, query: dict[str, Any]) -> None:
    asked = {"columns": ["region"], "metrics": ["revenue"], **query}
    answer = stack.asked(stack.client("sales_manager_asia"), "sales", "revenue", **asked)
    assert "Europe" not in _rows_of(answer)


def _rows_of(answer: requests.Response) -> str:
    return "" if not answer.ok else str([result.get("data") for result in answer.json()["result"]])


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_rows_are_not_exported(stack: Stack, kind: str) -> None:
    asked = {"columns": ["region"], "metrics": ["revenue"], "result_format": kind}
    answer = stack.asked(stack.client("sales_manager_asia"), "sales", "revenue", **asked)
    assert answer.status_code == 403


def test_without_a_login_nothing_answers(stack: Stack) -> None:
    nobody = requests.Session()
    for path in (
        "/api/v1/dashboard/",
        "/api/v1/chart/",
        "/api/v1/me/",
        "/dashboard/list/",
        "/superset/dashboard/sales/",
    ):
        answer = nobody.get(stack.url + path, allow_redirects=False)
        listed = "json" in answer.headers["Content-Type"] and answer.json().get("count")
        assert answer.status_code in {301, 302, 308, 401, 403, 404} or listed == 0, (path, answer.status_code)
    question = stack.question("sales", "revenue", "mart_sales/monthly", metrics=[COUNT])
    assert nobody.post(f"{stack.url}/api/v1/chart/data", json=question).status_code in {401, 403}


def test_a_login_of_one_is_of_no_use_to_another(stack: Stack) -> None:
    client: Client = stack.client("data_engineer")
    client.session.headers["X-Forwarded-User"] = "executive"
    assert client.ask("GET", "dashboard/sales").status_code in {403, 404}


def test_pages_carry_their_protection(stack: Stack) -> None:
    answer = requests.get(f"{stack.url}/login/", timeout=30)
    policy = answer.headers["Content-Security-Policy"]
    assert "https:" not in policy
    assert "unsafe-eval" not in policy
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
