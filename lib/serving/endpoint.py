"""The SQL endpoint: Spark's Thrift server over the published marts, behind the gate (`lib/gate`).

It follows publications, roles and users without a restart: if one of the four files changes, all views get new bodies
in one step, and running statements keep the old ones.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark import SparkConf
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from lib.contracts.model import Catalog
from lib.delta import pins, publication
from lib.delta.publication import Publication
from lib.errors import LakehouseError, UsageError
from lib.serving import accounts as users
from lib.serving import gate_selftest
from lib.serving.accounts import Account, Accounts
from lib.serving.roles import Roles
from lib.serving.roles import load as load_roles
from lib.serving.views import View, by_database
from lib.session import NEEDED, ON_ONE_MACHINE
from lib.settings import PROJECT, Settings
from lib.sql import quoted
from lib.storage import Storage

EXTENSION = "lakehouse.gate.Gate"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
POLL_MS = 1000
# Beside the users' file: changes whenever the served data changes, for programs that cache results.
SERVED = "endpoint_served"
SECONDS_PER_STATEMENT = 45  # dashboards give up after 60
SESSIONS_PER_USER = 20
LARGEST_MESSAGE = 1024 * 1024  # bytes of a client's request; a statement has at most 100,000 characters
THREADS = 16
READERS = 4
# All of it is static: a client's session begins with these, independently of the launcher's own session.
SPARK = {
    "spark.sql.extensions": f"io.delta.sql.DeltaSparkSessionExtension,{EXTENSION}",
    "spark.sql.variable.substitute": "false",
    # Otherwise the parser would evaluate constants itself, before the gate has seen them.
    "spark.sql.parser.eagerEvalOfUnresolvedInlineTable": "false",
    "spark.sql.hive.thriftServer.singleSession": "false",
    "spark.sql.thriftServer.queryTimeout": f"{SECONDS_PER_STATEMENT}s",
    "spark.sql.thriftServer.interruptOnCancel": "true",
    "spark.sql.thriftserver.ui.retainedStatements": "1",
    "spark.sql.thriftserver.ui.retainedSessions": "1",
    "spark.scheduler.mode": "FAIR",
    "spark.scheduler.allocation.file": (PROJECT / "conf/fairscheduler.xml").as_uri(),
    "spark.driver.maxResultSize": "256m",
    # A client's statement could cause a stack overflow in a task. Spark would then end the process; end the statement.
    "spark.executor.killOnFatalError.depth": "0",
    # Marts are small: compiling a query takes longer than interpreting it.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.ui.enabled": "false",
}


def settings() -> dict[str, str]:
    """Spark's settings for the endpoint. More threads than cores, so that a heavy query leaves some free."""
    threads = {"spark.master": f"local[{max(THREADS, 4 * (os.cpu_count() or 2))}]"}
    stated = SparkConf().get("spark.master", "local[*]") or ""
    return {**NEEDED, **ON_ONE_MACHINE, **SPARK, **(threads if stated == "local[*]" else {})}


@dataclass(frozen=True)
class Seen:
    """The files that decide what is served, in the state of the last reading."""

    published: Publication | None
    operations: Publication | None
    roles: str
    accounts: str | None

    @property
    def digest(self) -> str:
        """A short name for exactly this state."""
        return hashlib.sha256(repr(dataclasses.astuple(self)).encode()).hexdigest()[:16]


