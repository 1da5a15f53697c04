"""The assets in the form that Superset imports: one file for the database, each dataset, chart and dashboard.

Datasets are made from the contracts. A name's UUID is always the same, so an import replaces the existing assets.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import yaml

from lib.contracts.model import Catalog, Column, Table
from lib.dashboards import layout
from lib.dashboards.specs import Assets, Chart, Dashboard, Filter, Metric, period_column

DATABASE = "lakehouse"
COLOURS = "lakehouse"
VERSION = "1.0.0"
SECONDS_TO_KEEP = 300
MOST_ROWS = 1000
NO_FILTER = "No filter"

Documents = Mapping[str, Mapping[str, Any]]


def uuid(kind: str, name: str = "") -> str:
    """The fixed UUID of an asset."""
    return str(uuid5(NAMESPACE_URL, f"lakehouse/{kind}/{name}"))


def documents(assets: Assets, catalog: Catalog, address: str) -> Documents:
    """All files of the bundle, by name. `address` is the SQL endpoint's, with the service account's name."""
    tables = catalog.readable
    files: dict[str, Mapping[str, Any]] = {"databases/lakehouse.yaml": _database(address)}
    for table in tables:
        files[f"datasets/lakehouse/{table.layer}_{table.name}.yaml"] = _dataset(table, assets.metrics)
    for dashboard in assets.dashboards:
        files[f"dashboards/{dashboard.slug}.yaml"] = _dashboard(dashboard)
        for chart in dashboard.charts:
            files[f"charts/{dashboard.slug}_{chart.slug}.yaml"] = _chart(dashboard, chart, catalog)
    return files


def packed(files: Documents) -> bytes:
    """The bundle as one ZIP file, the same bytes for the same files."""
    metadata = {"version": VERSION, "type": "assets", "timestamp": "2026-01-01T00:00:00+00:00"}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, document in {"metadata.yaml": metadata, **files}.items():
            text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
            archive.writestr(zipfile.ZipInfo(f"lakehouse/{name}"), text)
    return buffer.getvalue()


def _database(address: str) -> Mapping[str, Any]:
    return {
        "database_name": DATABASE,
        "sqlalchemy_uri": address,
        "expose_in_sqllab": False,
        "allow_ctas": False,
        "allow_cvas": False,
        "allow_dml": False,
        "allow_run_async": False,
        "allow_csv_upload": False,
        "impersonate_user": True,
        "cache_timeout": SECONDS_TO_KEEP,
        "extra": {
            "allows_virtual_table_explore": False,
            "disable_data_preview": True,
            "per_user_caching": True,
            "metadata_params": {},
            "engine_params": {},
            "schemas_allowed_for_csv_upload": [],
        },
        "uuid": uuid("database"),
        "version": VERSION,
    }


def _dataset(table: Table, metrics: Mapping[str, tuple[Metric, ...]]) -> Mapping[str, Any]:
    return {
        "table_name": table.name,
        "schema": table.layer,
        "sql": None,
        "description": table.description,
        "main_dttm_col": period_column(table),
        "cache_timeout": None,
        "normalize_columns": False,
        "columns": [_column(column) for column in table.stored],
        "metrics": [_metric(metric) for metric in metrics.get(table.path, ())],
        "uuid": uuid("dataset", table.path),
        "database_uuid": uuid("database"),
        "version": VERSION,
    }


def _column(column: Column) -> Mapping[str, Any]:
    measure = column.semantic_type == "measure"
    return {
        "column_name": column.name,
        "verbose_name": column.name.replace("_", " ").capitalize(),
        "description": column.description,
        "type": column.physical_type.upper(),
        "is_dttm": column.physical_type in ("date", "timestamp"),
        "is_active": True,
        "groupby": not measure,
        "filterable": not measure,
        "expression": None,
        "python_date_format": None,
    }


def _metric(metric: Metric) -> Mapping[str, Any]:
    return {
        "metric_name": metric.name,
        "verbose_name": metric.label,
        "expression": metric.sql,
        "description": metric.description or None,
        "d3format": metric.format,
    }


def _chart(dashboard: Dashboard, chart: Chart, catalog: Catalog) -> Mapping[str, Any]:
    return {
        "slice_name": chart.title,
        "description": chart.description,
        "viz_type": chart.kind,
        "params": _parameters(chart, catalog),
        "query_context": None,
        "cache_timeout": None,
        "dataset_uuid": uuid("dataset", chart.table),
        "uuid": uuid("chart", f"{dashboard.slug}/{chart.slug}"),
        "version": VERSION,
    }


def _parameters(chart: Chart, catalog: Catalog) -> Mapping[str, Any]:
    period = period_column(catalog[chart.table]) if chart.period is None else chart.period
    conditions = [_condition(column, operator, value) for column, operator, value in chart.where]
    if period:
        conditions.append(_condition(period, "TEMPORAL_RANGE", NO_FILTER))
    common = {"viz_type": chart.kind, "color_scheme": COLOURS, "row_limit": MOST_ROWS, "adhoc_filters": conditions}
    return {**common, **chart.parameters}


def _condition(column: str, operator: str, value: Any) -> Mapping[str, Any]:
    stated = {"clause": "WHERE", "expressionType": "SIMPLE", "subject": column, "operator": operator}
    return {**stated, "comparator": value}


def _dashboard(dashboard: Dashboard) -> Mapping[str, Any]:
    numbers = {chart.slug: number for number, chart in enumerate(dashboard.charts, start=1)}
    uuids = {chart.slug: uuid("chart", f"{dashboard.slug}/{chart.slug}") for chart in dashboard.charts}
    return {
        "dashboard_title": dashboard.title,
        "slug": dashboard.slug,
        "description": dashboard.description,
        "published": True,
        "css": layout.STYLE,
        "position": layout.position(dashboard, uuids, numbers),
        "metadata": {
            "color_scheme": COLOURS,
            "label_colors": dict(dashboard.colours),
            "cross_filters_enabled": False,
            "refresh_frequency": 0,
            "filter_bar_orientation": "HORIZONTAL",
            "native_filter_configuration": [_filter(f, dashboard, numbers) for f in dashboard.filters],
        },
        "uuid": uuid("dashboard", dashboard.slug),
        "version": VERSION,
    }


def _filter(filter_: Filter, dashboard: Dashboard, numbers: Mapping[str, int]) -> Mapping[str, Any]:
    target = {"column": {"name": filter_.column}, "datasetUuid": uuid("dataset", filter_.table)}
    return {
        "id": f"NATIVE_FILTER-{dashboard.slug}-{filter_.name.lower()}",
        "name": filter_.name,
        "description": filter_.description,
        "type": "NATIVE_FILTER",
        "filterType": "filter_select" if filter_.column else "filter_time",
        "targets": [target if filter_.column else {}],
        "controlValues": _controls(filter_),
        "defaultDataMask": {"extraFormData": {}, "filterState": {}, "ownState": {}},
        "cascadeParentIds": [],
        "scope": {"rootPath": ["ROOT_ID"], "excluded": [numbers[slug] for slug in filter_.not_for]},
    }


def _controls(filter_: Filter) -> Mapping[str, bool]:
    others = ("enableEmptyFilter", "defaultToFirstItem", "inverseSelection", "searchAllOptions")
    return {"multiSelect": filter_.several, **dict.fromkeys(others, False)} if filter_.column else {}


def fingerprint(document: Mapping[str, Any]) -> str:
    """A document as one text, independent of the order of its keys."""
    return json.dumps(document, sort_keys=True, default=str)
