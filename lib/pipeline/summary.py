"""The summary at the end of a run: the rows by outcome, and a few queries on the new publication."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import yaml
from pyspark.sql import Row
from rich import box
from rich.console import Console
from rich.table import Table as Grid

from lib.build.reconciliation import OUTCOMES, Balance
from lib.delta.lake import Lake
from lib.delta.publication import Publication
from lib.pipeline.pipeline import Result

WIDTH = 100  # if the output is not a terminal


def show(lake: Lake, result: Result, console: Console | None = None) -> None:
    """Print the summary of a run that has published."""
    if result.publication is None:
        return
    console = console or _console()
    if result.balances:
        console.print(_batches(result.balances))
    for question in yaml.safe_load((lake.settings.contracts / "summary.yaml").read_text(encoding="utf-8")):
        rows = _answer(lake, result.publication, question["sql"])
        if rows:
            console.print(_grid(question["title"], rows))


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)


def _answer(lake: Lake, publication: Publication, sql: str) -> list[Row]:
    for path, version in publication.tables.items():
        table = lake.catalog[path]
        if table.name in sql:
            lake.tables.read(table, version).createOrReplaceTempView(table.name)
    return lake.spark.sql(sql).collect()


def _batches(balances: Sequence[Balance]) -> Grid:
    grid = _titled("Source rows by outcome")
    for name in ("batch", "rows in", *OUTCOMES):
        grid.add_column(name, justify="left" if name == "batch" else "right")
    for balance in balances:
        figures = (f"{balance.outcomes[name]:,}" for name in OUTCOMES)
        grid.add_row(balance.batch_id[:12], f"{balance.rows_in:,}", *figures)
    return grid


def _grid(title: str, rows: Sequence[Row]) -> Grid:
    grid = _titled(title)
    for name, value in rows[0].asDict().items():
        grid.add_column(name.replace("_", " "), justify="left" if isinstance(value, str) else "right")
    for row in rows:
        grid.add_row(*(_text(name, value) for name, value in row.asDict().items()))
    return grid


def _titled(title: str) -> Grid:
    return Grid(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, header_style="dim")


def _text(name: str, value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, Decimal):
        return f"{value:,.2f}" if "percent" not in name else f"{value} %"
    if isinstance(value, int) and name != "year":
        return f"{value:,}"
    return str(value)
