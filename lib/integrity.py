"""Keys and relationships of many tables, answered by one query with one shuffle.

Every row says which keys it has and which it refers to: one entry per question, with the key's hash. Grouped by
question and hash, a key that occurs twice is a duplicate, and one that is only referred to is an orphan. A table is
read once, however many questions concern it. The hash has 96 bits, so that not even billions of keys collide; keys
themselves never leave the executors.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lib.contracts import Catalog, Table
from lib.findings import Finding


@dataclass(frozen=True)
class Key:
    """The question whether a table's key occurs once."""

    table: Table

    def finding(self, surplus: int, orphans: int) -> Finding:
        """The answer; `orphans` does not concern a key."""
        del orphans
        observed = f"{surplus:,} rows too many" if surplus else "unique"
        return Finding(
            self.table.path, f"key: {', '.join(self.table.key)}", not surplus, observed, "unique", self.table.grain
        )

    def entries(self, name: str, number: int) -> Iterable[str]:
        """What each row of table `name` contributes."""
        if name == self.table.name:
            yield _entry(number, [f"`{column}`" for column in self.table.key], referring=0, referred=1)


@dataclass(frozen=True)
class Link:
    """The question whether every value of a column stands in the column that it refers to."""

    table: Table
    column: str
    to_table: str
    to_column: str
    description: str

    def finding(self, surplus: int, orphans: int) -> Finding:
        """The answer; `surplus` does not concern a relationship."""
        del surplus
        observed = f"{orphans:,} rows without" if orphans else "no orphan"
        expected = f"every value stands in {self.to_table}.{self.to_column}"
        return Finding(
            self.table.path, f"{self.column}: relationship", not orphans, observed, expected, self.description
        )

    def entries(self, name: str, number: int) -> Iterable[str]:
        """What each row of table `name` contributes; keys are compared as text, whatever their integer type."""
        if name == self.table.name:
            yield _entry(number, [f"cast(`{self.column}` as string)"], referring=1, referred=0)
        if name == self.to_table:
            yield _entry(number, [f"cast(`{self.to_column}` as string)"], referring=0, referred=1)


Question = Key | Link


def questions(catalog: Catalog, sound: Collection[str], changed: Collection[str]) -> tuple[Question, ...]:
    """The questions about changed tables, as far as all tables concerned are sound; both are sets of table names."""
    tables = [table for table in catalog if table.name in sound]
    keys = [Key(table) for table in tables if table.key and table.name in changed]
    links = [link for table in tables for link in _links(table)]
    return (
        *keys,
        *(link for link in links if link.to_table in sound and {link.table.name, link.to_table} & set(changed)),
    )


def findings(asked: Sequence[Question], frames: Mapping[str, DataFrame]) -> tuple[Finding, ...]:
    """The answers, from the frames of the tables concerned (name -> frame)."""
    parts = [part for name, frame in frames.items() if (part := _part(name, frame, asked)) is not None]
    if not parts:
        return ()
    entries = reduce(DataFrame.unionAll, parts).groupBy("question", "low", "high")
    keys = entries.agg(F.sum("referring").alias("referring"), F.sum("referred").alias("referred"))
    answers = keys.groupBy("question").agg(
        F.sum(F.greatest(F.col("referred") - 1, F.lit(0))).alias("surplus"),
        F.sum(F.when(F.col("referred") == 0, F.col("referring")).otherwise(0)).alias("orphans"),
    )
    found = {row["question"]: (row["surplus"], row["orphans"]) for row in answers.collect()}
    return tuple(question.finding(*found.get(number, (0, 0))) for number, question in enumerate(asked))


def _links(table: Table) -> Iterable[Link]:
    for column in table.stored:
        if column.references:
            to_table, to_column = column.references.split(".", maxsplit=1)
            yield Link(table, column.name, to_table, to_column, column.description)


def _part(name: str, frame: DataFrame, asked: Sequence[Question]) -> DataFrame | None:
    entries = [entry for number, question in enumerate(asked) for entry in question.entries(name, number)]
    return frame.selectExpr(f"inline(array_compact(array({', '.join(entries)})))") if entries else None


def _entry(number: int, columns: Sequence[str], *, referring: int, referred: int) -> str:
    values = ", ".join(columns)
    # What is NULL is missing, not wrong: whether it may be missing is asked elsewhere.
    missing = " and ".join(f"{column} is null" for column in columns)
    entry = (
        f"named_struct('question', {number}, 'low', xxhash64({values}), 'high', hash({values}), "
        f"'referring', {referring}, 'referred', {referred})"
    )
    return f"case when not ({missing}) then {entry} end"
