"""Row rules: a contract's demands on each row, compiled to column expressions.

A rule is a condition that a good row meets; NULL counts as not met. A row carries the codes of all rules that it
breaks, in the contract's order. `appliesTo: structure` rules come first: if a row breaks one, no other rule judges it.
A rule is skipped if the row's source does not state its `columns`. The column that a rule `clears` becomes NULL in a
row that breaks it, and the rules that clear nothing judge the cleared values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lib.contracts.model import RowRule, Table
from lib.errors import UsageError
from lib.sql import literal, quoted

STRUCTURE = "structure"
ROW = "row"
MAPPED = "_mapped"
REASONS = "reasons"
BROKEN = "_broken"
BETWEEN_CODES = "\x1f"  # the unit separator, which never occurs in a code


def judge(frame: DataFrame, table: Table) -> DataFrame:
    """Apply the contract's rules to `frame`, which has the contract's columns and `_mapped`.

    Returns the contract's columns, `reasons` (the codes of the broken rules) and, for each NAME that rules apply to, a
    boolean `accepts_NAME`: whether no rule quarantines it.
    """
    names = [column.name for column in table.columns]
    clearing = [(i, rule) for i, rule in enumerate(table.rules) if rule.clears]
    judging = [(i, rule) for i, rule in enumerate(table.rules) if not rule.clears]
    first = frame.select("*", _bits(table, clearing).alias("_clearing"))
    cleared = {rule.clears: i for i, rule in clearing}
    # A separate selection: in the one that clears, the other rules would still see the old values.
    second = first.select("_clearing", MAPPED, *(_cleared(name, cleared) for name in names))
    broken = _bits(table, judging).bitwiseOR(F.col("_clearing")).alias(BROKEN)
    stated = [F.col(quoted(name)) for name in names]
    return second.select(*stated, broken).select(
        *stated, _codes(table.rules).alias(REASONS), *_acceptances(table.rules)
    )


def _bits(table: Table, rules: Iterable[tuple[int, RowRule]]) -> Column:
    result = F.lit(0).cast("bigint")
    well_formed = _meets_all(table, [rule for rule in table.rules if rule.applies_to == STRUCTURE])
    for i, rule in rules:
        broken = ~_met(table, rule)
        if rule.applies_to != STRUCTURE:
            broken = broken & well_formed
        if rule.columns:
            broken = broken & F.arrays_overlap(MAPPED, F.array(*map(F.lit, rule.columns)))
        result = result.bitwiseOR(F.when(broken, F.lit(1 << i)).otherwise(F.lit(0)).cast("bigint"))
    return result


def _met(table: Table, rule: RowRule) -> Column:
    return F.coalesce(F.expr(condition(table, rule)), F.expr("false"))


def _meets_all(table: Table, rules: Iterable[RowRule]) -> Column:
    result = F.expr("true")
    for rule in rules:
        result = result & _met(table, rule)
    return result


def condition(table: Table, rule: RowRule) -> str:
    """The rule as SQL. Raises `UsageError` if it names a column without a list of values."""
    if not rule.values_of:
        return rule.condition
    columns = {column.name: column for column in table.columns}
    parts = []
    for name in rule.values_of:
        if name not in columns or not columns[name].values:
            raise UsageError(f"{table.path}: rule '{rule.code}' names '{name}', whose contract lists no values.")
        listed = ", ".join(literal(value) for value in columns[name].values)
        parts.append(f"({quoted(name)} is null or {quoted(name)} in ({listed}))")
    return " and ".join(parts)


def _cleared(name: str, cleared: dict[str | None, int]) -> Column:
    if name not in cleared:
        return F.col(quoted(name))
    return F.when(F.col("_clearing").bitwiseAND(F.lit(1 << cleared[name])) == 0, F.col(name)).alias(name)


def _bit(i: int) -> Column:
    return F.col(BROKEN).bitwiseAND(F.lit(1 << i)) != 0


def _codes(rules: Sequence[RowRule]) -> Column:
    # Through a text: removing NULLs from an array is interpreted, and costs more than all rules together.
    broken = F.concat_ws(BETWEEN_CODES, *(F.when(_bit(i), F.lit(rule.code)) for i, rule in enumerate(rules)))
    return F.when(F.col(BROKEN) == 0, F.array().cast("array<string>")).otherwise(F.split(broken, BETWEEN_CODES))


def _acceptances(rules: Sequence[RowRule]) -> list[Column]:
    general = {STRUCTURE, ROW}
    things = sorted({rule.applies_to for rule in rules} - general)
    columns = []
    for thing in things:
        mask = sum(
            1 << i
            for i, rule in enumerate(rules)
            if rule.consequence == "quarantine" and rule.applies_to in general | {thing}
        )
        columns.append((F.col(BROKEN).bitwiseAND(F.lit(mask)) == 0).alias(f"accepts_{thing}"))
    return columns
