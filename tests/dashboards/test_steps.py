"""The checks of a viewer's question before it is asked; no server is started."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from lib.dashboards.servers import SERVER, VENV

JUDGED = "import json, questions, sys; print(json.dumps(list(questions.excesses(json.loads(sys.stdin.read())))))"
WITHOUT = "import json, questions, sys; print(json.dumps(questions.as_a_viewers(json.loads(sys.stdin.read()))))"
STEP, STEPS = "a step after the query that no dashboard needs", "too many steps after the query"
PERIOD = "an unknown time range"
# As the pages of the dashboards send them.
TREND = [
    {
        "operation": "pivot",
        "options": {
            "index": ["period_start"],
            "columns": ["quarter"],
            "aggregates": {"revenue": {"operator": "mean"}},
            "drop_missing_columns": False,
        },
    },
    {"operation": "rename", "options": {"columns": {"revenue": None}, "level": 0, "inplace": True}},
    None,
    {"operation": "sort", "options": {"is_sort_index": True, "ascending": False}},
    {"operation": "flatten"},
]
HEATMAP = [{"operation": "rank", "options": {"metric": "violations", "group_by": "rule"}}]
MEAN = {"rolling_type": "mean", "window": 7, "min_periods": 0, "columns": {"revenue": "revenue"}}
FILLED = {"method": "asfreq", "rule": "1D", "fill_value": 0}


def _ran(code: str, question: Any) -> Any:
    done = subprocess.run(
        [str(VENV / "bin/python"), "-c", code],
        env={"PYTHONPATH": str(SERVER)},
        input=json.dumps(question),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def _step(operation: str, **options: Any) -> list[dict[str, Any]]:
    return [{"operation": operation, "options": options}]


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"post_processing": TREND},
        {"post_processing": HEATMAP},
        {"post_processing": [*_step("rolling", **MEAN), *_step("resample", **FILLED)]},
        {"time_range": 'DATEADD(DATETIME("2024-02-01T00:00:00.000000"), -1, month) : 2024-03-01'},
        {"time_range": "Last quarter", "time_offsets": ["1 year ago"]},
    ],
)
def test_what_a_page_asks_is_allowed(query: dict[str, Any]) -> None:
    assert _ran(JUDGED, [query] * 5) == []


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"post_processing": _step("rolling", **{**MEAN, "window": 1001})}, [STEP]),
        ({"post_processing": _step("rolling", **{**MEAN, "rolling_type": "apply"})}, [STEP]),
        ({"post_processing": _step("histogram", column="revenue", groupby=[], bins=10**8)}, [STEP]),
        ({"post_processing": _step("resample", **{**FILLED, "rule": "1S"})}, [STEP]),
        ({"post_processing": _step("prophet", periods=1)}, [STEP]),
        ({"post_processing": _step("pivot", index=["a", "b", "c"], columns=[], aggregates={})}, [STEP]),
        ({"post_processing": ["flatten"]}, [STEP]),
        ({"post_processing": [{"operation": "flatten"}] * 11}, [STEPS]),
        ({"time_offsets": ["1 year ago"] * 6}, ["too many times to compare with"]),
        ({"time_range": 'HOLIDAY("x", DATETIME("now"), "France") : now'}, [PERIOD]),
        ({"time_range": "Last 99999 years"}, [PERIOD]),
        ({"time_range": "DATETIME(" * 11 + " : now"}, [PERIOD]),
        ({"filters": [{"col": "day", "op": "TEMPORAL_RANGE", "val": "SLEEP(1) : now"}]}, [PERIOD]),
        ({"extras": {"where": "1 = 1"}}, ["text of SQL"]),
    ],
)
def test_what_costs_more_than_a_dashboard_is_refused(query: dict[str, Any], said: list[str]) -> None:
    assert _ran(JUDGED, [query]) == said


def test_six_queries_are_too_many() -> None:
    assert _ran(JUDGED, [{}] * 6) == ["too many queries"]


def test_a_viewer_does_not_say_how_long_an_answer_is_kept() -> None:
    asked = {"queries": [{}], "custom_cache_timeout": 10**9}
    assert _ran(WITHOUT, asked) == {"queries": [{}], "custom_cache_timeout": None}
