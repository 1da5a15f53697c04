"""The database part as a table of a PostgreSQL server: one transaction, bulk COPY, swapped in at its end.

The server's message about a failed row may quote the row, so only the error's code is passed on.
"""

from __future__ import annotations

import secrets
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
from psycopg import sql

from splitter.canonical import ROW_END, TableDigest, fields
from splitter.errors import InputRefused, SplitterError, UsageError
from splitter.parts import Part, PartSummary
from splitter.source import ROW_COLUMN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_COLUMNS = 1599
MAX_NAME_BYTES = 63
_MAX_TABLE_BYTES = 48
_TIMEOUT_SECONDS = 10
_CAUSES = {
    "22P05": "the database's encoding lacks a character of the input; use a database in UTF8",
    "42501": "the user may not create tables in this schema",
    "3F000": "the search path names no schema",
    "53100": "the server's disk is full",
    "55P03": "the table is in use",
    "54011": "the table would have too many columns",
}
_FIND_TABLE = """
    select obj_description(c.oid, 'pg_class')
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = current_schema() and c.relname = %s
"""


@dataclass(frozen=True)
class PostgresPlan:
    """A table on a server; `marker` distinguishes a leftover of the same output folder from a foreign table."""

    url: str
    table: str
    header: tuple[str, ...]
    marker: str

    def begin(self) -> Part:
        """Connect, begin the transaction, make room. UsageError: unreachable, or the table's name is in use."""
        self._check_names()
        connection = _connect(self.url)
        try:
            return PostgresPart(connection, self)
        except BaseException:
            connection.close()
            raise

    def _check_names(self) -> None:
        if not 0 < len(self.table.encode()) <= _MAX_TABLE_BYTES:
            message = f"--table must have 1 to {_MAX_TABLE_BYTES} bytes."
            raise UsageError(message)
        if len(self.header) > MAX_COLUMNS:
            message = f"The input has {len(self.header)} columns; a PostgreSQL table takes {MAX_COLUMNS}."
            raise InputRefused(message, "Use the SQLite part (no --database).")
        for column, name in enumerate(self.header, start=1):
            if len(name.encode()) > MAX_NAME_BYTES:
                message = f"The name of column {column} is longer than the {MAX_NAME_BYTES} bytes PostgreSQL keeps."
                raise InputRefused(message, "Shorten it, or use the SQLite part (no --database).")


def _connect(url: str) -> psycopg.Connection:
    try:
        return psycopg.connect(
            url, connect_timeout=_TIMEOUT_SECONDS, client_encoding="utf8", application_name="splitter"
        )
    except psycopg.ProgrammingError:
        message = "--database is not a valid address."
        raise UsageError(message, "Write postgresql://user@host:port/database.") from None
    except psycopg.OperationalError as error:
        message = f"The database of --database cannot be reached ({_reason(error, url)})."
        remedy = "Check host, port, user and database; the password comes from PGPASSWORD, ~/.pgpass or a service."
        raise UsageError(message, remedy) from None


def _reason(error: psycopg.Error, url: str) -> str:
    """Return the last line of libpq's message: where it tried and why it failed. It never quotes a password."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = next((line for line in lines if "failed" in line), "no answer").rstrip(".")
    return "no answer" if url in reason else reason


class PostgresPart:
    """A table being filled under a temporary name."""

    def __init__(self, connection: psycopg.Connection, plan: PostgresPlan) -> None:
        self._connection = connection
        self._plan = plan
        self._digest = TableDigest()
        self._passing = f"{plan.table}__{secrets.token_hex(6)}"
        self._copying = ExitStack()
        with self._explained():
            cursor = connection.cursor()
            cursor.execute("select set_config('lock_timeout', %s, true)", (f"{_TIMEOUT_SECONDS}s",))
            self._is_leftover = self._find_leftover(cursor)
            cursor.execute(self._create_table())
            copy = sql.SQL("copy {} from stdin").format(sql.Identifier(self._passing))
            self._copy = self._copying.enter_context(cursor.copy(copy))

    def _find_leftover(self, cursor: psycopg.Cursor) -> bool:
        found = cursor.execute(_FIND_TABLE, (self._plan.table,)).fetchone()
        if found and found[0] != self._plan.marker:
            message = (
                f"The database already has a table {self._plan.table!r} that no unfinished run of this output left."
            )
            raise UsageError(message, "Drop it, or give another name with --table.")
        return found is not None

    def _create_table(self) -> sql.Composed:
        columns = [sql.SQL("{} text").format(sql.Identifier(name)) for name in self._plan.header]
        key = sql.SQL("{} bigint primary key").format(sql.Identifier(ROW_COLUMN))
        body = sql.SQL(", ").join([key, *columns])
        return sql.SQL("create table {} ({})").format(sql.Identifier(self._passing), body)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            state = error.sqlstate or "no answer"
            message = f"PostgreSQL refused the part ({_CAUSES.get(state, 'error ' + state)})."
            raise SplitterError(
                message, "Nothing was published, the database is as before. Repair this and run again."
            ) from None

    def write(self, numbers: Sequence[int], packed: bytes) -> None:
        """Append rows."""
        self._digest.add(numbers, packed)
        text = packed.decode().replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
        lines = [
            "\t".join([str(position), *["\\N" if value is None else value for value in fields(row)]])
            for position, row in zip(numbers, text.split(ROW_END), strict=True)
        ]
        with self._explained():
            self._copy.write(("\n".join(lines) + "\n").encode())

    def finish(self) -> PartSummary:
        """Swap the table in, inside the transaction, and sum up."""
        with self._explained():
            self._copying.close()
            cursor = self._connection.cursor()
            self._swap_in(cursor)
            found = cursor.execute(
                "select pg_table_size(c.oid), n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
                " where n.nspname = current_schema() and c.relname = %s",
                (self._plan.table,),
            ).fetchone()
        size, schema = found or (0, "")
        place = {"database": _address(self._connection.info), "schema": schema, "table": self._plan.table}
        digest = self._digest
        return PartSummary("postgresql", place, digest.rows, size, digest.hexdigest(), digest.checksum)

    def _swap_in(self, cursor: psycopg.Cursor) -> None:
        table, passing = sql.Identifier(self._plan.table), sql.Identifier(self._passing)
        if self._is_leftover:
            cursor.execute(sql.SQL("drop table {}").format(table))
        cursor.execute(sql.SQL("alter table {} rename to {}").format(passing, table))
        cursor.execute(sql.SQL("comment on table {} is {}").format(table, sql.Literal(self._plan.marker)))

    def commit(self) -> None:
        """Make the table visible."""
        with self._explained():
            self._connection.commit()
        self._connection.close()

    def abort(self) -> None:
        """Leave the database as it was: the server rolls back when the connection ends."""
        self._connection.close()


def _address(info: psycopg.ConnectionInfo) -> str:
    """Return only host, port and database: no user, no password, no option."""
    if info.host.startswith("/"):
        return f"postgresql:///{quote(info.dbname)}?host={quote(info.host)}&port={info.port}"
    host = f"[{info.host}]" if ":" in info.host else info.host
    return f"postgresql://{host}:{info.port}/{quote(info.dbname)}"
