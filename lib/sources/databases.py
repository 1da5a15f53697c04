"""Tables of databases as inputs: SQLite files and PostgreSQL servers, by Spark's JDBC reader, everything as text.

Passwords come from the environment (`PGPASSWORD`) or from `~/.pgpass`, never from an address.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from lib.errors import InputRefused, UsageError
from lib.sources.row_positions import ROW, Placed, position_in_task
from lib.sql import quoted

SCHEMES = ("sqlite", "postgresql")
CHUNK = 50_000
FETCH = "10000"
MODULUS = 1 << 64


@dataclass(frozen=True)
class DatabaseTable:
    """One table. `url` is its JDBC address, without a password; `address` is the operator's input."""

    address: str
    url: str
    driver: str
    table: str
    user: str | None = None
    schema: str | None = None

    @property
    def qualified(self) -> str:
        """The table's name as SQL."""
        return ".".join(_sql_name(name) for name in (self.schema, self.table) if name)


def is_address(location: str) -> bool:
    """Whether an input is the address of a database."""
    return location.partition("://")[0] in SCHEMES and "://" in location


def parse(address: str) -> DatabaseTable:
    """Read `sqlite:///file.db?table=t` or `postgresql://user@host:port/database?table=t` (and `&schema=s`).

    Raises `UsageError` if it names no table or holds a password.
    """
    parts = urlsplit(address)
    query = parse_qs(parts.query)
    if parts.password:
        raise UsageError("A database address must not hold a password.", "Set PGPASSWORD or use ~/.pgpass.")
    if "table" not in query or not parts.path.strip("/"):
        raise UsageError(f"{address} names no database and table.", "Write postgresql://user@host/db?table=name.")
    table, schema = query["table"][0], query.get("schema", [None])[0]
    if parts.scheme == "sqlite":
        return sqlite_table(unquote(parts.path)[1:], table, address)
    host = query.get("host", [parts.hostname or "localhost"])[0]
    port = query.get("port", [str(parts.port or 5432)])[0]
    url = f"jdbc:postgresql://{host}:{port}{parts.path}"
    return DatabaseTable(
        address, url, "org.postgresql.Driver", table, parts.username or os.environ.get("PGUSER"), schema
    )


def sqlite_table(path: str, table: str, address: str) -> DatabaseTable:
    """A table of a SQLite file on this machine."""
    if not os.path.isfile(path):  # noqa: PTH113 - SQLite would create the file
        raise InputRefused(f"There is no SQLite file {path}.", "Check --input.")
    return DatabaseTable(address, f"jdbc:sqlite:{path}", "org.sqlite.JDBC", table)


def gives_positions(spark: SparkSession, table: DatabaseTable) -> bool:
    """Whether the table itself states the positions of its rows, in the column `_row`."""
    return ROW in _reader(spark, table).columns


def row_count(spark: SparkSession, table: DatabaseTable) -> DataFrame:
    """One row with the number of the table's `rows`, counted by the database."""
    query = f'(select count(*) as "rows" from {table.qualified}) counted'
    return spark.read.format("jdbc").options(**_options(table) | {"dbtable": query}, customSchema="rows bigint").load()


def columns(spark: SparkSession, table: DatabaseTable) -> tuple[str, ...]:
    """The names of the table's columns, without the row number."""
    return tuple(name for name in _reader(spark, table).columns if name != ROW)


def table_records(spark: SparkSession, table: DatabaseTable, placed: Placed) -> DataFrame:
    """The records of a table (`lib.sources.record_parsing`), numbered by `_row`, or else by the order of their text."""
    header = placed.part.header
    numbered = _numbered(spark, table, header)
    return numbered.select(
        F.lit(placed.part.name).alias("_file"),
        ROW,
        F.lit(placed.batch_id).alias("_batch_id"),
        F.lit(placed.extract_date).cast("date").alias("_extract_date"),
        F.lit(None).cast("string").alias("_corrupt_record"),
        F.struct(*(F.col(quoted(name)).alias(f"c{at}") for at, name in enumerate(header))).alias("record"),
    )


def digest(spark: SparkSession, table: DatabaseTable, header: tuple[str, ...]) -> str:
    """The SHA-256 of the table's rows in their order, computed in portions that fit one task."""
    rows = _numbered(spark, table, header).select(ROW, F.sha2(_canonical(header), 256).alias("hash"))
    lines = F.array_join(F.transform(F.sort_array(F.collect_list(F.struct(ROW, "hash"))), _line), "\n")
    portion = F.floor((F.col(ROW) - 1) / CHUNK).alias("portion")
    portions = rows.groupBy(portion).agg(F.sha2(lines, 256).alias("hash")).orderBy("portion").collect()
    return hashlib.sha256("\n".join(row["hash"] for row in portions).encode()).hexdigest()


def count_and_checksum(spark: SparkSession, table: DatabaseTable, header: tuple[str, ...]) -> tuple[int, int]:
    """Rows, and the sum modulo 2^64 of the first 64 bits of each row's SHA-256, as in a splitter's manifest."""
    number = F.conv(F.substring(F.sha2(_canonical(header), 256), 1, 16), 16, 10).cast("decimal(38,0)")
    row = _numbered(spark, table, header).agg(F.count("*").alias("rows"), F.sum(number).alias("sum")).collect()[0]
    return int(row["rows"]), int(row["sum"] or 0) % MODULUS


def _line(entry: Column) -> Column:
    return F.concat_ws(" ", entry[ROW].cast("string"), entry["hash"])


def _canonical(header: tuple[str, ...]) -> Column:
    """A row's fields, joined so that two different rows never have the same form (docs/splitter.md)."""
    fields = [F.col(quoted(name)) for name in header]
    return F.concat_ws("\0,", *(F.when(f.isNull(), "").when(f == "", "\0E").otherwise(f) for f in fields))


def _numbered(spark: SparkSession, table: DatabaseTable, header: tuple[str, ...]) -> DataFrame:
    rows = _reader(spark, table)
    names = [quoted(name) for name in header]
    if ROW in rows.columns:
        return rows.select(F.col(ROW).cast("bigint").alias(ROW), *names)
    ordered = rows.select(*names).coalesce(1).sortWithinPartitions(*names)
    return ordered.select((position_in_task() + 1).alias(ROW), *names)


def _options(table: DatabaseTable) -> dict[str, str]:
    options = {"url": table.url, "driver": table.driver, "dbtable": table.qualified, "fetchsize": FETCH}
    sqlite = table.url.startswith("jdbc:sqlite:")
    options |= {"open_mode": "1"} if sqlite else {}  # read only
    options |= {"user": table.user} if table.user else {}
    options |= {"password": os.environ["PGPASSWORD"]} if "PGPASSWORD" in os.environ and not sqlite else {}
    return options


def _reader(spark: SparkSession, table: DatabaseTable) -> DataFrame:
    options = _options(table)
    try:
        found = spark.read.format("jdbc").options(**options).load()
        as_text = ", ".join(f"{quoted(name)} string" for name in found.columns)
        return spark.read.format("jdbc").options(**options, customSchema=as_text).load()
    except (Py4JJavaError, PySparkException) as error:
        raise InputRefused(
            f"{table.address} cannot be read.", "Check address, table, rights and PGPASSWORD."
        ) from error


def _sql_name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
