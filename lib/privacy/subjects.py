"""The data subjects that a request names: found in the tables by each kind of key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from types import MappingProxyType

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lib import keys
from lib.build import bronze
from lib.contracts.coverage import stored_subjects
from lib.contracts.model import SUBJECT_BY, Table
from lib.delta.lake import Lake
from lib.normal_form import trimmed
from lib.rights import suppression

NEXT = "silver"  # the layer that is made of bronze
NUMBER = "_subject"  # of the subject in the request, from 0: only this number may be shown


def frame(lake: Lake, ids: Sequence[str]) -> DataFrame:
    """One row per subject: its number in the request, and a column for each kind of key that leads to it."""
    pseudonym_key = keys.secret_key(lake.settings.secrets, bronze.PSEUDONYM_KEY)
    suppression_key = suppression.key(lake)
    rows = [
        (number, one, keys.pseudonym(one, pseudonym_key), keys.pseudonym(one, suppression_key))
        for number, one in enumerate(ids)
    ]
    found = lake.spark.createDataFrame(
        rows, f"{NUMBER} int, source_id string, pseudonym string, suppression_token string"
    )
    return found.select(F.col(NUMBER), *_by_kind())


def everybody(lake: Lake) -> DataFrame:
    """All persons with a row in a stored table that is not recomputed: like `frame`, but without source ids."""
    key = keys.secret_key(lake.settings.secrets, bronze.PSEUDONYM_KEY)
    found = []
    for table in stored_subjects(lake.catalog):
        name = F.col(str(table.subject))
        if table.layer in (bronze.LAYER, NEXT) and table.subject_by == "source_id":
            ids = lake.tables.read(table).select(trimmed(name).alias("_id")).where("_id is not null").distinct()
            found.append(keys.with_pseudonym(ids, "_id", "pseudonym", key))
        elif table.layer in (bronze.LAYER, NEXT) and table.subject_by == "pseudonym":
            found.append(lake.tables.read(table).select(name.alias("pseudonym")).where("pseudonym is not null"))
    people = reduce(DataFrame.unionAll, found).distinct()
    nobody = F.lit(None).cast("string")
    numbered = people.select(
        F.lit(0).alias(NUMBER), "pseudonym", nobody.alias("source_id"), nobody.alias("suppression_token")
    )
    return numbered.select(F.col(NUMBER), *_by_kind()).localCheckpoint()


def _by_kind() -> list[Column]:
    hashed = F.xxhash64("pseudonym").alias("hashed_pseudonym")
    return [hashed if kind == "hashed_pseudonym" else F.col(kind) for kind in SUBJECT_BY]


def values(people: DataFrame) -> dict[str, list[str]]:
    """The subjects' keys of each kind, as text."""
    rows = people.collect()
    return {kind: [str(row[kind]) for row in rows] for kind in SUBJECT_BY}


def keys_of(lake: Lake, table: Table, subjects: DataFrame) -> DataFrame:
    """The values of the table's subject column that lead to one of the subjects, with the subject's number.

    Source ids are unchanged in bronze; typing gives them their normal form.
    """
    name, kind = str(table.subject), str(table.subject_by)
    known = F.broadcast(subjects.select(NUMBER, F.col(kind).alias("_key")))
    if kind != "source_id":
        return known.withColumnRenamed("_key", name)
    values = lake.tables.read(table).select(name).where(F.col(name).isNotNull()).distinct()
    return values.select(name, trimmed(F.col(name)).alias("_key")).join(known, on="_key").select(NUMBER, name)


def rows_of(lake: Lake, table: Table, subjects: DataFrame) -> DataFrame:
    """The table's rows of the subjects, with the subject's number."""
    return lake.tables.read(table).join(F.broadcast(keys_of(lake, table, subjects)), on=str(table.subject))


def counts(lake: Lake, found: Mapping[str, Mapping[int, int]]) -> dict[str, int]:
    """The number of found rows in each table from which subjects can be removed; `found` is a result of `known`."""
    return {path: sum(rows.values()) for path, rows in found.items() if not lake.catalog[path].exempt}


def known(
    lake: Lake, ids: Sequence[str], but: Mapping[str, Column] = MappingProxyType({})
) -> dict[str, dict[int, int]]:
    """The number of rows of each subject by table, without the rows that `but` names for a table."""
    subjects = frame(lake, ids)
    tables = [t for t in stored_subjects(lake.catalog) if lake.tables.version(t) is not None]
    everything = F.lit(1) == F.lit(1)
    counted = [
        rows_of(lake, table, subjects)
        .where(~but[table.path] if table.path in but else everything)
        .groupBy(NUMBER)
        .count()
        .select(F.lit(table.path).alias("path"), NUMBER, "count")
        for table in tables
    ]
    found: dict[str, dict[int, int]] = {table.path: {} for table in tables}
    if counted:
        for row in reduce(DataFrame.unionAll, counted).collect():
            found[row["path"]][row[NUMBER]] = row["count"]
    return found
