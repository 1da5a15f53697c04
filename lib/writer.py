"""How a job comes to the lake that it writes."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager

from lib import audit, auditlog, cli
from lib.lake import Lake, open_lake
from lib.lock import writer_of
from lib.session import session
from lib.storage import Storage


@contextmanager
def writing(
    options: Namespace, job: str, *, new: bool = False, audits: bool = True, logs: bool = False
) -> Iterator[Lake]:
    """The lake that the job's options name; until the end nobody else writes it.

    Raises `UsageError` if there is none, unless it may be `new`; `LakeBusy` if another job holds it; `AuditFailed` if
    the job `logs` what it does and the audit log is not sound: what cannot be recorded must not be begun.
    """
    settings = cli.settings(options)
    if audits:
        audit.prepare()
    spark = session(job)
    if not new:
        Storage(spark, settings.lake).require()
    lake = open_lake(spark, settings, verbose=options.verbose)
    with writer_of(spark, settings.lake, settings.secrets, job):
        if logs:
            auditlog.audit_log(lake.tables.root, settings.secrets).verify()
        yield lake
