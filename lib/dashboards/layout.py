"""The positions of charts on a dashboard: Superset's tree of rows, in a grid of twelve columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lib.dashboards.specs import Chart, Dashboard, Row

COLUMNS = 12
PIXELS_PER_UNIT = 8
ROOT, GRID = "ROOT_ID", "GRID_ID"
TRANSPARENT = "BACKGROUND_TRANSPARENT"
# Small, quiet headings. The page does not show when its definition was changed: beside the title, readers would take it
# for the age of the figures. An empty chart says what that may mean; Superset has no setting for it.
STYLE = """
.dashboard .dashboard-component-header { padding: 0; font-weight: 500; color: #4a4a4a; }
[data-test="metadata-bar"] { display: none !important; }
.dashboard [role="img"][aria-label="empty"] + div > p { font-size: 0; }
.dashboard [role="img"][aria-label="empty"] + div > p:first-child::after {
  font-size: 14px; content: "Nothing to show";
}
.dashboard [role="img"][aria-label="empty"] + div > p:last-child::after {
  font-size: 12px; content: "Nothing happened here, or too few persons to be counted apart";
}
""".strip()


def position(dashboard: Dashboard, uuids: Mapping[str, str], numbers: Mapping[str, int]) -> dict[str, Any]:
    """The tree. `numbers` are invented: an import replaces them by Superset's own, found by UUID."""
    tree: dict[str, Any] = {
        "DASHBOARD_VERSION_KEY": "v2",
        ROOT: {"type": "ROOT", "id": ROOT, "children": [GRID]},
        GRID: {"type": "GRID", "id": GRID, "parents": [ROOT], "children": []},
        "HEADER_ID": {"type": "HEADER", "id": "HEADER_ID", "meta": {"text": dashboard.title}},
    }
    for number, row in enumerate(dashboard.rows, start=1):
        for name, element in _elements(number, row, uuids, numbers).items():
            tree[name] = element
            if element["parents"] == [ROOT, GRID]:
                tree[GRID]["children"].append(name)
    return tree


def _elements(number: int, row: Row, uuids: Mapping[str, str], numbers: Mapping[str, int]) -> dict[str, Any]:
    name = f"ROW-{number}"
    elements: dict[str, Any] = {}
    if row.heading:
        elements[f"HEADER-{number}"] = _heading(f"HEADER-{number}", row.heading)
    elements[name] = {
        "type": "ROW",
        "id": name,
        "parents": [ROOT, GRID],
        "children": [f"CHART-{chart.slug}" for chart in row.charts],
        "meta": {"background": TRANSPARENT},
    }
    for chart in row.charts:
        element = _chart(chart, row, uuids[chart.slug], numbers[chart.slug])
        elements[element["id"]] = {**element, "parents": [ROOT, GRID, name]}
    return elements


def _heading(name: str, text: str) -> dict[str, Any]:
    meta = {"text": text, "headerSize": "SMALL_HEADER", "background": TRANSPARENT}
    return {"type": "HEADER", "id": name, "parents": [ROOT, GRID], "children": [], "meta": meta}


def _chart(chart: Chart, row: Row, uuid: str, number: int) -> dict[str, Any]:
    meta = {
        "chartId": number,
        "uuid": uuid,
        "sliceName": chart.title,
        "width": chart.width,
        "height": row.height // PIXELS_PER_UNIT,
    }
    return {"type": "CHART", "id": f"CHART-{chart.slug}", "children": [], "meta": meta}
