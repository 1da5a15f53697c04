"""How a job comes to the lake that it writes."""

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
def writing(  # noqa: PLR0913 - each is one word at the call, and none belongs with another
    options: Namespace,
    job: str,
    *,
    new: bool = False,
    audits: bool = True,
    any_keys: bool = False,
    logs: bool = False,
    mends: bool = False,
) -> Iterator[Lake]:
    """The lake that the job's options name; until the end nobody else writes it.

    Raises `UsageError` if there is none, unless it may be `new`, or if the keys are not the lake's, unless they may be
    `any_keys`; `LakeBusy` if another job holds it; `AuditFailed` if the lake is not what the last job left, unless this
    one `mends` it, and if the job `logs` what it does and the audit log is not sound: what cannot be recorded must not
    be begun.
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
            print(line, file=sys.stderr)  # noqa: T201 - what the job mended by itself, before its own last line
