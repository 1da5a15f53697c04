"""Keys and relationships of many tables.

The result of each question is one figure: the number of wrong rows. Questions about small tables are answered from
memory, all others by one query of Spark: each is an aggregate over its columns, so it reads only these from a columnar
file. A relationship is looked up once per different value, not once per row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lib.audit.results import CheckResult
from lib.audit.staged import Staged
from lib.contracts.model import Catalog, Table
from lib.sql import quoted


@dataclass(frozen=True)
class Key:
    """The question whether each key of a table occurs only once."""

    table: Table

    def counted(self, staged: Mapping[str, Staged]) -> int | None:
        """The number of surplus rows, if the table is in memory. A NULL is missing, not double."""
        rows = staged[self.table.name].rows
        if rows is None:
            return None
        keys = rows.select(list(self.table.key))
        stated = reduce(pc.or_, (pc.is_valid(column) for column in keys.columns))
        keys = keys.filter(stated)
        return int(keys.num_rows - keys.group_by(keys.column_names).aggregate([]).num_rows)

    def wrong(self, staged: Mapping[str, Staged]) -> DataFrame:
        """One row with the same number."""
        columns = [F.col(quoted(name)) for name in self.table.key]
        stated = reduce(Column.__or__, (column.isNotNull() for column in columns))
        asked = staged[self.table.name]
        rows = asked.frame.where(stated).select(*columns)
        if asked.selected:
            rows = rows.join(asked.touched.select(*columns).distinct(), list(self.table.key), "left_semi")
        return _total(rows.groupBy(*columns).agg((F.count("*") - 1).alias("rows")))

    def finding(self, wrong: int) -> CheckResult:
        """The answer."""
        observed = f"{wrong:,} rows too many" if wrong else "unique"
        return CheckResult(
            self.table.path, f"key: {', '.join(self.table.key)}", not wrong, observed, "unique", self.table.grain
        )


@dataclass(frozen=True)
class Link:
    """The question whether every value of a column exists in the column that it refers to."""

    table: Table
    column: str
    to_table: str
    to_column: str
    description: str

    def counted(self, staged: Mapping[str, Staged]) -> int | None:
        """The number of rows that refer to nothing, if both tables are in memory.

        Another check asks whether a value may be missing.
        """
        referring, referred = staged[self.table.name].rows, staged[self.to_table].rows
        if referring is None or referred is None:
            return None
        known, values = referred[self.to_column], referring[self.column].drop_null()
        if known.type != values.type:
            known, values = known.cast(pa.string()), values.cast(pa.string())
        return int(pc.sum(pc.invert(pc.is_in(values, value_set=known))).as_py() or 0)

    def wrong(self, staged: Mapping[str, Staged]) -> DataFrame:
        """One row with the same number."""
        asked, known = staged[self.table.name], staged[self.to_table]
        referred = _keys(known.view, self.to_column)
        left = known.left(self.to_column)
        if left is None:
            return _total(self._orphans(asked.frame, referred))
        # A row that was not touched is an orphan if what it refers to has left.
        gone = _keys(left, self.to_column).join(referred, "key", "left_anti")
        touched = self._orphans(asked.touched, referred).join(gone, "key", "left_anti")
        return _total(self._counted(asked.frame).join(gone, "key", "left_semi").unionAll(touched))

    def _orphans(self, referring: DataFrame, referred: DataFrame) -> DataFrame:
        return self._counted(referring).join(referred, "key", "left_anti")

    def _counted(self, referring: DataFrame) -> DataFrame:
        """The number of rows of each value."""
        values = _keys(referring, self.column)
        return values.where(F.col("key").isNotNull()).groupBy("key").agg(F.count("*").alias("rows"))

    def finding(self, wrong: int) -> CheckResult:
        """The answer."""
        observed = f"{wrong:,} rows without" if wrong else "no orphan"
        expected = f"every value exists in {self.to_table}.{self.to_column}"
        return CheckResult(
            self.table.path, f"{self.column}: relationship", not wrong, observed, expected, self.description
        )


Question = Key | Link


def questions(catalog: Catalog, sound: Collection[str], changed: Collection[str]) -> tuple[Question, ...]:
    """The questions about changed tables if all tables concerned are sound; both are sets of table names."""
    tables = [table for table in catalog if table.name in sound]
    keys = [Key(table) for table in tables if table.key and table.name in changed]
    links = [link for table in tables for link in _links(table)]
    return (
        *keys,
        *(link for link in links if link.to_table in sound and {link.table.name, link.to_table} & set(changed)),
    )


def findings(asked: Sequence[Question], staged: Mapping[str, Staged]) -> tuple[CheckResult, ...]:
    """The answers, from the tables concerned (name -> table)."""
    counted = [question.counted(staged) for question in asked]
    of_spark = [number for number, wrong in enumerate(counted) if wrong is None]
    found = _answered_by_spark({number: asked[number] for number in of_spark}, staged)
    return tuple(
        question.finding(found[number] if wrong is None else wrong)
        for number, (question, wrong) in enumerate(zip(asked, counted, strict=True))
    )


def _answered_by_spark(asked: Mapping[int, Question], staged: Mapping[str, Staged]) -> dict[int, int]:
    """The figures by the questions' numbers."""
    if not asked:
        return {}
    numbered = (
        question.wrong(staged).select(F.lit(number).alias("question"), "wrong") for number, question in asked.items()
    )
    return {row["question"]: row["wrong"] for row in reduce(DataFrame.unionAll, numbered).collect()}


def _links(table: Table) -> Iterable[Link]:
    for column in table.stored:
        if column.references:
            to_table, to_column = column.references.split(".", maxsplit=1)
            yield Link(table, column.name, to_table, to_column, column.description)


def _keys(rows: DataFrame, column: str) -> DataFrame:
    """One column as text: integers of different widths are compared as equal."""
    return rows.select(F.col(quoted(column)).cast("string").alias("key"))


def _total(counted: DataFrame) -> DataFrame:
    return counted.agg(F.coalesce(F.sum("rows"), F.lit(0)).alias("wrong"))
