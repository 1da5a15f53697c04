"""Keys and relationships of many tables.

The result of each question is one figure: the number of wrong rows. Questions about rows in memory are answered there,
all others by one query of Spark: each is an aggregate over its columns, so it reads only these from a columnar file. A
relationship is looked up once per different value, not once per row. After a run that changed some rows only, values
can lack that these rows refer to, or that were there before. Usually none does, and then no other row is asked.
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
        asked, known = staged[self.table.name], staged[self.to_table]
        if known.rows is None or asked.judged is None:
            return None
        values = asked.judged[self.column]
        if asked.rows is None:
            earlier = known.earlier_in_memory(self.to_column)
            if earlier is None:
                return None
            values = pa.chunked_array([*_as_text(values).chunks, *_as_text(earlier).chunks], pa.string())
        orphans = _orphans(values, known.rows[self.to_column])
        return orphans if asked.rows is not None or orphans == 0 else None

    def suspects(self, staged: Mapping[str, Staged]) -> DataFrame | None:
        """One row with the number of values that may lack: those of touched rows, and those that were there before.

        None if every row is to be asked.
        """
        lacking = self._lacking(staged)
        return None if lacking is None else lacking.agg(F.count("*").alias("wrong"))

    def wrong(self, staged: Mapping[str, Staged]) -> DataFrame:
        """One row with the number of rows that refer to nothing."""
        values, lacking = _keys(staged[self.table.name].frame, self.column), self._lacking(staged)
        if lacking is not None:
            return values.join(lacking, "key", "left_semi").agg(F.count("*").alias("wrong"))
        counted = values.where(F.col("key").isNotNull()).groupBy("key").agg(F.count("*").alias("rows"))
        return _total(counted.join(_keys(staged[self.to_table].view, self.to_column), "key", "left_anti"))

    def _lacking(self, staged: Mapping[str, Staged]) -> DataFrame | None:
        """The values that do not exist, among those that a run can have brought or taken away; None: among all."""
        asked, known = staged[self.table.name], staged[self.to_table]
        earlier = known.earlier(self.to_column)
        if earlier is None or asked.selected is None:
            return None
        values = _keys(asked.touched, self.column).unionAll(_keys(earlier, self.to_column))
        values = values.where(F.col("key").isNotNull()).distinct()
        # Of a large table only the values in question are of interest. These are few, unless all of it is new.
        is_new = known.rows is None and known.selected is None and not known.is_unchanged
        few = F.broadcast(values) if asked.judged is not None and not is_new else values
        return values.join(_keys(known.view, self.to_column).join(few, "key", "left_semi"), "key", "left_anti")

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
    """The figures by the questions' numbers. Where nothing is suspected, nothing is wrong."""
    links = {number: question for number, question in asked.items() if isinstance(question, Link)}
    suspects = {number: frame for number, link in links.items() if (frame := link.suspects(staged)) is not None}
    counted = {number: question.wrong(staged) for number, question in asked.items() if number not in suspects}
    found = _collected(counted | suspects)
    wrong = [number for number in suspects if found[number]]
    return found | _collected({number: asked[number].wrong(staged) for number in wrong})


def _collected(counts: Mapping[int, DataFrame]) -> dict[int, int]:
    """The figure of each frame, by one query."""
    if not counts:
        return {}
    numbered = (frame.select(F.lit(number).alias("question"), "wrong") for number, frame in counts.items())
    return {row["question"]: row["wrong"] for row in reduce(DataFrame.unionAll, numbered).collect()}


def _links(table: Table) -> Iterable[Link]:
    for column in table.stored:
        if column.references:
            to_table, to_column = column.references.split(".", maxsplit=1)
            yield Link(table, column.name, to_table, to_column, column.description)


def _keys(rows: DataFrame, column: str) -> DataFrame:
    """One column as text: integers of different widths are compared as equal."""
    return rows.select(F.col(quoted(column)).cast("string").alias("key"))


def _orphans(values: pa.ChunkedArray, known: pa.ChunkedArray) -> int:
    values = values.drop_null()
    if known.type != values.type:
        known, values = _as_text(known), _as_text(values)
    return int(pc.sum(pc.invert(pc.is_in(values, value_set=known))).as_py() or 0)


def _as_text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return values.cast(pa.string())


def _total(counted: DataFrame) -> DataFrame:
    return counted.agg(F.coalesce(F.sum("rows"), F.lit(0)).alias("wrong"))
