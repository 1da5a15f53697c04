"""Every role in a real browser: each chart has its data, and the figures are those that were published."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.dashboards.figures import EXPECTED, PLACES
from tests.dashboards.page import LAPTOP, Seen, keep, log_in, look, wait_for
from tests.dashboards.stack import DASHBOARDS, PICTURES, ROLES, SEES, Stack

pytestmark = pytest.mark.e2e
HEIGHTS = {"sales": 2050, "users": 1770, "operations": 1720}
SHOWN = {("executive", "sales"), ("executive", "users"), ("dpo", "operations"), ("sales_manager_europe", "sales")}


@pytest.fixture(scope="module", params=list(ROLES.by_name))
def viewer(request: pytest.FixtureRequest, browser: Browser, stack: Stack) -> Iterator[tuple[str, BrowserContext]]:
    context = log_in(browser, stack, request.param)
    yield request.param, context
    context.close()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(PICTURES).absolute() if PICTURES else tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="module")
def times() -> Iterator[dict[str, list[float]]]:
    """Seconds until the whole page, and until each chart's data; printed at the end."""
    found: dict[str, list[float]] = {"page": [], "warm page": [], "data": [], "warm data": []}
    yield found
    for name, seconds in found.items():
        ordered = sorted(seconds)
        if ordered:
            p95 = ordered[math.ceil(len(ordered) * 0.95) - 1]
            print(f"{name}: n={len(ordered)} median={ordered[len(ordered) // 2]:.2f} s p95={p95:.2f} s")  # noqa: T201 - shown by pytest -rP


@pytest.mark.parametrize("slug", DASHBOARDS)
def test_what_a_role_sees(
    stack: Stack,
    viewer: tuple[str, BrowserContext],
    slug: str,
    pictures: Path,
    times: dict[str, list[float]],
) -> None:
    role, context = viewer
    if not SEES[role, slug]:
        _assert_refused(context, stack, slug)
        return
    seen = look(context, stack, slug)
    times["page"].append(seen.first_paint)
    times["data"] += seen.seconds.values()
    _assert_sound(seen, stack, slug)
    _assert_figures(seen, stack, slug, role)
    if (role, slug) in SHOWN:
        keep(seen.page, pictures / f"{slug}-{role}.png", HEIGHTS[slug])
    seen.page.close()
    if role == "executive":
        warm = look(context, stack, slug)
        times["warm page"].append(warm.first_paint)
        times["warm data"] += warm.seconds.values()
        warm.page.close()


def _assert_refused(context: BrowserContext, stack: Stack, slug: str) -> None:
    page = context.new_page()
    page.goto(f"{stack.url}/superset/dashboard/{slug}/")
    page.wait_for_timeout(1000)
    assert page.locator('[data-test="chart-grid-component"]').count() == 0
    page.close()


def _assert_sound(seen: Seen, stack: Stack, slug: str) -> None:
    assert seen.errors == []
    for chart in DASHBOARDS[slug].charts:
        place = seen.chart(stack.chart_ids[slug, chart.slug])
        assert place.locator('[role="alert"]').count() == 0, chart.slug
        assert place.locator('[role="img"][aria-label="empty"]').count() == 0, chart.slug
        assert place.inner_text().startswith(chart.title), chart.slug


def _assert_figures(seen: Seen, stack: Stack, slug: str, role: str) -> None:
    for chart, sql in EXPECTED[slug].items():
        expected = [value for row in stack.figures(sql, role) for value in row[1:]]
        found = _figures(seen.answers[stack.chart_ids[slug, chart]])
        assert _counted(found) == pytest.approx(_counted(expected), rel=1e-5), chart


def _figures(results: Any) -> list[Any]:
    return [value for row in results[0]["data"] for name, value in row.items() if name not in PLACES]


def _instant(value: Any) -> Any:
    """A day or time given as text, in milliseconds like those given as numbers."""
    if not isinstance(value, str):
        return value
    return dt.datetime.fromisoformat(value).replace(tzinfo=dt.timezone.utc).timestamp() * 1000


def _counted(values: list[Any]) -> list[float]:
    """Figures in one order; nothing and zero are the same on a chart."""
    numbers = [float(_instant(v)) for v in values if v is not None and not isinstance(v, bool)]
    return sorted(number for number in numbers if number and not math.isnan(number))


def test_the_figures_on_the_screen_are_those_of_the_tables(stack: Stack, browser: Browser) -> None:
    context = log_in(browser, stack, "executive")
    seen = look(context, stack, "sales")
    for chart, written in (
        ("revenue", "${:,.0f}"),
        ("orders", "{:,.0f}"),
        ("order_value", "${:,.2f}"),
        ("buyers", "{:,.0f}"),
    ):
        (_, before), (_, last) = sorted(stack.figures(EXPECTED["sales"][chart]))[-2:]
        text = seen.chart(stack.chart_ids["sales", chart]).inner_text()
        assert written.format(float(last)) in text, chart
        assert f"{(float(last) - float(before)) / float(before):+.1%}" in text, chart
    best = sorted(stack.figures(EXPECTED["sales"]["products"]), key=lambda row: -row[1])[:5]
    table = seen.chart(stack.chart_ids["sales", "products"]).inner_text()
    for product, revenue, *_ in best:
        assert product in table
        assert f"${revenue:,.0f}" in table
    context.close()


def test_a_region_chosen_in_the_filter_holds_for_every_chart(stack: Stack, browser: Browser) -> None:
    context = log_in(browser, stack, "executive")
    seen = look(context, stack, "sales")
    seen.answers.clear()
    box = seen.page.locator('[data-test="form-item-value"]').nth(1)
    box.click()
    seen.page.locator(".ant-select-item-option", has_text="Europe").first.click()
    seen.page.keyboard.press("Escape")
    seen.page.click('[data-test="filter-bar__apply-button"]')
    wait_for(seen, lambda: len(seen.answers) == len(list(DASHBOARDS["sales"].charts)), "answers")
    _assert_figures(seen, stack, "sales", "sales_manager_europe")
    assert seen.errors == []
    context.close()


def test_the_first_screen_of_a_laptop_shows_the_figures(stack: Stack, browser: Browser, pictures: Path) -> None:
    context = log_in(browser, stack, "executive")
    seen = look(context, stack, "sales")
    seen.page.set_viewport_size(LAPTOP)  # type: ignore[arg-type]  # a dictionary of two sizes
    for chart in ("revenue", "orders", "order_value", "buyers", "last_year", "trend"):
        box = seen.chart(stack.chart_ids["sales", chart]).bounding_box()
        assert box is not None
        assert box["y"] < LAPTOP["height"]
        assert box["x"] + box["width"] <= LAPTOP["width"]
    keep(seen.page, pictures / "sales-first-screen.png", LAPTOP["height"])
    context.close()
