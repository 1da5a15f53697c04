"""The values that only one data subject has in the lake: a scan must search for them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lib import keys
from lib.build import bronze
from lib.contracts.coverage import stored_subjects
from lib.contracts.model import Catalog, Column, Table
from lib.delta.lake import Lake
from lib.privacy import subjects
from lib.residue.residue import WINDOW, Wanted
from lib.sources.casting import ISO_FORM
from lib.sql import quoted

TEXT, INTEGER = "text", "integer"
KIND, NAME, VALUE = "kind", "name", "value"
FOLDED = "_folded"
NUMBER = re.compile(r"[1-9][0-9]{7,17}\Z")  # a whole number of eight bytes, too long to be found by chance
SHAPE = f"{KIND} string, {NAME} string, {VALUE} string"


def of(lake: Lake, people: DataFrame) -> list[list[str]]:
    """Kind, column and value of every trace: keys and personal texts of the subjects' rows that no other row shares.

    Values shorter than eight bytes are left out: they identify a person only as the key of a row, and the scan searches
    for keys anyway (`wanted`). Days are left out too; a column of texts may hold them.
    """
    tables = [table for table in stored_subjects(lake.catalog) if lake.tables.version(table) is not None]
    mine = _all(lake, (_exploded(subjects.rows_of(lake, table, people), _telling(table)) for table in tables))
    told = (F.octet_length(VALUE) >= WINDOW) & ~F.col(VALUE).rlike(ISO_FORM)
    candidates = mine.where(told).distinct().localCheckpoint()
    others = _all(lake, (_exploded(_other_rows(lake, table, people), _telling(table)) for table in tables))
    shared = _among(others, candidates)
    own = candidates.withColumn(FOLDED, F.lower(VALUE)).join(shared, on=FOLDED, how="left_anti")
    return [[row[KIND], row[NAME], row[VALUE]] for row in own.collect()]


def wanted(lake: Lake, people: DataFrame, found: Sequence[Sequence[str]]) -> tuple[Wanted, int]:
    """The values that a scan searches for after an erasure, and the number of values that it leaves out.

    It leaves out values that are still in a current table that leads to nobody: what only this person had
    is a statistic once the line is anonymous. It always searches for the keys of the subjects.
    """
    traces = lake.spark.createDataFrame([tuple(each) for each in found], SHAPE)
    nameless = [table for table in lake.catalog.stored if not table.subject]
    statistics = _all(lake, (_exploded(lake.tables.read(table), _texts(table)) for table in nameless))
    kept = {row[FOLDED] for row in _among(statistics, traces).collect()}
    keys = subjects.values(people)
    texts = {value for kind, _, value in found if kind == TEXT and value.lower() not in kept}
    # Persons who were erased before have no rows with traces; their keys can be computed at any time.
    texts |= {key for kind in ("source_id", "pseudonym") for key in keys[kind] if len(key.encode()) >= WINDOW}
    integers = {int(value) for kind, _, value in found if kind == INTEGER} | {int(k) for k in keys["hashed_pseudonym"]}
    names = {table.subject: table.subject_by for table in stored_subjects(lake.catalog) if "erase" not in table.exempt}
    short = {str(name): frozenset(keys[kind]) for name, kind in names.items() if kind in keys}
    return Wanted(frozenset(texts), frozenset(integers), short), len(kept)


def of_values(values: Iterable[str], catalog: Catalog, folder: Path) -> Wanted:
    """The values that a scan searches for if it gets only values: these, and the pseudonyms that they would have.

    `folder` is that of the secrets. No key is made: without a key no pseudonym exists.
    """
    values = list(values)
    texts = list(values)
    if (folder / f"{bronze.PSEUDONYM_KEY}.key").exists():
        key = keys.secret_key(folder, bronze.PSEUDONYM_KEY)
        texts += [keys.pseudonym(text, key) for text in texts]
    names = {str(table.subject) for table in stored_subjects(catalog)}
    long = frozenset(text for text in texts if len(text.encode()) >= WINDOW)
    numbers = frozenset(int(text) for text in values if NUMBER.match(text))
    return Wanted(long, numbers, short={name: frozenset(texts) for name in names})


def _telling(table: Table) -> list[Column]:
    """The columns whose values may belong to one person: keys and texts, but not days, numbers or listed values."""
    return [
        column
        for column in table.stored
        if (column.personal or column.primary_key)
        and not column.values
        and (column.physical_type == "bigint" or column.logical_type == column.physical_type == "string")
    ]


def _texts(table: Table) -> list[Column]:
    return [column for column in table.stored if column.physical_type == "string"]


def _other_rows(lake: Lake, table: Table, people: DataFrame) -> DataFrame:
    keys = F.broadcast(subjects.keys_of(lake, table, people).select(str(table.subject)))
    return lake.tables.read(table).join(keys, on=str(table.subject), how="left_anti")


def _exploded(rows: DataFrame, columns: Sequence[Column]) -> DataFrame:
    entries = [
        F.struct(
            F.lit(INTEGER if column.physical_type == "bigint" else TEXT).alias(KIND),
            F.lit(column.name).alias(NAME),
            F.trim(F.col(quoted(column.name)).cast("string")).alias(VALUE),
        )
        for column in columns
        if not column.name.startswith("_")
    ]
    if not entries:
        return rows.sparkSession.createDataFrame([], SHAPE)
    return rows.select(F.inline(F.array(*entries)))


def _among(rows: DataFrame, candidates: DataFrame) -> DataFrame:
    """The candidates that are in the rows, in small letters: a scan ignores the case of letters."""
    folded = F.lower(VALUE).alias(FOLDED)
    known = candidates.select(folded).distinct()
    return rows.select(folded).join(F.broadcast(known), on=FOLDED, how="left_semi").distinct()


def _all(lake: Lake, frames: Iterator[DataFrame] | Iterable[DataFrame]) -> DataFrame:
    return reduce(DataFrame.unionAll, frames, lake.spark.createDataFrame([], SHAPE))
