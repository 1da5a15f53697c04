"""The questions that a viewer may ask: columns and saved metrics of a table, and the content of the saved chart.

Superset accepts SQL text from anybody who may look at a dashboard: in a column, a metric, a filter, an order, and in
`extras`. Here a viewer can only choose saved items, and any other question is refused before a statement is made. The
factory of query contexts checks this, because all routes use it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import steps

NOT_OURS = "This question is not allowed: {}."
SCALARS = (str, int, float, bool, type(None))
# Keys that the page adds to a saved column or to the name of one.
OF_A_COLUMN = frozenset(
    (
        *("expressionType", "sqlExpression", "label"),
        *("timeGrain", "columnType", "isColumnReference", "hasCustomLabel", "optionName"),
    )
)
BASE_AXIS = "BASE_AXIS"
FRAGMENTS = ("where", "having", "transpile_to_dialect", "instant_time_comparison_range")
RANGE = re.compile(r"^(No filter$|Last |Next |previous calendar |Current )| : ")
NUMBERS = ("dashboardId", "slice_id", "parent_slice_id")
DEEPEST = 30
MOST = 5  # queries in a question, and time comparisons in a query
# The functions and the form that a period may have: holidays of a country are looked up again in each bracket, and no
# calendar has a year of five digits.
CALLS = frozenset(("datetime", "dateadd", "datetrunc", "lastday"))
CALL = re.compile(r"(\w*)\s*\(")
MOST_CALLS, LONGEST_PERIOD = 10, 300
TOO_LARGE = re.compile(r"(?<![.\d])\d{5}")


@dataclass(frozen=True)
class Menu:
    """The possible choices: names of columns and metrics, time grains, and the parts of the saved chart."""

    columns: frozenset[str]
    metrics: frozenset[str]
    grains: frozenset[str]
    saved: tuple[Mapping[str, Any], ...] = ()

    def faults(self, query: Any) -> Iterator[str]:
        """The faults of a query object, in a few words each."""
        yield from self._faults_of_columns([*query.columns, *query.series_columns])
        yield from self._faults_of_metrics([*(query.metrics or ()), query.series_limit_metric])
        yield from self._faults_of_order(query)
        for condition in query.filter:
            yield from self._faults_of_filter(condition)
        yield from self._faults_of_extras(query.extras)
        if query.granularity is not None and query.granularity not in self.columns:
            yield "a time column that the table does not have"
        if not all(map(_is_range, [query.time_range, *map(_range, query.filter)])):
            yield "an unknown time range"
        if query.annotation_layers:
            yield "a layer of annotations"

    def _faults_of_columns(self, columns: Iterable[Any]) -> Iterator[str]:
        return ("a column that is not saved" for column in columns if not self._is_column(column))

    def _is_column(self, column: Any) -> bool:
        if isinstance(column, str):
            return column in self.columns
        if not isinstance(column, dict) or not OF_A_COLUMN.issuperset(column):
            return False
        grain, kind = column.get("timeGrain"), column.get("columnType")
        known = (grain is None or self._is_grain(grain)) and kind in (None, BASE_AXIS)
        return known and (self._is_name(column) or self._is_saved(column))

    def _is_name(self, column: Mapping[str, Any]) -> bool:
        name = column.get("sqlExpression")
        return isinstance(name, str) and name in self.columns and column.get("label") in (None, name)

    def _is_saved(self, part: Mapping[str, Any]) -> bool:
        said = ("expressionType", "sqlExpression", "label", "column", "aggregate")
        return any(all(part.get(key) == saved.get(key) for key in said) for saved in self.saved)

    def _is_grain(self, grain: Any) -> bool:
        return isinstance(grain, str) and grain in self.grains

    def _faults_of_metrics(self, metrics: Iterable[Any]) -> Iterator[str]:
        return ("a metric that is not saved" for metric in metrics if metric and not self._is_metric(metric))

    def _is_metric(self, metric: Any) -> bool:
        if isinstance(metric, str):
            return metric in self.metrics
        return isinstance(metric, dict) and "expressionType" in metric and self._is_saved(metric)

    def _faults_of_order(self, query: Any) -> Iterator[str]:
        labels = {column.get("label") for column in query.columns if isinstance(column, dict)}
        for column, _ in query.orderby:
            name = isinstance(column, str) and column in self.columns | self.metrics | labels
            if not (name or self._is_metric(column) or self._is_column(column)):
                yield "an order by something that is not saved"

    def _faults_of_filter(self, condition: Mapping[str, Any]) -> Iterator[str]:
        column, grain, value = condition.get("col"), condition.get("grain"), condition.get("val")
        if not (isinstance(column, str) or self._is_column(column)):
            yield "a filter on a column that is not saved"
        if grain is not None and not self._is_grain(grain):
            yield "an unknown time grain"
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(each, SCALARS) for each in values):
            yield "a filter whose value is not a text, number or truth"

    def _faults_of_extras(self, extras: Mapping[str, Any]) -> Iterator[str]:
        if any(extras.get(name) for name in FRAGMENTS):
            yield "text of SQL"
        grain = extras.get("time_grain_sqla")
        if grain is not None and not self._is_grain(grain):
            yield "an unknown time grain"


def _range(condition: Mapping[str, Any]) -> Any:
    return condition.get("val") if str(condition.get("op")).upper() == "TEMPORAL_RANGE" else None


def _is_range(text: Any) -> bool:
    """Whether the text is a time range; Superset silently reads any other text as "until today"."""
    return text in (None, "") or (isinstance(text, str) and bool(RANGE.search(text)))


def is_readable(text: Any) -> bool:
    """Whether a period can be read in a short time: few calls, all known, and no number beyond a calendar's."""
    if not isinstance(text, str):
        return True
    calls = [name.lower() for name in CALL.findall(text)]
    known = CALLS.issuperset(calls) and len(calls) <= MOST_CALLS
    return known and len(text) <= LONGEST_PERIOD and not TOO_LARGE.search(text)


