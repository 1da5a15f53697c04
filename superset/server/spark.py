"""Superset treats Spark as Hive, but Spark can do more than Hive could."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import rows
import sparksql

# Superset takes Spark for Hive, but Hive's expressions for weeks and months do not fit Spark.
TIME_GRAINS = {
    "PT1M": "date_trunc('minute', {col})",
    "PT1H": "date_trunc('hour', {col})",
    "P1D": "date_trunc('day', {col})",
    "P1W": "date_trunc('week', {col})",
    "P1M": "date_trunc('month', {col})",
    "P3M": "date_trunc('quarter', {col})",
    "P1Y": "date_trunc('year', {col})",
}
NOT_OFFERED = [
    "PT1S",
    "P0.25Y",
    "1969-12-28T00:00:00Z/P1W",
    "1969-12-29T00:00:00Z/P1W",
    "P1W/1970-01-03T00:00:00Z",
    "P1W/1970-01-04T00:00:00Z",
]


def teach() -> None:
    """Turn Superset's Hive into Spark: how it reads and writes values, and what it sends."""
    from pyhive.sqlalchemy_hive import HiveCompiler  # noqa: PLC0415 - a test of this folder has no PyHive
    from superset.db_engine_specs.hive import HiveEngineSpec  # noqa: PLC0415 - needs the settings, which need this
    from superset.models.helpers import ExploreMixin  # noqa: PLC0415 - likewise

    # The work-around for Hive names a column twice if a query is ordered by a column that it does not select.
    HiveEngineSpec.allows_hidden_orderby_agg = True
    HiveEngineSpec.execute = staticmethod(_sending(HiveEngineSpec.execute))
    HiveCompiler.render_literal_value = _writing(HiveCompiler.render_literal_value)
    ExploreMixin.filter_values_handler = staticmethod(_handling(ExploreMixin.filter_values_handler))


def _sending(send: Callable[..., None]) -> Callable[..., None]:
    """The last step before the endpoint: guard the statement again, because Superset may have changed it since."""

    def execute(cursor: Any, query: str, database: Any, **options: Any) -> None:
        from superset.extensions import security_manager  # noqa: PLC0415 - needs an application

        send(cursor, rows.guarded(query, database=database, security_manager=security_manager), database, **options)

    return execute


def _writing(write: Callable[..., str]) -> Callable[..., str]:
    """Write texts as Spark reads them; SQLAlchemy gives each per cent sign to the driver unless it is doubled."""

    def render_literal_value(self: Any, value: Any, kind: Any) -> str:
        if not isinstance(value, str):
            return write(self, value, kind)
        text = sparksql.literal(value)
        return text.replace("%", "%%") if self.preparer._double_percents else text  # noqa: SLF001 - as SQLAlchemy does

    return render_literal_value


def _handling(handle: Callable[..., Any]) -> Callable[..., Any]:
    """Keep the values of a filter on texts unchanged; Superset would strip them and take some for NULL."""

    def filter_values_handler(values: Any, *rest: Any, **parts: Any) -> Any:
        from superset.utils.core import FilterOperator, GenericDataType  # noqa: PLC0415 - needs the settings

        is_text = parts.get("target_generic_type") == GenericDataType.STRING
        if values is None or not is_text or parts.get("operator") == FilterOperator.TEMPORAL_RANGE:
            handled = handle(values, *rest, **parts)
            _require_kept(values, handled)
            return handled
        texts = [_text(value) for value in (values if isinstance(values, (list, tuple)) else [values])]
        return texts if parts.get("is_list_target") else next(iter(texts), None)

    return filter_values_handler


def _require_kept(values: Any, handled: Any) -> None:
    """Refuse an unreadable number: Superset would take it for NULL and return the rows without a number."""
    from superset.exceptions import QueryObjectValidationError  # noqa: PLC0415 - needs the settings

    stated, read = ([each] if not isinstance(each, (list, tuple)) else each for each in (values, handled))
    if any(text not in (None, "<NULL>") and value is None for text, value in zip(stated, read, strict=False)):
        raise QueryObjectValidationError(
            "This question is not allowed: a filter on numbers has a value that is not a number."
        )


def _text(value: Any) -> str | None:
    """A value to compare with texts: numbers and truth values are written as in JSON."""
    return value if value is None or isinstance(value, str) else json.dumps(value)
