"""The shared state of logins: one small table in a database that all of the server's processes reach.

A mark is a name that reveals nothing (a keyed hash), a number, and the time at which it is removed. If the metadata is
on a server, the table is there; otherwise it has its own file: SQLite allows one write at a time, and a page that saves
something must not wait for a login.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import NullPool

MADE = text("""
    create table if not exists lakehouse_marks (
        id varchar(100) primary key,
        number double precision not null,
        free_at double precision not null,
        expires double precision not null
    )
""")
READ = text("select number, free_at from lakehouse_marks where id = :id and expires > :now")
ADDED = text("insert into lakehouse_marks (id, number, free_at, expires) values (:id, :number, :free_at, :expires)")
SET = text("""
    insert into lakehouse_marks (id, number, free_at, expires) values (:id, :number, :free_at, :expires)
    on conflict (id) do update set number = excluded.number, free_at = excluded.free_at, expires = excluded.expires
""")
# Only if no other process was faster.
COUNTED = text("""
    update lakehouse_marks set number = :number, free_at = :free_at, expires = :expires
    where id = :id and number = :seen
""")
# The counted attempt was allowed to go on, so nobody must wait for it any more.
TAKEN_BACK = text("update lakehouse_marks set number = number - 1, free_at = :now where id = :id and number > 0")
DROPPED = text("delete from lakehouse_marks where id = :id")
EXPIRED = text("delete from lakehouse_marks where id = :id and expires <= :now")
ALL_EXPIRED = text("delete from lakehouse_marks where expires <= :now")
TRIES = 20


@dataclass(frozen=True)
class Limit:
    """The number of free attempts, and the wait after further ones: twice as long each time."""

    free: int
    first: float
    longest: float
    kept: float

    def pause(self, number: int) -> float:
        """Seconds to wait after the attempt of this number."""
        over = number - self.free
        return 0.0 if over <= 0 else min(self.longest, self.first * 2.0 ** min(over - 1, 30))


@dataclass(frozen=True)
class Store:
    """The table."""

    engine: Engine

    def make(self) -> None:
        """Make the table, if there is none."""
        with self.engine.begin() as connection:
            connection.execute(MADE)

    def put(self, name: str, number: float, seconds: float) -> None:
        """Set a mark for some time."""
        now = time.time()
        with self.engine.begin() as connection:
            connection.execute(SET, {"id": name, "number": number, "free_at": now, "expires": now + seconds})

    def get(self, name: str) -> float | None:
        """A mark's number, if it is there."""
        with self.engine.begin() as connection:
            row = connection.execute(READ, {"id": name, "now": time.time()}).fetchone()
        return None if row is None else float(row[0])

    def drop(self, name: str) -> None:
        """Remove a mark."""
        with self.engine.begin() as connection:
            connection.execute(DROPPED, {"id": name})

    def take_back(self, name: str) -> None:
        """Reduce the count by one, and allow the next attempt at once."""
        with self.engine.begin() as connection:
            connection.execute(TAKEN_BACK, {"id": name, "now": time.time()})

    def wait(self, name: str) -> float:
        """Seconds until a mark may be counted again."""
        now = time.time()
        with self.engine.begin() as connection:
            row = connection.execute(READ, {"id": name, "now": now}).fetchone()
        return 0.0 if row is None else max(0.0, float(row[1]) - now)

    def count(self, name: str, limit: Limit) -> float:
        """Count an attempt; 0 if it may go on, else the seconds to wait, and nothing is counted."""
        for _ in range(TRIES):
            pause = self._count(name, limit)
            if pause is not None:
                return pause
        return limit.first

    def _count(self, name: str, limit: Limit) -> float | None:
        """None if another process counted at the same time."""
        now = time.time()
        with suppress(IntegrityError), self.engine.begin() as connection:
            connection.execute(EXPIRED, {"id": name, "now": now})
            row = connection.execute(READ, {"id": name, "now": now}).fetchone()
            seen, free_at = (0, 0.0) if row is None else (int(row[0]), float(row[1]))
            if free_at > now:
                return free_at - now
            new = {"id": name, "number": seen + 1, "free_at": now + limit.pause(seen + 1), "expires": now + limit.kept}
            return 0.0 if _written(connection, new, None if row is None else seen) else None
        return None

    def forget_expired(self) -> None:
        """Remove expired marks."""
        with self.engine.begin() as connection:
            connection.execute(ALL_EXPIRED, {"now": time.time()})


def _written(connection: Connection, new: dict[str, object], seen: int | None) -> bool:
    if seen is None:
        connection.execute(ADDED, new)
        return True
    return bool(connection.execute(COUNTED, {**new, "seen": seen}).rowcount)


def opened(address: str) -> Store:
    """The store at an address of SQLAlchemy's."""
    if address.startswith("sqlite:"):
        return Store(create_engine(address, poolclass=NullPool, connect_args={"timeout": 30}))
    return Store(create_engine(address, pool_pre_ping=True))


@cache
def store() -> Store:
    """The server's own store; each process opens it at its first use, so no two processes share a connection."""
    from flask import current_app  # noqa: PLC0415 - also used where there is no server

    metadata = str(current_app.config["SQLALCHEMY_DATABASE_URI"])
    own = Path(os.environ["LAKEHOUSE_SUPERSET_HOME"]) / "logins.db"
    return opened(f"sqlite:///{own}" if metadata.startswith("sqlite:") else metadata)
