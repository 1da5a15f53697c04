"""The corrections of persons (Art. 16): a corrected value replaces the source's value.

A correction holds for every observation of the person, also in later files, until it is lifted: a wrong value was never
true. It is applied where bronze is typed, so that row rules, silver, gold and marts see only the corrected value, also
in a full rebuild. Bronze keeps the source's value.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, DecimalException
from typing import Any

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lib.contracts.model import Catalog, Column, Table
from lib.delta.lake import Lake
from lib.errors import UsageError, nearest
from lib.normal_form import BLANKS, normal
from lib.rights import listings
from lib.rights.asked import Asked, require_unspoilt
from lib.sources.casting import TYPES
from lib.sql import quoted

CORRECTIONS = "rights/corrections"
OPTION = "--corrections"
ATTRIBUTE, VALUE = "attribute", "value"
STATED, WHOM = "_corrected", "_corrected_of"
READERS: Mapping[str, Callable[[str], object]] = {
    "string": str, "date": dt.date.fromisoformat, "integer": int, "number": Decimal,
}  # fmt: skip
Correction = tuple[str, str, str | None]  # source id, column, value (None: not known)


@dataclass(frozen=True)
class Stated:
    """The corrections of a file, and the persons whom it names with the numbers of their lines."""

    corrections: tuple[Correction, ...]
    asked: Asked


def read(place: str, catalog: Catalog, bronze: Sequence[Table], *, known_only: bool = False) -> Stated:
    """The corrections of a file (`-`: standard input): one JSON object a line, with a person and values.

    `bronze` are the tables that hold the columns to be corrected. Raises `UsageError` that names line and column, never
    a value; also if two lines contradict each other.
    """
    stored = [column for table in bronze for column in table.stored]
    columns = {column.name: column for column in stored if column.name in _attributes(catalog)}
    subjects = list(dict.fromkeys(str(table.subject) for table in bronze))
    values: dict[tuple[str, str], tuple[int, str | None]] = {}
    persons: dict[str, list[int]] = {}
    for number, line in listings.lines(place, OPTION):
        for one, name, value in _of_line(number, line, subjects, columns):
            first, before = values.setdefault((one, name), (number, value))
            if _read(columns[name], before) != _read(columns[name], value):
                raise UsageError(
                    f"Lines {first} and {number} state two values of '{name}' for one person.", "Leave one of them."
                )
            persons.setdefault(one, []).append(number)
    if not values:
        raise UsageError("The file holds no correction.", f"Write {_example(subjects[0])} a line.")
    require_unspoilt(persons)
    return Stated(
        tuple((one, name, value) for (one, name), (_, value) in values.items()), Asked(persons, known_only=known_only)
    )


def _attributes(catalog: Catalog) -> tuple[str, ...]:
    """The columns that may be corrected, as the contract lists them."""
    return next(column.values for column in catalog[CORRECTIONS].stored if column.name == ATTRIBUTE)


def _example(subject: str) -> str:
    return json.dumps({subject: "...", "COLUMN": "VALUE"})


def _of_line(number: int, line: str, subjects: Sequence[str], columns: Mapping[str, Column]) -> Iterable[Correction]:
    stated = _object(number, line)
    whom = next((stated.pop(name) for name in subjects if name in stated), "")
    one = normal(whom) if isinstance(whom, str) else ""
    if not one:
        raise UsageError(f"Line {number} names no person.", f"State '{subjects[0]}'.")
    for name, value in stated.items():
        if name not in columns:
            raise UsageError(f"Line {number}: '{name}' cannot be corrected.", nearest(name, columns))
        yield one, name, _checked(number, columns[name], value)


def _object(number: int, line: str) -> dict[str, Any]:
    """Numbers are kept as text, so that no digit of an id is lost."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(found)) < len(found):
            raise UsageError(f"Line {number} states a column twice.", "Leave one of the values.")
        return dict(found)

    try:
        # Blank characters around the object that JSON does not know, for example a byte-order mark, are ignored.
        stated = json.loads(line.strip(BLANKS), parse_int=str, parse_float=str, object_pairs_hook=pairs)
    except ValueError:
        stated = None
    if not isinstance(stated, dict):
        raise UsageError(f"Line {number} is not a JSON object.", "Write one object a line.")
    return stated


def _checked(number: int, column: Column, value: object) -> str | None:
    if value is None:
        return None
    text = normal(value) if isinstance(value, str) else ""
    try:
        _read(column, text)
    except (ValueError, DecimalException):
        text = ""
    if not text:
        raise UsageError(
            f"Line {number}: '{column.name}' is not a valid {column.logical_type}.",
            "Write dates as YYYY-MM-DD, numbers with a point, null for what is not known.",
        )
    return text


def _read(column: Column, value: str | None) -> object:
    return None if value is None else READERS[column.logical_type](value)


def record(lake: Lake, corrections: Sequence[Sequence[str | None]], day: dt.date) -> None:
    """Enter corrections; a column that was corrected before gets the new value, in older versions of the list too."""
    table = lake.catalog[CORRECTIONS]
    rows = [(*each, day) for each in corrections]
    lake.tables.upsert(table, lake.spark.createDataFrame(rows, table.schema))
    lake.tables.vacuum(table)


def lift(lake: Lake, ids: Iterable[str]) -> None:
    """Remove all corrections of persons, from the list's older versions too: the source's values apply again."""
    table = lake.catalog[CORRECTIONS]
    lake.tables.delete(table, lake.spark.createDataFrame([(one,) for one in ids], f"{table.subject} string"))
    lake.tables.vacuum(table)


def held(lake: Lake) -> set[str]:
    """The source ids of the persons with corrections."""
    table = lake.catalog[CORRECTIONS]
    return {row[0] for row in lake.tables.read(table).select(str(table.subject)).distinct().collect()}


def attributes(lake: Lake, ids: Iterable[str]) -> set[str]:
    """The columns that are corrected for these persons."""
    table, persons = lake.catalog[CORRECTIONS], set(ids)
    rows = lake.tables.read(table).select(str(table.subject), ATTRIBUTE).collect()
    return {row[ATTRIBUTE] for row in rows if row[0] in persons}


def applied(lake: Lake, frame: DataFrame, bronze: Table) -> DataFrame:
    """`frame`, typed rows of bronze, with the corrected values instead of the source's."""
    table = lake.catalog[CORRECTIONS]
    listed = lake.tables.read(table)
    if bronze.subject is None or lake.tables.version(table) is None or listed.isEmpty():
        return frame
    of_person = F.map_from_entries(F.collect_list(F.struct(ATTRIBUTE, VALUE))).alias(STATED)
    stated = listed.groupBy(F.col(str(table.subject)).alias(WHOM)).agg(of_person)
    both = frame.join(F.broadcast(stated), on=F.col(bronze.subject) == F.col(WHOM), how="left")
    types = {column.name: column.logical_type for column in bronze.stored if column.name in _attributes(lake.catalog)}
    return both.select(*(_value(name, types[name]) if name in types else F.col(quoted(name)) for name in frame.columns))


def _value(name: str, logical_type: str) -> SparkColumn:
    corrected = F.map_contains_key(STATED, name)
    return F.when(corrected, F.col(STATED)[name].try_cast(TYPES[logical_type])).otherwise(F.col(name)).alias(name)
