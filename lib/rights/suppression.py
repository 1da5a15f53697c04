"""The suppression list: erased persons stay out, even if a later file brings them again.

It holds tokens under its own key, so that it cannot be compared with other data of the lake, and stays valid when the
pseudonyms get a new key.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lib import keys
from lib.contracts.model import Table
from lib.delta.lake import Lake
from lib.delta.tables import BATCH
from lib.normal_form import trimmed
from lib.sources.row_positions import FILE

SUPPRESSIONS = "rights/suppressions"
ENTRY = "token"
MARK = "_suppressed_by"


def add(lake: Lake, tokens: Iterable[str], day: dt.date) -> None:
    """Put persons on the list; a person who is already on it keeps the first day."""
    table = lake.catalog[SUPPRESSIONS]
    known = {row[ENTRY] for row in lake.tables.read(table).select(ENTRY).collect()}
    rows = [(token, day) for token in sorted(set(tokens) - known)]
    if rows:
        lake.tables.append(table, lake.spark.createDataFrame(rows, table.schema))


def listed(lake: Lake, tokens: Iterable[str]) -> set[str]:
    """The tokens that are on the list."""
    wanted = set(tokens)
    return {row[ENTRY] for row in lake.tables.read(lake.catalog[SUPPRESSIONS]).collect() if row[ENTRY] in wanted}


def lift(lake: Lake, tokens: Iterable[str]) -> None:
    """Take persons off the list, from its older versions too."""
    rows = [(token,) for token in sorted(tokens)]
    if rows:
        table = lake.catalog[SUPPRESSIONS]
        lake.tables.delete(table, lake.spark.createDataFrame(rows, f"{ENTRY} string"))
        lake.tables.vacuum(table)


def still_there(lake: Lake, bronze: Sequence[Table]) -> int:
    """The number of persons on the list who have a row in bronze: their erasure began and is not finished."""
    stated = [lake.tables.read(table).select(trimmed(F.col(str(table.subject))).alias(MARK)) for table in bronze]
    ids = reduce(DataFrame.unionAll, stated).where(f"{MARK} is not null")
    listed = lake.tables.read(lake.catalog[SUPPRESSIONS]).select(F.col(ENTRY).alias(MARK))
    return keys.with_pseudonym(ids.distinct(), MARK, MARK, key(lake)).join(listed, on=MARK, how="left_semi").count()


def key(lake: Lake) -> bytes:
    """The key of the tokens."""
    return keys.secret_key(lake.settings.secrets, keys.SUPPRESSION_KEY)


def keep_out(lake: Lake, frame: DataFrame, bronze: Table) -> tuple[DataFrame, dict[tuple[str, str], int]]:
    """`frame`, rows for bronze, without those of suppressed persons; and the number of these by batch and file.

    If the list is empty, or rows name no person, the frame is returned unchanged, and no row is read.
    """
    table = lake.catalog[SUPPRESSIONS]
    if bronze.subject is None or lake.tables.version(table) is None or lake.tables.read(table).isEmpty():
        return frame, {}
    marked = frame.withColumn(MARK, trimmed(F.col(bronze.subject)))
    marked = keys.with_pseudonym(marked, MARK, MARK, key(lake))
    tokens = F.broadcast(lake.tables.read(table).select(F.col(ENTRY).alias(MARK)))
    # Read twice and not kept in between: the remains of a killed process on the disk would hold exactly these persons.
    out = marked.join(tokens, on=MARK, how="left_semi").groupBy(BATCH, FILE).count().collect()
    entering = marked.join(tokens, on=MARK, how="left_anti").select(*frame.columns)
    return entering, {(row[BATCH], row[FILE]): row["count"] for row in out}
