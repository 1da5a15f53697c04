"""Keys and relationships of many tables, answered by one query.

Each question is a separate aggregate over its columns, so it reads only these from a columnar file. Its result is one
figure: the number of wrong rows. A relationship is looked up once per different value, not once per row. Keys
themselves never leave the executors.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lib.audit.results import CheckResult
from lib.contracts.model import Catalog, Table
from lib.sql import quoted


@dataclass(frozen=True)
class Key:
    """The question whether each key of a table occurs only once."""

    table: Table

    def wrong(self, frames: Mapping[str, DataFrame]) -> DataFrame:
        """One row: the number of surplus rows. A NULL is missing, not double."""
        columns = [F.col(quoted(name)) for name in self.table.key]
        stated = reduce(Column.__or__, (column.isNotNull() for column in columns))
        return _total(frames[self.table.name].where(stated).groupBy(*columns).agg((F.count("*") - 1).alias("rows")))

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

    def wrong(self, frames: Mapping[str, DataFrame]) -> DataFrame:
        """One row: the number of rows that refer to nothing. Another check asks whether a value may be missing."""
        referring = frames[self.table.name].select(F.col(quoted(self.column)).alias("key"))
        referred = frames[self.to_table].select(F.col(quoted(self.to_column)).alias("key"))
        values = referring.where(F.col("key").isNotNull()).groupBy("key").agg(F.count("*").alias("rows"))
        if referring.dtypes != referred.dtypes:
            # Integers of different widths are compared as equal.
            values, referred = (each.withColumn("key", F.col("key").cast("string")) for each in (values, referred))
        return _total(values.join(referred, "key", "left_anti"))

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


def findings(asked: Sequence[Question], frames: Mapping[str, DataFrame]) -> tuple[CheckResult, ...]:
    """The answers, from the frames of the tables concerned (name -> frame)."""
    if not asked:
        return ()
    numbered = (
        question.wrong(frames).select(F.lit(number).alias("question"), "wrong") for number, question in enumerate(asked)
    )
    found = {row["question"]: row["wrong"] for row in reduce(DataFrame.unionAll, numbered).collect()}
    return tuple(question.finding(found[number]) for number, question in enumerate(asked))


def _links(table: Table) -> Iterable[Link]:
    for column in table.stored:
        if column.references:
            to_table, to_column = column.references.split(".", maxsplit=1)
            yield Link(table, column.name, to_table, to_column, column.description)


def _total(counted: DataFrame) -> DataFrame:
    return counted.agg(F.coalesce(F.sum("rows"), F.lit(0)).alias("wrong"))
