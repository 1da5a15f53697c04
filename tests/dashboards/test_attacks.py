"""Attempts of a viewer that are refused."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from lib.dashboards.client import Client
from tests.dashboards.stack import Stack

pytestmark = pytest.mark.e2e
VIEWERS = ("executive", "sales_manager_asia", "data_engineer")
CLOSED = {400, 401, 403, 404, 405}
COUNT = {"expressionType": "SQL", "label": "rows", "sqlExpression": "COUNT(*)"}
OR_TRUE = {"expressionType": "SQL", "label": "x", "sqlExpression": "1=1 OR region"}
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
    {"metrics": [{**COUNT, "sqlExpression": "MAX(VERSION())"}]},
    {"columns": ["region"], "metrics": [{**COUNT, "sqlExpression": "SUM(SUM(revenue)) OVER ()"}]},
    {"metrics": [{"expressionType": "SIMPLE", "label": "x", "column": {"column_name": "revenue"}, "aggregate": "MAX"}]},
    {"columns": ["1 = 1 OR region"], "metrics": ["revenue"]},
    {"columns": ["region"], "metrics": ["revenue"], "orderby": [["region, 1 = 1", True]]},
    {"columns": ["region"], "metrics": ["revenue"], "filters": [{"col": OR_TRUE, "op": "==", "val": "x"}]},
    {"columns": ["region"], "metrics": ["revenue"], "filters": [{"col": OR_TRUE, "op": "IN", "val": ["x"]}]},
    {"columns": ["region"], "metrics": ["revenue"], "filters": [{"col": OR_TRUE, "op": "IS NOT NULL"}]},
    {"columns": ["region"], "metrics": ["revenue"], "filters": [{"col": {"a": 1}, "op": "==", "val": "x"}]},
    {"columns": ["region"], "metrics": ["revenue"], "filters": [{"col": "region", "op": "==", "val": {"a": 1}}]},
    {"columns": ["region"], "metrics": ["revenue"], "filters": [{"col": "region", "op": "IN", "val": [["Asia"]]}]},
    {"columns": ["region"], "metrics": ["revenue"], "filters": [{"col": "revenue", "op": "==", "val": "x"}]},
    {"columns": ["region"], "metrics": ["revenue"], "filters": [{"col": "period_start", "op": ">", "val": 10**40}]},
    {"columns": ["region"], "metrics": ["revenue"], "filters": [{"col": "region", "op": "==", "val": "\ud800"}]},
    {"columns": ["region"], "metrics": ["revenue"], "extras": {"time_grain_sqla": "P7X"}},
    {"columns": ["region"], "metrics": ["revenue"], "extras": {"time_grain_sqla": "PT1S"}},
    {"columns": [{**OR_TRUE, "timeGrain": "P1D'); --", "columnType": "BASE_AXIS"}], "metrics": ["revenue"]},
    {"columns": ["region"], "metrics": ["revenue"], "time_range": "neither : nor", "granularity": "period_start"},
    {"columns": ["region"], "metrics": ["revenue"], "time_range": "2023-01-01 : 2022-01-01"},
    {"columns": ["region"], "metrics": ["revenue"], "time_range": "whenever", "granularity": "period_start"},
    {"columns": ["region"], "metrics": ["revenue"], "filters": [{"col": "is_complete", "op": "<=", "val": "x"}]},
    {"columns": ["region"], "metrics": ["revenue"], "row_limit": "x"},
    {"columns": ["region"], "metrics": "revenue"},
    {"columns": ["region"], "metrics": ["nothing"]},
    {"columns": ["region"], "metrics": ["revenue"], "series_columns": ["region"], "series_limit": 2},
    {"columns": ["region"], "metrics": ["revenue"], "post_processing": [{"operation": "pivot", "options": {"a": 1}}]},
    {"columns": ["region"], "metrics": ["revenue"], "datasource": {"id": 1, "type": "table"}},
)


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_a_hostile_question_in_the_name_of_an_own_chart_is_refused_in_one_sentence(stack: Stack, number: int) -> None:
    _assert_refused(stack.asked(stack.client("sales_manager_asia"), "sales", "revenue", **HOSTILE[number]))


def _assert_refused(answer: requests.Response) -> None:
    assert 400 <= answer.status_code < 500, answer.text[:400]
    sentence = answer.json()["message"]
    assert sentence.endswith(".")
    assert ". " not in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/lang/fr", None),
        ("GET", "/nothing", None),
        ("GET", "/api/v1/nothing", None),
        ("POST", "/api/v1/chart/data", []),
        ("POST", "/api/v1/chart/data", "x"),
        ("POST", "/api/v1/chart/data", {"form_data": 5}),
        ("POST", "/api/v1/chart/data", {"queries": [5]}),
        ("POST", "/api/v1/chart/data", {"queries": [{}], "datasource": {"id": "x", "type": "table"}}),
        ("GET", "/api/v1/dashboard/?q=(filters:!((col:nothing,opr:eq,value:1)))", None),
        ("GET", "/api/v1/dashboard/?q=!(", None),
        ("PUT", "/api/v1/dashboard/1/filter_state", [1]),
    ],
)
def test_what_cannot_be_answered_is_one_sentence(stack: Stack, method: str, path: str, body: Any) -> None:
    _assert_refused(stack.client("executive").session.request(method, stack.url + path, json=body, timeout=60))


@pytest.mark.parametrize(
    "form", [{"dashboardId": {"a": 1}}, {"slice_id": [1]}, {"slice_id": "x"}, {"slice_id": 10**30}]
)
def test_a_chart_that_has_no_number_is_no_chart(stack: Stack, form: dict[str, Any]) -> None:
    question = stack.question("sales", "revenue", "mart_sales/monthly", metrics=["revenue"])
    question["form_data"].update(form)
    _assert_refused(stack.client("sales_manager_asia").ask("POST", "chart/data", json=question))


def test_a_browser_that_asks_for_what_there_is_not_gets_a_page_that_fetches_nothing(stack: Stack) -> None:
    client = stack.client("executive")
    answer = client.session.get(f"{stack.url}/nothing", headers={"Accept": "text/html,*/*"}, timeout=60)
    assert answer.status_code == 404
    assert "//" not in answer.text


def test_what_the_saved_chart_holds_is_answered_and_only_in_its_name(stack: Stack) -> None:
    part = {
        "expressionType": "SQL",
        "label": "quarter",
        "sqlExpression": "CASE WHEN is_complete THEN 'Full' ELSE 'In part' END",
    }
    client, asked = (
        stack.client("sales_analyst"),
        {"columns": [part], "metrics": ["revenue"], "orderby": [["quarter", True]]},
    )
    answer = stack.asked(client, "sales", "quarters", **asked)
    assert [row["quarter"] for row in answer.json()["result"][0]["data"]] == ["Full", "In part"]
    _assert_refused(stack.asked(client, "sales", "revenue", **asked))
    other = {**part, "sqlExpression": "CASE WHEN is_complete THEN 'Full' ELSE region END"}
    _assert_refused(stack.asked(client, "sales", "quarters", columns=[other], metrics=["revenue"]))


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
