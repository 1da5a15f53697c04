"""How a job opens the lake that it writes."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from lib import cli
from lib.accountability import auditlog
from lib.audit import audit
from lib.contracts import model
from lib.contracts.model import Catalog
from lib.delta.lake import Lake, open_lake
from lib.hadoop_storage import storage_of
from lib.lock import writer_of
from lib.pipeline import leftovers, upkeep
from lib.session import session
from lib.settings import Settings
from lib.storage import Storage


@dataclass(frozen=True)
class Place:
    """The place of a lake that one job holds. Spark starts only when the lake is opened."""

    job: str
    settings: Settings
    storage: Storage
    verbose: bool

    @cached_property
    def catalog(self) -> Catalog:
        """The contracts."""
        return model.load(self.settings.contracts)

    @contextmanager
    def opened(
        self, *, audits: bool = True, any_keys: bool = False, logs: bool = False, mends: bool = False
    ) -> Iterator[Lake]:
        """The lake, which becomes what the job has made of it if the job ends well.

        Raises `UsageError` if the keys are not the lake's, unless `any_keys` are allowed; `AuditFailed` if the lake is
        not what the last job left, unless this job `mends` it. Raises `AuditFailed` also if the job `logs` its actions
        and the audit log is not sound: an action that cannot be recorded must not begin.
        """
        if audits:
            audit.prepare()
        lake = open_lake(session(self.job), self.settings, self.catalog, verbose=self.verbose, any_keys=any_keys)
        if not mends:
            lake.base.require_sound()
        if logs:
            auditlog.of(self.settings).require_ready()
        found = lake.base.pins.number
        yield lake
        lake.base.advance()
        if lake.base.pins.number != found:  # jobs that only read leave the lake as it is
            upkeep.tidy(lake)
        for line in lake.base.said:
            print(line, file=sys.stderr)  # noqa: T201 - the job's own repairs, before its last line


@contextmanager
def held(options: Namespace, job: str, *, new: bool = False) -> Iterator[Place]:
    """The place named by the job's options; until the end nobody else writes there.

    Raises `UsageError` if there is no lake, unless it may be `new`; `LakeBusy` if another job holds it.
    """
    settings = cli.settings(options)
    storage = storage_of(settings.lake)
    if not new:
        storage.require()
    storage.make_private()
    with writer_of(settings.lake, settings.secrets, job):
        leftovers.remove(settings.lake, settings.secrets)
        yield Place(job, settings, storage, options.verbose)


@contextmanager
def writing(
    options: Namespace, job: str, *, audits: bool = True, logs: bool = False, mends: bool = False
) -> Iterator[Lake]:
    """The lake named by the job's options, held and opened. Raises the errors of both."""
    with held(options, job) as place, place.opened(audits=audits, logs=logs, mends=mends) as lake:
        yield lake
