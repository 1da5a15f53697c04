"""Persons who restricted the use of their data (Art. 18) or objected to it (Art. 21): gold is computed by this list.

Persons are named by the source's id, as in bronze. So neither a full rebuild nor a new key for the pseudonyms loses
anybody, and an erased person is also removed from the list.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lib import keys
from lib.contracts.model import Table
from lib.delta.lake import Lake

RESTRICTIONS = "rights/restrictions"
RIGHT = "right"
RESTRICTION, OBJECTION = "restriction", "objection"


def table(lake: Lake) -> Table:
    """The table of the list."""
    return lake.catalog[RESTRICTIONS]


def record(lake: Lake, ids: Iterable[str], right: str, day: dt.date) -> None:
    """Put persons on the list; a person who is already on it with this right keeps the first day."""
    rows = [(one, right, day) for one in sorted(set(ids) - held(lake, right))]
    if rows:
        lake.tables.append(table(lake), lake.spark.createDataFrame(rows, table(lake).schema))


def lift(lake: Lake, ids: Iterable[str], right: str) -> None:
    """Take persons off the list, from its older versions too; another right that they exercised stays."""
    keys_of = [(one, right) for one in sorted(set(ids))]
    schema = f"{table(lake).subject} string, {RIGHT} string"
    lake.tables.delete(table(lake), lake.spark.createDataFrame(keys_of, schema))
    lake.tables.vacuum(table(lake))


def held(lake: Lake, right: str) -> set[str]:
    """The source ids of the persons who exercised this right."""
    listed = lake.tables.read(table(lake)).where(F.col(RIGHT) == F.lit(right))
    return {row[0] for row in listed.select(str(table(lake).subject)).collect()}


def pseudonymous(lake: Lake, key: bytes) -> DataFrame:
    """The list as gold reads it: with pseudonyms instead of the source's ids."""
    listed = lake.tables.read(table(lake))
    if listed.isEmpty():
        listed = listed.limit(0)  # the optimizer sees this, so that an empty list costs nothing
    for column in table(lake).stored:
        if column.encrypted_name:
            listed = keys.with_pseudonym(listed, column.name, column.encrypted_name, key)
    return listed
