"""The scope of a breach (Art. 33): the number of persons by table, the kinds of data, and their protection."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from lib import faults
from lib.contracts import coverage
from lib.contracts.model import Table
from lib.delta import deltalog
from lib.delta.lake import Lake
from lib.errors import UsageError

FORM = re.compile(r"([a-z_]+/[a-z_]+)(?:@(\d+))?\Z")
PROTECTION = {
    "source_id": "none: identifiers of the source and attributes in plain text",
    "pseudonym": "pseudonyms under a secret key; attributes in plain text",
    "hashed_pseudonym": "hashes of pseudonyms under a secret key; attributes in plain text",
    "suppression_token": "tokens under a secret key of their own",
}
MISSING = re.compile("FILE_NOT_EXIST|FileNotFoundException")
NOBODY = "no row leads to a person"


@dataclass(frozen=True)
class Scope:
    """One version of a table: numbers of persons and rows, the kinds of data, and their protection."""

    table: str
    version: int
    persons: int
    rows: int
    categories: tuple[str, ...]
    columns: tuple[str, ...]
    protection: str


def scope(lake: Lake, places: Sequence[str]) -> list[Scope]:
    """The scope of tables, each named as `layer/table` or `layer/table@version`; by default all tables with persons.

    Raises `UsageError` if a table or version is not in this lake.
    """
    stored = [table for table in coverage.stored_subjects(lake.catalog) if lake.tables.version(table) is not None]
    return [_scope(lake, place) for place in places or [table.path for table in stored]]


def _scope(lake: Lake, place: str) -> Scope:
    match = FORM.match(place)
    if match is None:
        raise UsageError(f"'{place}' names no table.", "Write layer/table, or layer/table@version.")
    table = lake.catalog[match[1]]
    newest = lake.tables.version(table)
    version = int(match[2]) if match[2] else newest
    if newest is None or version is None or version > newest:
        raise UsageError(f"There is no version {match[2] or 0} of {table.path} in this lake.", f"Newest: {newest}.")
    if not deltalog.is_stated(lake.storage.names(f"{table.path}/{deltalog.LOG}"), version):
        raise _removed(table)
    rows = lake.tables.read(table, version)
    counted = _counted(lake, table, rows, is_newest=version == newest)
    return Scope(
        table=table.path,
        version=version,
        persons=counted["persons"],
        rows=counted["rows"],
        categories=table.data_categories,
        columns=tuple(column.name for column in table.stored if column.personal),
        protection=PROTECTION[table.subject_by] if table.subject and table.subject_by else NOBODY,
    )


def _counted(lake: Lake, table: Table, rows: DataFrame, *, is_newest: bool) -> Row:
    try:
        return rows.agg(F.count("*").alias("rows"), _persons(lake, table).alias("persons")).collect()[0]
    except (PySparkException, Py4JJavaError) as error:
        if is_newest or not any(map(MISSING.search, faults.texts(error))):
            raise
    # Not as a consequence of the missing file, which would be taken for damage.
    raise _removed(table)


def _removed(table: Table) -> UsageError:
    return UsageError(
        f"The files of that version of {table.path} have been removed: nobody read it any more.",
        "Leave out the version: the newest one holds at least the persons who have not been erased since.",
    )


def _persons(lake: Lake, table: Table) -> Column:
    """The distinct persons; a dimension's members that stand for no particular person do not count."""
    if not table.subject:
        return F.lit(0)
    name = table.subject
    nobody = [member[name] for other in lake.catalog for member in other.members if name in member]
    subject = F.col(name)
    return F.count_distinct(F.when(~subject.isin(nobody), subject) if nobody else subject)