@dataclass
class Endpoint:
    """One endpoint over one lake."""

    spark: SparkSession
    settings: Settings
    catalog: Catalog
    storage: Storage
    accounts: Accounts
    say: Callable[[str], None]
    server: Any = None
    views: dict[str, View] = field(default_factory=dict)
    warm: dict[str, int] = field(default_factory=dict)
    cold: list[str] = field(default_factory=list)
    seen: Seen | None = None
    told: str = ""
    stopped: bool = False

    @property
    def _gate(self) -> Any:
        jvm: Any = self.spark._jvm
        return jvm.lakehouse.gate

    def run(self, host: str, port: int) -> None:
        """Serve until the process must stop."""
        self._prepare(host, port)
        while not self._stops(0):
            if self._follow():
                break
            if not self.told:
                self._tell(f"Nothing is published in {self.settings.lake} yet; waiting for the first publication.")
            self._stops(POLL_MS)
        if self._stops(0):
            return
        self._open(host, port)
        try:
            while not self._stops(POLL_MS):
                self._follow()
                self.server.sweep()
        finally:
            self.server.stop()

    def _prepare(self, host: str, port: int) -> None:
        require_free(host, port)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        self._gate.Server.prepare(str(self.accounts.file))
        self._gate.Gate.trust(self.spark._jsparkSession)
        if self.accounts.text() is None:
            roles = load_roles(self.settings.roles, self.catalog)
            demo = users.make_demo(self.accounts, {**{name: name for name in roles.by_name}, "superset": users.SERVICE})
            self.say(f"Made a demo user for each role; their passwords are in {demo}.")

    def _open(self, host: str, port: int) -> None:
        if host not in LOOPBACK:
            self.say(
                f"Passwords and rows travel as plain text to and from {host}; put a tunnel or TLS proxy before it."
            )
        passed = list(self._gate.Server.selfTest(self.spark._jsparkSession, self._java_list(gate_selftest.STATEMENTS)))
        if passed:
            raise LakehouseError(
                f"The gate accepted one of {len(gate_selftest.STATEMENTS)} hostile statements: {passed[0]}.",
                "The port stays closed. Run ./spark-submit.sh --setup-only and start again; if it stays, report it.",
            )
        try:
            self.server = self._gate.Server.start(
                self.spark._jsparkSession,
                self._java_map(self._properties(host, port)),
                SESSIONS_PER_USER,
                SECONDS_PER_STATEMENT,
            )
        except Py4JJavaError as error:
            cause = error.java_exception.getMessage()
            raise LakehouseError(f"The server could not be started at {host}:{port}: {cause}.") from error
        self.say(
            f"Ready: {len(self.views)} views at {host}:{port}, warm and self-tested "
            f"({len(gate_selftest.STATEMENTS)} hostile statements refused). Stop with Ctrl-C or SIGTERM."
        )

    def _properties(self, host: str, port: int) -> dict[str, str]:
        ldap = {f"hive.server2.authentication.ldap.{name}": value for name, value in self.settings.ldap.items()}
        return ldap | {
            "hive.server2.transport.mode": "binary",
            "hive.server2.thrift.bind.host": host,
            "hive.server2.thrift.port": str(port),
            "hive.server2.authentication": "CUSTOM",
            "hive.server2.custom.authentication.class": "lakehouse.gate.Login",
            "hive.server2.enable.doAs": "false",
            # When a session ends, Hive looks for a metastore, and would make one on disk. There is none here.
            "hive.metastore.rawstore.impl": "none",
            "hive.security.authorization.manager": "lakehouse.gate.NoMetastore",
            "hive.server2.logging.operation.enabled": "false",
            "hive.server2.idle.session.timeout": "1h",
            "hive.server2.idle.operation.timeout": "10m",
            "hive.server2.session.check.interval": "1m",
            "hive.server2.thrift.max.worker.threads": "600",
            "hive.server2.thrift.max.message.size": str(LARGEST_MESSAGE),
            "hive.server2.async.exec.shutdown.timeout": "3s",  # for queries that run when the server is stopped
        }

    def _follow(self) -> bool:
        """Serve the current content of the files; return whether anything is served."""
        try:
            seen = self._read()
            if seen.published is None or seen == self.seen:
                self._warm_one()
                return self.seen is not None
            self._serve(seen)
            self.told = ""
        except (LakehouseError, Py4JJavaError, PySparkException, OSError) as error:
            if self.seen is None and isinstance(error, UsageError):
                raise
            reason = str(error) if isinstance(error, LakehouseError) else type(error).__name__
            self._tell(f"The changes cannot be served; the earlier state is still served: {reason}")
        return self.seen is not None

    def _read(self) -> Seen:
        return Seen(
            publication.current(self.storage),
            publication.operations(self.storage),
            self.settings.roles.read_text(encoding="utf-8"),
            self.accounts.text(),
        )

    def _serve(self, seen: Seen) -> None:
        began = time.monotonic()
        roles = load_roles(self.settings.roles, self.catalog)
        accounts = list(users.parsed(seen.accounts or "").values())
        published = [each for each in (seen.published, seen.operations) if each]
        versions = self._versions(published)
        self._require_as_published(published, versions)
        self._require(versions)
        self._make_views(versions)
        self._gate.Server.serve(
            self._java_map({mart: self._java_set(names) for mart, names in by_database(self.views.values()).items()}),
            self._java_map(self._bodies(versions, roles, accounts)),
        )
        users.write_private(self.accounts.file.with_name(SERVED), seen.digest)
        if self.server is not None and self.seen is not None and seen.published != self.seen.published:
            self.say(f"Follows run {published[0].run_id} ({time.monotonic() - began:.1f} s).")
        self.seen = seen
        self.cold = [] if self.server is None else self._new(versions)  # otherwise all tables have been read
        self.warm = dict(versions)

    def _versions(self, published: list[Publication]) -> dict[str, int]:
        """The published tables that have a contract in a mart; nothing else is ever shown."""
        marts = {table.path for table in self.catalog.readable}
        return {path: v for p in published for path, v in p.tables.items() if path in marts}

    def _require_as_published(self, published: Sequence[Publication], versions: Mapping[str, int]) -> None:
        """Read every byte of new tables: marts are small. Raises `LakehouseError` if they are not as published."""
        for path in self._new(versions):
            for each in published:
                pinned = each.pins.get(path)
                differing = pinned and pins.differences(self.storage, path, pinned, full=True)
                if differing:
                    raise LakehouseError(
                        f"{path} is not what run {each.run_id} published: {differing}.",
                        "Run ./spark-submit.sh pipeline, which mends what it can and says what it needs.",
                    )

    def _new(self, versions: Mapping[str, int]) -> list[str]:
        return [path for path, version in versions.items() if self.warm.get(path) != version]

    def _require(self, versions: Mapping[str, int]) -> None:
        """Read new tables; or, while clients wait for them, only check that their versions exist."""
        unsure = [
            path for path in self._new(versions) if self.server is None or not self._is_there(path, versions[path])
        ]
        self._read_ahead(unsure, versions)

    def _is_there(self, path: str, version: int) -> bool:
        return self.storage.exists(f"{path}/_delta_log/{version:020d}.json")

    def _warm_one(self) -> None:
        """Read a row of one new table, so that its first reader does not wait for Delta's log.

        Only one at a time: reading all at once takes seconds of both cores, just when clients query the new tables.
        """
        if self.cold:
            path = self.cold.pop()
            with contextlib.suppress(Py4JJavaError, PySparkException):  # its readers will get the error
                self._read_ahead([path], self.warm)

    def _read_ahead(self, paths: Sequence[str], versions: Mapping[str, int]) -> None:
        queries = [f"{View(self.catalog[path]).source(self.settings.lake, versions[path])} limit 1" for path in paths]
        with ThreadPoolExecutor(READERS) as readers:
            list(readers.map(lambda query: self.spark.sql(query).collect(), queries))

    def _make_views(self, versions: Mapping[str, int]) -> None:
        for path in versions:
            if path not in self.views:
                view = View(self.catalog[path])
                self.spark.sql(f"create database if not exists {quoted(view.database)}")
                self.spark.sql(view.definition)
                self.views[path] = view
        for path in set(self.views) - set(versions):
            self.spark.sql(f"drop view if exists {self.views.pop(path).name}")

    def _bodies(self, versions: Mapping[str, int], roles: Roles, accounts: list[Account]) -> dict[str, str]:
        lake = self.settings.lake
        return {v.stub: v.body(lake, versions[path], roles, accounts) for path, v in self.views.items()}

    def _tell(self, text: str) -> None:
        """Report a problem once, not at every check."""
        if text != self.told:
            self.say(text)
        self.told = text

    def _stops(self, milliseconds: int) -> bool:
        return self.stopped or bool(self._gate.Server.stops(milliseconds))

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stopped = True

    def _java_map(self, entries: Mapping[str, Any]) -> Any:
        jvm: Any = self.spark._jvm
        result = jvm.java.util.HashMap()
        for name, value in entries.items():
            result.put(name, value)
        return result

    def _java_set(self, names: set[str]) -> Any:
        jvm: Any = self.spark._jvm
        result = jvm.java.util.HashSet()
        for name in names:
            result.add(name)
        return result

    def _java_list(self, texts: tuple[str, ...]) -> Any:
        jvm: Any = self.spark._jvm
        result = jvm.java.util.ArrayList()
        for text in texts:
            result.add(text)
        return result


def require_free(host: str, port: int) -> None:
    """Raise `UsageError` if the port cannot be opened."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UsageError(f"{host}:{port} cannot be opened: {reason}.", "Name another --host or --port.") from error


def tell(text: str) -> None:
    """A line for the operator."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - the endpoint's own lines, as those of lib/progress.py
