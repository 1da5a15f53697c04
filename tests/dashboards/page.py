"""A dashboard in a browser, as a person sees it."""

from __future__ import annotations

import io
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response

from tests.dashboards.stack import DASHBOARDS, Stack

LAPTOP = {"width": 1366, "height": 768}
TALL = {"width": 1366, "height": 2600}
SECONDS = 60


@dataclass
class Seen:
    """What happened while a person looked at a dashboard."""

    page: Page
    errors: list[str] = field(default_factory=list)
    answers: dict[int, Any] = field(default_factory=dict)
    seconds: dict[int, float] = field(default_factory=dict)
    first_paint: float = 0.0

    def listen(self) -> None:
        """Keep errors and answers from now on."""
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.errors.append(f"{response.status} {response.url}")
        if "/api/v1/chart/data" in response.url and response.request.method == "POST":
            form = parse_qs(urlparse(response.url).query).get("form_data", ["{}"])[0]
            number = json.loads(form).get("slice_id")
            if number and response.ok:
                self.answers[number] = response.json()["result"]
                timing = response.request.timing
                self.seconds[number] = (timing["responseEnd"] - timing["requestStart"]) / 1000

    def chart(self, number: int) -> Any:
        """The place of a chart on the page."""
        return self.page.locator(f'[data-test="chart-grid-component"][data-test-chart-id="{number}"]')


def log_in(browser: Browser, stack: Stack, user: str) -> BrowserContext:
    """Log in as a person does."""
    context = browser.new_context(viewport=TALL, locale="en-US", timezone_id="UTC")  # type: ignore[arg-type]  # a dictionary of two sizes
    page = context.new_page()
    page.goto(f"{stack.url}/login/")
    page.fill('[data-test="username-input"]', user)
    page.fill('[data-test="password-input"]', stack.passwords[user])
    page.click('[data-test="login-button"]')
    page.wait_for_url(lambda url: "/login" not in url, timeout=90_000)  # the first one loads Superset
    page.close()
    return context


def look(context: BrowserContext, stack: Stack, slug: str) -> Seen:
    """Open a dashboard and wait until each chart has its data."""
    seen = Seen(context.new_page())
    seen.listen()
    began = time.monotonic()
    seen.page.goto(f"{stack.url}/superset/dashboard/{slug}/")
    seen.page.wait_for_selector('[data-test="dashboard-header-container"]', timeout=SECONDS * 1000)
    numbers = {stack.chart_ids[slug, chart.slug] for chart in DASHBOARDS[slug].charts}
    wait_for(seen, lambda: numbers <= set(seen.answers), "answers")
    wait_for(seen, lambda: all(rendered(seen, number) for number in numbers), "charts")
    seen.first_paint = time.monotonic() - began
    return seen


def wait_for(seen: Seen, ready: Any, what: str) -> None:
    """Wait while the page goes on; on a timeout, show the messages of the page."""
    until = time.monotonic() + SECONDS
    while not ready():
        assert time.monotonic() < until, f"no {what}: {seen.errors}"
        seen.page.wait_for_timeout(100)


def rendered(seen: Seen, number: int) -> bool:
    """Whether a chart is on the page and complete."""
    place = seen.chart(number)
    has_content = place.locator(f"#chart-id-{number} > *").count() > 0
    return bool(has_content and place.locator('[data-test="loading-indicator"]').count() == 0)


def keep(page: Page, file: Path, height: int) -> None:
    """A picture of the page, as a laptop shows it when scrolled through."""
    page.wait_for_timeout(1500)  # charts come with a movement
    page.mouse.move(2, 2)
    picture = Image.open(io.BytesIO(page.screenshot(clip={"x": 0, "y": 0, "width": LAPTOP["width"], "height": height})))
    file.parent.mkdir(parents=True, exist_ok=True)
    picture.convert("RGB").quantize(dither=Image.Dither.NONE).save(file, optimize=True)  # a third of the bytes
