"""From a contract to a Great Expectations suite, and from its results to findings.

The suite holds all conditions on single rows. Great Expectations combines them into one Spark aggregate for a large
table, and asks pandas for a small one. `lib.audit.integrity` checks uniqueness, together with the relationships.
Loading this module takes seconds, most of them inside Great Expectations: see `lib.audit.audit.prepare`.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

import great_expectations as gx
import pyarrow as pa
import pyarrow.compute as pc
from great_expectations.core.result_format import ResultFormat
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

from lib.audit.results import CheckResult
from lib.audit.staged import Staged, as_pandas
from lib.contracts.model import Column, Table
from lib.errors import UsageError

# A verdict alone keeps values of rows out of the results, and saves the queries that fetch them.
VERDICT_ONLY = ResultFormat.BOOLEAN_ONLY
# For a failed expectation: the number of rows, still without any of their values.
COUNTS_ONLY = {"result_format": "BASIC", "partial_unexpected_count": 0, "exclude_unexpected_values": True}
# Describes how to read a text, and is not a condition on a typed column.
FORMAT = "format"
READS: Mapping[str, Callable[[str], Any]] = {
    "date": dt.date.fromisoformat,
    "timestamp": dt.datetime.fromisoformat,
    "integer": int,
    "number": float,
}


def suite(table: Table, *, whole: bool = True) -> gx.ExpectationSuite:
    """The contract's conditions on every row, on the columns themselves, and on the `whole` table.

    Raises `UsageError` for an option that this module cannot check: a promise that is not kept is worse than none.
    """
    return gx.ExpectationSuite(name=table.path, expectations=list(_expectations(table, whole=whole)))


class Examiner:
    """Great Expectations without files, progress bars and messages of its own."""

    def __init__(self) -> None:
        # Its messages repeat exceptions, and Spark's exceptions quote the values that caused them.
        logging.getLogger("great_expectations").disabled = True
        for name in list(logging.root.manager.loggerDict):
            if name.startswith("great_expectations."):
                logging.getLogger(name).disabled = True
        context = gx.get_context(mode="ephemeral")
        context.enable_analytics(enable=False)
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        self._sources = context.data_sources
        self._small = context.data_sources.add_pandas("small")

    @cached_property
    def _large(self) -> Any:
        return self._sources.add_spark("large", persist=False)

    def add(self, staged: Staged) -> Callable[[], tuple[CheckResult, ...]]:
        """Prepare a table's suite; the returned function applies it and is safe in any thread."""
        table, rows = staged.table, None if _is_read_differently(staged) else staged.judged
        source: Any = self._large if rows is None else self._small
        batches = source.add_dataframe_asset(table.path).add_batch_definition_whole_dataframe("staged")
        asked = suite(table, whole=staged.rows is not None or staged.selected is None)

        def examine() -> tuple[CheckResult, ...]:
            batch = batches.get_batch({"dataframe": staged.touched if rows is None else as_pandas(rows)})
            return tuple(_findings(table, batch, batch.validate(asked, result_format=VERDICT_ONLY).results))

        return examine


def _is_read_differently(staged: Staged) -> bool:
    """Whether pandas would judge the table otherwise than Spark: by Python's patterns, or with NaN for no value."""
    if any("pattern" in column.options for column in staged.table.stored):
        return True
    return staged.judged is not None and any(
        pc.any(pc.is_nan(column)).as_py() for column in staged.judged.columns if pa.types.is_floating(column.type)
    )


def _findings(table: Table, batch: Any, results: Iterable[Any]) -> Iterator[CheckResult]:
    for result in results:
        about = _About(**result.expectation_config.meta)
        observed = "as expected" if result.success else _observed(batch, result.expectation_config)
        yield CheckResult(table.path, about.check, bool(result.success), observed, about.expected, about.description)


def _observed(batch: Any, configuration: ExpectationConfiguration) -> str:
    counts = batch.validate(configuration.to_domain_obj(), result_format=COUNTS_ONLY).result
    if "unexpected_count" not in counts:
        return "otherwise"
    return f"{counts['unexpected_count']:,} of {counts['element_count']:,} rows otherwise"


def _expectations(table: Table, *, whole: bool) -> Iterator[ExpectationConfiguration]:
    about = _About("columns", "the contract's columns in its order", table.description)
    names = [column.name for column in table.stored]
    yield about.expect("expect_table_columns_to_match_ordered_list", column_list=names)
    if table.unknown_member and whole:
        about = _About("rows", "the unknown member at least", table.description)
        yield about.expect("expect_table_row_count_to_be_between", min_value=1)
    for column in table.stored:
        yield from _of_column(column)
        yield from _of_options(table, column)


def _of_column(column: Column) -> Iterator[ExpectationConfiguration]:
    if column.required:
        about = _About(f"{column.name}: required", "a value in every row", column.description)
        yield about.expect("expect_column_values_to_not_be_null", column=column.name)
    if column.values:
        about = _About(f"{column.name}: values", f"one of {len(column.values)} listed values", column.description)
        yield about.expect(
            "expect_column_values_to_be_in_set",
            column=column.name,
            value_set=[_read(column, value) for value in column.values],
        )


def _of_options(table: Table, column: Column) -> Iterator[ExpectationConfiguration]:
    for option, bound in column.options.items():
        if option == FORMAT:
            continue
        if option not in OPTIONS:
            known = ", ".join(OPTIONS)
            raise UsageError(
                f"{table.path}: option '{option}' of '{column.name}' cannot be checked.", f"Known: {known}."
            )
        kind, arguments = OPTIONS[option]
        about = _About(f"{column.name}: {option}", f"{option} {bound}", column.description)
        yield about.expect(kind, column=column.name, **arguments(_read(column, bound)))


def _read(column: Column, stated: Any) -> Any:
    """What a contract states, as a value of the column's type: not every engine converts it, nor in the same way."""
    if column.physical_type.startswith("decimal"):
        return Decimal(str(stated))
    reads = READS.get(column.logical_type)
    return reads(stated) if reads and isinstance(stated, str) else stated


@dataclass(frozen=True)
class _About:
    """The texts of a finding about an expectation."""

    check: str
    expected: str
    description: str

    def expect(self, kind: str, **arguments: Any) -> ExpectationConfiguration:
        return ExpectationConfiguration(type=kind, kwargs=arguments, meta=dataclasses.asdict(self))


BETWEEN = "expect_column_values_to_be_between"
LENGTH = "expect_column_value_lengths_to_be_between"
# Option of the standard -> type of expectation, and its arguments for a bound.
OPTIONS: Mapping[str, tuple[str, Callable[[Any], dict[str, Any]]]] = {
    "minimum": (BETWEEN, lambda bound: {"min_value": bound}),
    "exclusiveMinimum": (BETWEEN, lambda bound: {"min_value": bound, "strict_min": True}),
    "maximum": (BETWEEN, lambda bound: {"max_value": bound}),
    "exclusiveMaximum": (BETWEEN, lambda bound: {"max_value": bound, "strict_max": True}),
    "minLength": (LENGTH, lambda bound: {"min_value": bound}),
    "maxLength": (LENGTH, lambda bound: {"max_value": bound}),
    "pattern": ("expect_column_values_to_match_regex", lambda bound: {"regex": bound}),
}