def teach() -> None:
    """Let every question be checked when it is made."""
    from superset.common.query_context_factory import QueryContextFactory  # noqa: PLC0415 - needs the settings

    make = QueryContextFactory.create

    def create(self: Any, **parts: Any) -> Any:
        from superset.extensions import security_manager  # noqa: PLC0415 - needs an application

        if security_manager.is_admin():
            return make(self, **parts)
        _require_plain(parts)
        context = make(self, **as_a_viewers(parts))
        security_manager.raise_for_access(query_context=context)
        _require_saved(context)
        return context

    QueryContextFactory.create = create


def as_a_viewers(parts: Mapping[str, Any]) -> dict[str, Any]:
    """The question without the setting of the administrator: how long its answer is cached for others."""
    return {**parts, "custom_cache_timeout": None}


def _require_plain(parts: Mapping[str, Any]) -> None:
    """Refuse text that Superset would read as SQL or fail on, before it checks access."""
    form, queries = parts.get("form_data"), parts.get("queries")
    if not (form is None or isinstance(form, dict)) or not isinstance(queries, list):
        _refuse("it does not have the form of a question")
    if not all(isinstance((form or {}).get(name), SCALARS) for name in NUMBERS):
        _refuse("a dashboard or chart that has no number")
    if not all(is_text(text) for text in texts(queries)):
        _refuse("text in it that is not Unicode")
    for why in excesses(queries):
        _refuse(f"{why} in it")


def excesses(queries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The faults of queries that have not been made yet, in a few words each."""
    if len(queries) > MOST:
        yield "too many queries"
    for query in queries:
        extras = query.get("extras") or {}
        if any(query.get(name) or extras.get(name) for name in FRAGMENTS):
            yield "text of SQL"
        if len(query.get("time_offsets") or ()) > MOST:
            yield "too many times to compare with"
        if not all(map(is_readable, [query.get("time_range"), *map(_range, query.get("filters") or ())])):
            yield "an unknown time range"
        yield from steps.faults(query.get("post_processing") or ())


def texts(part: Any, depth: int = 0) -> Iterator[str]:
    """All texts of a question, including its names."""
    if depth > DEEPEST:
        _refuse("too many brackets")
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        yield from texts([*part.keys(), *part.values()], depth + 1)
    elif isinstance(part, (list, tuple)):
        for each in part:
            yield from texts(each, depth + 1)


def is_text(text: str) -> bool:
    """Whether it is valid text: half a surrogate pair is not, and cannot be sent."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _require_saved(context: Any) -> None:
    menu = _menu(context.datasource, (context.form_data or {}).get("slice_id"))
    for query in context.queries:
        for fault in menu.faults(query):
            _refuse(f"{fault} in it")


def _menu(dataset: Any, chart: Any) -> Menu:
    """The choices of the table, and those of the chart with this number if it belongs to the table."""
    grains = dataset.database.db_engine_spec.get_time_grain_expressions()
    return Menu(
        frozenset(column.column_name for column in dataset.columns),
        frozenset(metric.metric_name for metric in dataset.metrics),
        frozenset(grain for grain in grains if grain),
        tuple(_saved(_parameters(dataset, chart))),
    )


def _parameters(dataset: Any, chart: Any) -> Any:
    """The saved parameters of a chart; read here, because Superset shows a viewer no chart by its number."""
    from superset.extensions import db  # noqa: PLC0415 - needs an application
    from superset.models.slice import Slice  # noqa: PLC0415 - likewise

    if not isinstance(chart, int):
        return {}
    known = db.session.query(Slice).filter_by(id=chart, datasource_id=dataset.id, datasource_type="table")
    found = known.one_or_none()
    return found.params_dict if found else {}


def _saved(part: Any) -> Iterator[Mapping[str, Any]]:
    """The columns and metrics of a chart that have their own expression, at any place in it."""
    if isinstance(part, dict):
        if "expressionType" in part and "label" in part:
            yield part
        part = list(part.values())
    if isinstance(part, list):
        for each in part:
            yield from _saved(each)


def _refuse(why: str) -> NoReturn:
    from superset.exceptions import QueryObjectValidationError  # noqa: PLC0415 - needs the settings

    raise QueryObjectValidationError(NOT_OURS.format(why))
