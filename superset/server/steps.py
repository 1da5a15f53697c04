"""The steps that a viewer may apply to the rows of an answer: only those that the pages of dashboards use.

A page reshapes rows by steps, which Superset runs in its own process. Some steps make many rows out of few, fit a model
or call any function of a library. Here each allowed step is named with its options, and their numbers are limited.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MOST_STEPS = 10
MOST_PARTS = 200
MOST_IN_A_TABLE = 2  # columns across or down
LARGEST = 1000
LONGEST_TEXT = 1000
DEEPEST = 4
STEPS: Mapping[str, frozenset[str]] = {
    "pivot": frozenset(
        (
            *("index", "columns", "aggregates", "drop_missing_columns", "combine_value_with_metric"),
            *("metric_fill_value", "column_fill_value", "marginal_distributions", "marginal_distribution_name"),
        )
    ),
    "aggregate": frozenset(("groupby", "aggregates")),
    "flatten": frozenset(("reset_index", "drop_levels")),
    "rename": frozenset(("columns", "inplace", "level")),
    "sort": frozenset(("is_sort_index", "by", "ascending")),
    "rank": frozenset(("metric", "group_by")),
    "cum": frozenset(("operator", "columns")),
    "compare": frozenset(("source_columns", "compare_columns", "compare_type", "drop_original_columns", "precision")),
    "contribution": frozenset(("orientation", "columns", "rename_columns", "time_shifts")),
    "histogram": frozenset(("column", "groupby", "bins", "cumulative", "normalize")),
    "rolling": frozenset(("rolling_type", "columns", "window", "rolling_type_options", "center", "min_periods")),
    "resample": frozenset(("rule", "method", "fill_value", "zero_fill")),
}
PERIODS = frozenset(["D", "W", "M", "Q", "Y", "A", "MS", "ME", "QS", "QE", "YS", "YE", "AS"])
ROLLING = frozenset(("mean", "sum", "std", "cumsum"))


def faults(wanted: Sequence[Any]) -> Iterator[str]:
    """The faults in the steps of a query, in a few words each."""
    if len(wanted) > MOST_STEPS:
        yield "too many steps after the query"
    for step in wanted:
        if step and not _is_allowed(step):
            yield "a step after the query that no dashboard needs"


def _is_allowed(step: Any) -> bool:
    if not isinstance(step, dict):
        return False
    known, options = STEPS.get(str(step.get("operation"))), step.get("options") or {}
    if known is None or not isinstance(options, dict) or not known.issuperset(options):
        return False
    return _is_bounded(options) and _is_in_reach(options)


def _is_bounded(part: Any, depth: int = 0) -> bool:
    """Whether it is small: its numbers, its texts, and its parts."""
    if isinstance(part, (dict, list, tuple)):
        inner = [*part.keys(), *part.values()] if isinstance(part, dict) else part
        return depth < DEEPEST and len(inner) <= MOST_PARTS and all(_is_bounded(each, depth + 1) for each in inner)
    if isinstance(part, str):
        return len(part) <= LONGEST_TEXT
    return part is None or (isinstance(part, (int, float)) and abs(part) <= LARGEST)


def _is_in_reach(options: Mapping[str, Any]) -> bool:
    """Whether options that multiply rows or name functions have only values that are known here."""
    lists = [options[name] for name in ("index", "columns") if isinstance(options.get(name), list)]
    rule, rolling = options.get("rule", "D"), options.get("rolling_type", "sum")
    small = "aggregates" not in options or all(len(names) <= MOST_IN_A_TABLE for names in lists)
    return small and _is_period(rule) and rolling in ROLLING


def _is_period(rule: Any) -> bool:
    """A period of days or more, once or several times."""
    return isinstance(rule, str) and rule.lstrip("0123456789") in PERIODS and rule[:1] != "0"
