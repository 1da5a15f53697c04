"""Rectification, restriction and objection (Art. 16, 18, 21): entered in a list, then carried through to the marts.

A request goes through phases, each of which may be done twice with the same result; a killed job goes on where it was.

| phase | what it does |
|---|---|
| record | enters the request into its list under `rights/`, or takes it off |
| reopen | rectification only: forgets what silver remembers of the persons, and judges their batches anew |
| publish | computes what follows, audits and publishes it; publications from before cannot be rolled back to |
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Collection, Sequence

from lib import auditlog, bronze, census, corrections, erasure, pipeline, publication, requests, restrictions, subjects
from lib.corrections import Correction
from lib.errors import UsageError
from lib.lake import Lake
from lib.requests import Open
from lib.tables import BATCH

RECTIFICATION = "rectification"
KINDS = (restrictions.RESTRICTION, restrictions.OBJECTION, RECTIFICATION)
REMEMBERING = "silver"  # the layer whose tables of persons are merged with what they held before


def restrict(lake: Lake, ids: Sequence[str], right: str, *, lift: bool) -> str:
    """Restrict, or lift it again. The caller holds the lake's lock and has finished open requests. Gives the last line.

    Raises `UsageError` if there is nothing to do for any of the persons; then nothing is written.
    """
    wanted = _listed(ids, restrictions.held(lake, right)) if lift else _known(lake, ids)
    _require(wanted, ids, f"has a {right} to lift" if lift else "is in this lake")
    return _fulfil(lake, _request(lake, right, wanted, lift=lift), ids)


def rectify(lake: Lake, stated: Sequence[Correction]) -> str:
    """Enter corrections. As `restrict`."""
    ids = list(dict.fromkeys(one for one, _, _ in stated))
    known = _known(lake, ids)
    _require(known, ids, "is in this lake")
    request = _request(lake, RECTIFICATION, known, lift=False)
    request.corrections = [list(each) for each in stated if each[0] in set(known)]
    return _fulfil(lake, request, ids)


def lift_corrections(lake: Lake, ids: Sequence[str]) -> str:
    """Take all corrections of persons off. As `restrict`."""
    wanted = _listed(ids, corrections.held(lake))
    _require(wanted, ids, "has a correction to lift")
    return _fulfil(lake, _request(lake, RECTIFICATION, wanted, lift=True), ids)


def _known(lake: Lake, ids: Sequence[str]) -> list[str]:
    """Those of whom bronze holds a row: lists under `rights/` alone make nobody known."""
    numbers = subjects.known(lake, ids).get(bronze.table(lake).path, {})
    return [ids[number] for number in sorted(numbers)]


def _listed(ids: Sequence[str], held: Collection[str]) -> list[str]:
    return [one for one in ids if one in held]


def _require(wanted: Sequence[str], ids: Sequence[str], what: str) -> None:
    if not wanted:
        raise UsageError(f"None of the {len(ids)} subjects {what}; nothing has been written.")


def _request(lake: Lake, kind: str, ids: Sequence[str], *, lift: bool) -> Open:
    census.require(lake.catalog)
    request = erasure.prepared(lake, kind, ids, {})
    request.lift = lift
    return request


def _fulfil(lake: Lake, request: Open, asked: Sequence[str]) -> str:
    erasure.settle(lake)
    requests.save(lake.settings.secrets, request)
    carry_out(lake, request)
    done = "lifted for" if request.lift else "done for"
    persons = len(request.subjects)
    counts = f"{persons} persons, {len(asked) - persons} unknown"
    return f"{request.kind.capitalize()} {done} {counts}; reference {request.reference}."


def carry_out(lake: Lake, request: Open) -> None:
    """Go through the phases that are not done yet, enter it into the audit log, and forget whom it was about."""
    requests.go_through(lake.settings.secrets, request, _phases(lake, request), lake.steps)
    log = auditlog.audit_log(lake.tables.root, lake.settings.secrets, lake.settings.audit_witness)
    event = f"{request.kind}_{'lifted' if request.lift else 'done'}"
    log.append_once(event, request.reference, {"subjects": len(request.subjects)})
    requests.close(lake.settings.secrets, request)


def _phases(lake: Lake, request: Open) -> dict[str, Callable[[], None]]:
    if request.kind == RECTIFICATION:
        return {
            "record": lambda: _correct(lake, request),
            "reopen": lambda: _reopen(lake, request.subjects),
            "publish": lambda: _publish(lake, request),
        }
    return {"record": lambda: _restrict(lake, request), "publish": lambda: _publish(lake, request)}


def _restrict(lake: Lake, request: Open) -> None:
    if request.lift:
        restrictions.lift(lake, request.subjects, request.kind)
    else:
        restrictions.record(lake, request.subjects, request.kind, _day(request))


def _correct(lake: Lake, request: Open) -> None:
    if request.lift:
        corrections.lift(lake, request.subjects)
    else:
        corrections.record(lake, request.corrections, _day(request))


def _day(request: Open) -> dt.date:
    return dt.date.fromisoformat(request.started_at[:10])


def _reopen(lake: Lake, ids: Sequence[str]) -> None:
    people = subjects.frame(lake, ids)
    for table in lake.catalog.layer(REMEMBERING):
        if table.load == "subject":
            lake.tables.delete(table, subjects.keys_of(lake, table, people).select(str(table.subject)))
    rows = subjects.rows_of(lake, bronze.table(lake), people)
    batches = {row[BATCH] for row in rows.select(BATCH).distinct().collect()}
    again = [entry for entry in lake.ledger.entries() if entry.batch_id in batches]
    lake.ledger.record(dataclasses.replace(entry, published_run=None) for entry in again)


def _publish(lake: Lake, request: Open) -> None:
    """Publish what follows. What was published before this instant cannot be rolled back to, whatever happens next."""
    publication.withdraw_earlier(lake.storage)
    pipeline.run(lake, pipeline.Request(job=request.kind, refresh=request.kind != RECTIFICATION))
