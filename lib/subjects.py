"""The data subjects that a request names: read from a file, found in the tables, told by each kind of key."""

from __future__ import annotations

import hashlib
import hmac
import sys
from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path
from types import MappingProxyType

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lib import bronze, keys, suppression
from lib.census import stored_subjects
from lib.contracts import SUBJECT_BY, Table
from lib.errors import UsageError
from lib.lake import Lake
from lib.literals import trimmed

NUMBER = "_subject"  # of the subject in the request, from 0: what may be shown of it


def read_ids(place: str) -> tuple[str, ...]:
    """The source user ids of a file, or of the standard input (`-`): one a line, each once, blanks around it removed.

    They never come by the command line, which every user of the machine may read.

    Raises `UsageError` if the file cannot be read or names nobody.
    """
    try:
        text = sys.stdin.read() if place == "-" else Path(place).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"The file of subjects cannot be read ({type(error).__name__}).", "Check --subjects."
        ) from error
    ids = tuple(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
    if not ids:
        raise UsageError("The file of subjects names nobody.", "Write one user id of the source a line.")
    return ids


def pseudonym(text: str, key: bytes) -> str:
    """What `keys.with_pseudonym` gives for one text."""
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def frame(lake: Lake, ids: Sequence[str]) -> DataFrame:
    """One row per subject: its number in the request, and a column for each kind of key that leads to it."""
    pseudonym_key = keys.secret_key(lake.settings.secrets, bronze.PSEUDONYM_KEY)
    suppression_key = suppression.key(lake)
    rows = [
        (number, one, pseudonym(one, pseudonym_key), pseudonym(one, suppression_key)) for number, one in enumerate(ids)
    ]
    found = lake.spark.createDataFrame(
        rows, f"{NUMBER} int, source_id string, pseudonym string, suppression_token string"
    )
    return found.select(F.col(NUMBER), *_by_kind())


def _by_kind() -> list[Column]:
    hashed = F.xxhash64("pseudonym").alias("hashed_pseudonym")
    return [hashed if kind == "hashed_pseudonym" else F.col(kind) for kind in SUBJECT_BY]


def values(people: DataFrame) -> dict[str, list[str]]:
    """The subjects' keys of each kind, as text."""
    rows = people.collect()
    return {kind: [str(row[kind]) for row in rows] for kind in SUBJECT_BY}


def keys_of(lake: Lake, table: Table, subjects: DataFrame) -> DataFrame:
    """The values of the table's subject column that lead to one of the subjects, with the subject's number.

    Source ids stand in bronze as they came, with the blanks that typing removes.
    """
    name, kind = str(table.subject), str(table.subject_by)
    known = F.broadcast(subjects.select(NUMBER, F.col(kind).alias("_key")))
    if kind != "source_id":
        return known.withColumnRenamed("_key", name)
    values = lake.tables.read(table).select(name).where(F.col(name).isNotNull()).distinct()
    return values.join(known, on=trimmed(F.col(name)) == F.col("_key")).select(NUMBER, name)


def rows_of(lake: Lake, table: Table, subjects: DataFrame) -> DataFrame:
    """The table's rows of the subjects, with the subject's number."""
    return lake.tables.read(table).join(F.broadcast(keys_of(lake, table, subjects)), on=str(table.subject))


def known(
    lake: Lake, ids: Sequence[str], but: Mapping[str, Column] = MappingProxyType({})
) -> dict[str, dict[int, int]]:
    """By table, the number of rows of each subject that has any there; rows that `but` names for a table left out."""
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
