"""The SQL checks of the contracts: each is a query that returns one figure, and all run as one query."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from lib.audit.results import CheckResult
from lib.contracts.model import Check, Table

Asked = tuple[Table, Check]


@dataclass(frozen=True)
class Answer:
    """The result of a check's query: the number of rows, and the figure as text if there was one row."""

    rows: int
    figure: str | None


def findings(spark: SparkSession, asked: Sequence[Asked]) -> tuple[CheckResult, ...]:
    """The checks' outcomes; the tables that they name are temporary views of `spark`.

    All run as one query. If it fails, each runs alone, so that one broken check neither hides the others nor passes.
    """
    if not asked:
        return ()
    try:
        answers = _ask(spark, list(enumerate(asked)))
    except PySparkException:
        return tuple(_alone(spark, one) for one in asked)
    return tuple(_finding(one, answers[number]) for number, one in enumerate(asked))


def _alone(spark: SparkSession, one: Asked) -> CheckResult:
    try:
        return _finding(one, _ask(spark, [(0, one)])[0])
    except PySparkException as error:
        # Only the kind of error: its text quotes values.
        return _outcome(one, f"no answer ({error.getCondition() or type(error).__name__})", passed=False)


def _ask(spark: SparkSession, asked: Iterable[tuple[int, Asked]]) -> dict[int, Answer]:
    query = "\nunion all\n".join(_answer(number, check) for number, (_, check) in asked)
    return {row["number"]: Answer(row["rows"], row["figure"]) for row in spark.sql(query).collect()}


def _answer(number: int, check: Check) -> str:
    return (
        f"select {number} as number, count(*) as rows, max(cast(figure as string)) as figure "
        f"from (\n{check.query}\n) as answer(figure)"
    )


def _finding(one: Asked, answer: Answer) -> CheckResult:
    _, check = one
    if answer.rows != 1:
        return _outcome(one, f"{answer.rows:,} rows instead of one figure", passed=False)
    return _outcome(one, _shown(answer.figure), passed=_is(answer.figure, check.must_be))


def _outcome(one: Asked, observed: str, *, passed: bool) -> CheckResult:
    table, check = one
    return CheckResult(table.path, check.name, passed, observed, _text(check.must_be), check.description)


def _is(figure: str | None, must_be: Any) -> bool:
    number = _number(figure)
    if isinstance(must_be, (bool, str)) or must_be is None or number is None:
        return figure == (None if must_be is None else _text(must_be))
    return number == _number(str(must_be))


def _shown(figure: str | None) -> str:
    """Numbers and truth values only: any other text might come from a row."""
    if figure is None:
        return "NULL"
    return figure if _number(figure) is not None or figure in ("true", "false") else "another value"


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(text: str | None) -> Decimal | None:
    try:
        return Decimal(text) if text is not None else None
    except InvalidOperation:
        return None


def named(queries: Iterable[str], names: Iterable[str]) -> Iterator[str]:
    """The `names` that may occur in the queries: too many do no harm."""
    words = {word for query in queries for word in _words(query)}
    return (name for name in names if name.lower() in words)


def _words(text: str) -> set[str]:
    return set("".join(letter if letter.isalnum() or letter == "_" else " " for letter in text.lower()).split())
