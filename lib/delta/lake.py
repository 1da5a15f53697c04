"""The lake of a job: its session, contracts, tables, files and ledger, opened together."""

from __future__ import annotations

import datetime as dt
import secrets
import time
from dataclasses import dataclass

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from lib.accountability import auditlog
from lib.contracts import model
from lib.contracts.model import FUNCTIONS, Catalog
from lib.delta.base import Base
from lib.delta.keyring import Keyring
from lib.delta.ledger import Ledger
from lib.delta.tables import Tables
from lib.errors import UsageError
from lib.hadoop_storage import storage_of
from lib.progress import Steps
from lib.settings import Settings
from lib.storage import Storage


@dataclass(frozen=True)
class Lake:
    """One lake, held by one run, which began at `started_at` (UTC)."""

    spark: SparkSession
    settings: Settings
    catalog: Catalog
    tables: Tables
    storage: Storage
    ledger: Ledger
    keyring: Keyring
    base: Base
    steps: Steps
    run_id: str
    started_at: dt.datetime

    @property
    def versions(self) -> dict[str, int]:
        """The newest version of each stored table that is there."""
        versions = {table.path: self.tables.version(table) for table in self.catalog.stored}
        return {path: version for path, version in versions.items() if version is not None}

    def drop_older_versions(self, grace: float) -> None:
        """Give running queries `grace` seconds to end, then remove the files of all older versions."""
        time.sleep(grace)
        # The engine's own tables of runs and batches hold no person's rows, in any version.
        stored = [table for table in self.catalog.stored if table.load != "engine" or table.subject]
        # Versions that people still read stay until a newer one is published.
        self.tables.vacuum(*(table for table in stored if not self.base.is_read_as_it_was(table)))


def open_lake(
    spark: SparkSession,
    settings: Settings,
    catalog: Catalog | None = None,
    *,
    verbose: bool = False,
    any_keys: bool = False,
) -> Lake:
    """Open (or create) the lake of `settings`, in the state that the last job has left.

    `catalog` are its contracts, if they have been read already.

    Raises `UsageError` if the keys are not the lake's; with `any_keys` the caller must check them. If the lake is
    damaged, its `base` states so, and the caller must handle that too.
    """
    started_at = dt.datetime.now(dt.timezone.utc)
    run_id = f"{started_at:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
    catalog = catalog or model.load(settings.contracts)
    tables = Tables(spark, settings.lake, run_id)
    tables.state(auditlog.anchor(settings.lake, settings.secrets))
    storage = storage_of(settings.lake)
    storage.make_private()
    ledger = Ledger(tables, catalog)
    base = Base(storage, tables, catalog, ledger, run_id)
    base.settle()
    ledger.know(base.pins.batches, base.pins.removed)
    tables.before_vacuum = base.advance
    keyring = Keyring(storage, tables, catalog, settings.secrets)
    keyring.restore(base.pins.keys)
    if not any_keys:
        keyring.require()
    declare_functions(spark, catalog)
    return Lake(
        spark=spark,
        settings=settings,
        catalog=catalog,
        tables=tables,
        storage=storage,
        ledger=ledger,
        keyring=keyring,
        base=base,
        steps=Steps(spark, verbose=verbose),
        run_id=run_id,
        started_at=started_at,
    )


def declare_functions(spark: SparkSession, catalog: Catalog) -> None:
    """Declare the functions of the contracts' SQL in the session. Raises `UsageError` if Spark refuses one."""
    for statement in catalog.functions:
        _declare(spark, statement)


def _declare(spark: SparkSession, statement: str) -> None:
    try:
        spark.sql(statement)
    except PySparkException as error:
        raise UsageError(
            f"{FUNCTIONS} of the contracts holds a declaration that Spark does not accept: {statement.splitlines()[0]}",
            str(error).splitlines()[0],
        ) from None
