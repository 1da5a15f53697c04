"""How a job opens the lake that it writes."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager

from lib import cli
from lib.accountability import auditlog
from lib.audit import audit
from lib.delta.lake import Lake, open_lake
from lib.lock import writer_of
from lib.pipeline import leftovers
from lib.session import session
from lib.storage import Storage


@contextmanager
def writing(  # noqa: PLR0913 - each is one word at the call, and they have nothing in common
    options: Namespace,
    job: str,
    *,
    new: bool = False,
    audits: bool = True,
    any_keys: bool = False,
    logs: bool = False,
    mends: bool = False,
) -> Iterator[Lake]:
    """The lake named by the job's options; until the end nobody else writes it.

    Raises `UsageError` if there is none, unless it may be `new`, or if the keys are not the lake's, unless `any_keys`
    are allowed; `LakeBusy` if another job holds it; `AuditFailed` if the lake is not what the last job left, unless
    this job `mends` it. Raises `AuditFailed` also if the job `logs` its actions and the audit log is not sound: an
    action that cannot be recorded must not begin.
    """
    settings = cli.settings(options)
    if audits:
        audit.prepare()
    spark = session(job)
    storage = Storage(spark, settings.lake)
    if not new:
        storage.require()
    storage.make_private()
    with writer_of(spark, settings.lake, settings.secrets, job):
        leftovers.remove(settings.lake, settings.secrets)
        lake = open_lake(spark, settings, verbose=options.verbose, any_keys=any_keys)
        if not mends:
            lake.base.require_sound()
        if logs:
            auditlog.of(settings).require_ready()
        yield lake
        lake.base.advance()
        for line in lake.base.said:
            print(line, file=sys.stderr)  # noqa: T201 - the job's own repairs, before its last line
