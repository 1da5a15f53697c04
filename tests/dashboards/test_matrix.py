"""Role by dashboard by dataset by region: allowed or refused exactly as `conf/roles.yaml` says."""

from __future__ import annotations

import pytest

from lib.dashboards import specs
from lib.dashboards.provision import ASSETS
from tests.dashboards.stack import CATALOG, DASHBOARDS, ROLES, SEES, Stack, regions

pytestmark = pytest.mark.e2e
COUNT = {"expressionType": "SQL", "label": "rows", "sqlExpression": "COUNT(*)"}
METRICS = {table: found[0].name for table, found in specs.load(ASSETS, CATALOG).metrics.items()}
# Of the tables without a region, a metric and what DuckDB must find.
COUNTED = {
    "mart_operations/runs": ("runs", "select count(*) from mart_operations.runs"),
    "mart_operations/quality": ("violations", "select sum(violations) from mart_operations.quality"),
}
FIRST = {
    table: (slug, chart.slug)
    for slug, dashboard in DASHBOARDS.items()
    for chart in dashboard.charts
    for table in [chart.table]
}


@pytest.mark.parametrize("role", ROLES.by_name)
def test_a_role_sees_its_dashboards_and_no_other(stack: Stack, role: str) -> None:
    client = stack.client(role)
    listed = {entry["slug"] for entry in client.all("dashboard/")}
    assert listed == {slug for slug in DASHBOARDS if SEES[role, slug]}
    for slug in DASHBOARDS:
        for part in ("", "/charts", "/datasets"):
            assert client.ask("GET", f"dashboard/{slug}{part}").ok == SEES[role, slug], (slug, part)


@pytest.mark.parametrize("role", ROLES.by_name)
def test_a_role_reads_the_tables_and_regions_of_its_dashboards_only(stack: Stack, role: str) -> None:
    client, published = stack.client(role), stack.published()
    for table, (slug, chart) in FIRST.items():
        by_region = ROLES.column in published[table].column_names
        metric, expected = (METRICS[table], "") if by_region else COUNTED[table]
        asked = {"columns": ["region"] if by_region else [], "metrics": [metric]}
        answer = stack.asked(client, slug, chart, **asked)
        if not SEES[role, slug]:
            assert answer.status_code == 403, (table, answer.text[:300])
        elif by_region:
            allowed = set(published[table]["region"].to_pylist())
            own = ROLES.by_name[role].rows
            assert regions(answer) == (allowed & set(own) if own else allowed), table
        else:
            assert answer.json()["result"][0]["data"] == [{metric: stack.figures(expected)[0][0]}]


@pytest.mark.parametrize("role", ROLES.by_name)
def test_no_table_is_read_but_through_a_dashboard(stack: Stack, role: str) -> None:
    client = stack.client(role)
    for table in stack.dataset_ids:
        slug, chart = FIRST.get(table, ("sales", "revenue"))
        question = stack.question(slug, chart, table, metrics=[COUNT])
        question["form_data"] = {}
        assert client.ask("POST", "chart/data", json=question).status_code == 403, table


def test_a_table_is_not_read_in_the_name_of_a_chart_of_another(stack: Stack) -> None:
    question = stack.question("sales", "revenue", "mart_users/churn", metrics=[COUNT])
    assert stack.client("sales_analyst").ask("POST", "chart/data", json=question).status_code == 403


def test_every_mart_is_a_dataset_and_nothing_else(stack: Stack) -> None:
    assert set(stack.dataset_ids) == {table.path for table in CATALOG if table.layer.startswith("mart_")}


def test_the_administrator_sees_no_row(stack: Stack) -> None:
    answer = stack.asked(stack.admin, "sales", "revenue", columns=["region"], metrics=["revenue"])
    assert regions(answer) == set()
