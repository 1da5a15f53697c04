"""The content of the files below `superset/assets/`: metrics by table, and dashboards in the order of the page.

A dashboard is a list of rows, a row a list of charts. Tables, columns, types and their meaning come from the contracts
and are not repeated here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import yaml

from lib.contracts.model import Catalog, Table
from lib.errors import UsageError, nearest

Part = TypeVar("Part")


@dataclass(frozen=True)
class Metric:
    """A figure of a table: its SQL, its format, and its description."""

    name: str
    label: str
    sql: str
    format: str
    description: str = ""


@dataclass(frozen=True)
class Filter:
    """A filter of a dashboard: a period if it names no column, else one value of a column or several."""

    name: str
    table: str = ""
    column: str = ""
    several: bool = True
    description: str = ""
    not_for: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chart:
    """A chart: the question it answers, its table, its kind and Superset's own parameters for it.

    `where` are conditions `[column, operator, value]`. `period` is the column that a dashboard's period restricts:
    by default the table's own, and none if it is empty.
    """

    slug: str
    title: str
    table: str
    kind: str
    width: int
    description: str
    period: str | None = None
    where: tuple[tuple[str, str, Any], ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """Charts side by side, under a heading if there is one; `height` in pixels.

    A heading, like a description, may name parameters of the (first) chart's table.
    """

    height: int
    charts: tuple[Chart, ...]
    heading: str = ""


@dataclass(frozen=True)
class Dashboard:
    """One page."""

    slug: str
    title: str
    description: str
    rows: tuple[Row, ...]
    filters: tuple[Filter, ...] = ()
    colours: Mapping[str, str] = field(default_factory=dict)

    @property
    def charts(self) -> Iterator[Chart]:
        """All charts, in the order of the page."""
        for row in self.rows:
            yield from row.charts

    @property
    def tables(self) -> set[str]:
        """The tables that its charts and filters read."""
        return {chart.table for chart in self.charts} | {f.table for f in self.filters if f.table}

    @property
    def marts(self) -> set[str]:
        """The marts of these tables: a viewer of the dashboard may read all of them."""
        return {table.partition("/")[0] for table in self.tables}


@dataclass(frozen=True)
class Assets:
    """All that is in the folder."""

    metrics: Mapping[str, tuple[Metric, ...]]
    dashboards: tuple[Dashboard, ...]


def load(folder: Path, catalog: Catalog) -> Assets:
    """Read the assets. Raises `UsageError` for an unknown key, and for a table or column that has no contract."""
    stated = _read(folder / "metrics.yaml")
    metrics = {
        table: tuple(_metric(name, entry, f"metrics.yaml: {table}") for name, entry in entries.items())
        for table, entries in stated.items()
    }
    dashboards = tuple(_dashboard(file, catalog) for file in sorted((folder / "dashboards").glob("*.yaml")))
    for table in {*metrics, *(table for dashboard in dashboards for table in dashboard.tables)}:
        catalog[table]  # raises if there is none
    for dashboard in dashboards:
        _require_columns(dashboard, catalog)
    return Assets(metrics, dashboards)


def period_column(table: Table) -> str | None:
    """The day or time that a period restricts: that of the key, else the first one."""
    found = [column for column in table.stored if column.physical_type in ("date", "timestamp")]
    return next((column.name for column in sorted(found, key=lambda column: not column.primary_key)), None)


def _metric(name: str, entry: Any, where: str) -> Metric:
    return _made(Metric, {"name": name, **entry}, f"{where}: {name}")


def _dashboard(file: Path, catalog: Catalog) -> Dashboard:
    stated = dict(_read(file), slug=file.stem)
    stated["filters"] = tuple(_filter(entry, file) for entry in stated.get("filters", ()))
    stated["rows"] = tuple(_row(entry, file, catalog) for entry in stated.get("rows", ()))
    return _made(Dashboard, stated, str(file))


def _filter(entry: Mapping[str, Any], file: Path) -> Filter:
    return _made(Filter, {**entry, "not_for": tuple(entry.get("not_for", ()))}, f"{file}: filters")


def _row(entry: Mapping[str, Any], file: Path, catalog: Catalog) -> Row:
    row = _made(
        Row, {**entry, "charts": tuple(_chart(chart, file, catalog) for chart in entry["charts"])}, f"{file}: rows"
    )
    return replace(row, heading=_with_parameters(row.heading, row.charts[0], catalog, str(file)))


def _chart(entry: Mapping[str, Any], file: Path, catalog: Catalog) -> Chart:
    where = tuple((column, operator, value) for column, operator, value in entry.get("where", ()))
    chart = _made(Chart, {**entry, "where": where}, f"{file}: {entry.get('slug', 'a chart')}")
    return replace(chart, description=_with_parameters(chart.description, chart, catalog, str(file)))


def _with_parameters(text: str, chart: Chart, catalog: Catalog, where: str) -> str:
    """The text of a chart or its heading, in which `{name}` stands for a parameter of the chart's table."""
    try:
        return text.format_map(catalog[chart.table].parameters)
    except KeyError as error:
        raise UsageError(f"{where}: {chart.slug}: {chart.table} has no parameter {error}.") from error


def _require_columns(dashboard: Dashboard, catalog: Catalog) -> None:
    stated = [(filter_.table, filter_.column) for filter_ in dashboard.filters if filter_.table]
    stated += [(chart.table, column) for chart in dashboard.charts for column, _, _ in chart.where]
    for table, name in stated:
        known = [column.name for column in catalog[table].stored]
        if name not in known:
            raise UsageError(f"Dashboard '{dashboard.slug}': {table} has no column '{name}'.", nearest(name, known))


def _made(kind: type[Part], stated: Mapping[str, Any], where: str) -> Part:
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]  # a dataclass, which no annotation can say
    for name in set(stated) - set(known):
        raise UsageError(f"{where}: '{name}' is unknown.", nearest(name, list(known)))
    needed = {f.name for f in known.values() if f.default is MISSING and f.default_factory is MISSING}
    for name in sorted(needed - set(stated)):
        raise UsageError(f"{where}: '{name}' is missing.")
    return kind(**stated)


def _read(file: Path) -> dict[str, Any]:
    try:
        return dict(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, TypeError, ValueError) as error:
        raise UsageError(f"The assets {file} cannot be read: {' '.join(str(error).split())}.") from error
