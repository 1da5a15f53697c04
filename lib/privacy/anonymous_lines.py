"""The sales of erased persons, kept as anonymous lines, so that past totals stay.

The key of an open line is computed from the sale and a secret, so that a repeated request makes the same line of a
sale. Once the person has been deleted, the line gets a key that leads to nobody.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lib import address, keys
from lib.build.transformations import transform
from lib.contracts.model import Catalog, Table
from lib.delta.lake import Lake
from lib.delta.pins import Pins
from lib.delta.small import in_memory
from lib.privacy import subjects
from lib.rights import suppression

OPEN_LINE = "open-"  # begins the key of a line whose person has not been deleted yet


def keep(lake: Lake, people: DataFrame) -> int:
    """Keep the persons' sales as open lines; return their number."""
    return sum(_keep(lake, table, people) for table in _tables(lake))


def _tables(lake: Lake) -> list[Table]:
    return [table for table in lake.catalog if table.load == "anonymous"]


def _keep(lake: Lake, table: Table, people: DataFrame) -> int:
    """Add the persons' sales to `table`, as open lines; return the number of lines.

    A sale that is an open line already is not added again.
    """
    lines = _open_lines(lake, table, people)
    count = lines.count()
    before = lake.tables.read(table)
    new = lines.join(before.select(*table.key), on=list(table.key), how="left_anti")
    if not new.isEmpty():
        _rewrite(lake, table, before.unionByName(new))
    return count


def _open_lines(lake: Lake, table: Table, people: DataFrame) -> DataFrame:
    """The anonymous lines of the persons' sales. Until it is unlinked, a sale's line always gets the same key."""
    for name in table.remembers:
        source = lake.catalog[name]
        rows = subjects.rows_of(lake, source, people) if source.subject else lake.tables.read(source)
        rows.createOrReplaceTempView(f"known_{name}")
    (key,) = table.key
    secret = hmac.new(suppression.key(lake), OPEN_LINE.encode(), hashlib.sha256).digest()
    lines = keys.with_pseudonym(transform(lake.spark, table, {}), key, key, secret)
    lines = lines.withColumn(key, F.concat(F.lit(OPEN_LINE), key))
    return lake.tables.conform(lines, table).localCheckpoint()


def _rewrite(lake: Lake, table: Table, content: DataFrame) -> None:
    """Write the whole table in the order of the keys: no file or position shows which lines came together."""
    lake.tables.replace(table, content.coalesce(1).sortWithinPartitions(*table.key), files=1)


def _with_open_lines(lake: Lake) -> list[Table]:
    """The tables of anonymous lines that hold open lines."""
    stored = [table for table in _tables(lake) if lake.tables.version(table) is not None]
    return [table for table in stored if not lake.tables.read(table).where(_is_open(table)).isEmpty()]


def may_be_open(root: str, catalog: Catalog, base: Pins) -> bool:
    """Whether a table of anonymous lines may hold open ones, asked without Spark of the files of its newest version."""
    folder = address.local_path(root)
    tables = [table for table in catalog if table.load == "anonymous" and table.path in base.tables]
    files = [(table, f"{root}/{table.path}/{name}") for table in tables for name in base.tables[table.path].files]
    return bool(files) and (folder is None or any(_may_hold_open_line(table, file) for table, file in files))


def _may_hold_open_line(table: Table, file: str) -> bool:
    (key,) = table.key
    try:
        keys = in_memory([file])[key]
    except (OSError, pa.ArrowException):
        return True  # it is damaged: Spark reads it next, and says so
    return bool(pc.any(pc.starts_with(keys, OPEN_LINE)).as_py())


def _is_open(table: Table) -> Column:
    (key,) = table.key
    return F.col(key).startswith(OPEN_LINE)


def unlink(lake: Lake, salt: bytes) -> None:
    """Give open lines keys from a salt that is deleted with the request: then nobody can make these keys again."""
    for table in _with_open_lines(lake):
        (key,) = table.key
        content = lake.tables.read(table).withColumn("_open", F.col(key))
        redrawn = keys.with_pseudonym(content, "_open", "_drawn", salt)
        drawn = redrawn.withColumn(key, F.when(_is_open(table), F.col("_drawn")).otherwise(F.col(key)))
        _rewrite(lake, table, lake.tables.conform(drawn, table).localCheckpoint())


def mend(lake: Lake) -> bool:
    """Take back the open lines of a lost request whose persons are still in the lake, and unlink the others.

    The caller has finished all readable requests; these leave no open line. Returns whether there were any: then gold
    may hold persons who have left silver.
    """
    found = _with_open_lines(lake)
    for table in found:
        with lake.steps.step("mend"):
            counted_twice = _open_lines(lake, table, subjects.everybody(lake)).select(*table.key)
            content = lake.tables.read(table).join(counted_twice, on=list(table.key), how="left_anti")
            _rewrite(lake, table, content.localCheckpoint())
    unlink(lake, secrets.token_bytes(keys.KEY_BYTES))
    return bool(found)
