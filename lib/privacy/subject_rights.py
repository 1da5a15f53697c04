"""Rectification, restriction and objection (Art. 16, 18, 21): entered in a list, then carried through to the marts.

A request goes through phases, and each may be repeated with the same result. A killed job goes on where it was.

| phase | what it does |
|---|---|
| record | enters the request into its list under `rights/`, or removes it |
| reopen | only if days are corrected: lets the next run judge whole batches again: their newest day may be another |
| publish | computes the persons' rows again, audits and publishes them; `rollback` then refuses earlier publications |
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import DataFrame

from lib.accountability import auditlog, subject_requests
from lib.accountability.subject_requests import SubjectRequest
from lib.build import bronze
from lib.build.layers import SUBJECTS
from lib.contracts import coverage
from lib.delta import publication
from lib.delta.lake import Lake
from lib.delta.tables import BATCH
from lib.pipeline import pipeline
from lib.privacy import subjects
from lib.privacy.receipts import NOTHING_OPEN, Finished
from lib.rights import corrections, restrictions
from lib.rights.asked import IN_LAKE, Asked
from lib.rights.corrections import Stated

RECTIFICATION = "rectification"
KINDS = (restrictions.RESTRICTION, restrictions.OBJECTION, RECTIFICATION)
REMEMBERING = "silver"  # the layer whose tables of persons are merged with their earlier content


def restrict(lake: Lake, asked: Asked, right: str, *, lift: bool, before: Finished = NOTHING_OPEN) -> str:
    """Restrict, or lift it. The caller holds the lake's lock and has finished open requests. Returns the last line.

    Raises `InputRefused` if there is nothing to do for one of the persons: then nothing is written, unless only the
    others are wanted.
    """
    what = f"without a {right} to lift" if lift else IN_LAKE
    holding = restrictions.held(lake, right) if lift else _known(lake, asked.ids)
    return _fulfil(lake, _Wanted(asked, right, lift, holding, what, before))


def rectify(lake: Lake, stated: Stated) -> str:
    """Enter corrections. Otherwise like `restrict`."""
    known = _known(lake, stated.asked.ids)
    wanted = _Wanted(stated.asked, RECTIFICATION, lift=False, holding=known, what=IN_LAKE, before=NOTHING_OPEN)
    return _fulfil(lake, wanted, [list(each) for each in stated.corrections if each[0] in known])


def lift_corrections(lake: Lake, asked: Asked, *, before: Finished = NOTHING_OPEN) -> str:
    """Remove all corrections of persons. Otherwise like `restrict`."""
    what = "without a correction to lift"
    wanted = _Wanted(asked, RECTIFICATION, lift=True, holding=corrections.held(lake), what=what, before=before)
    return _fulfil(lake, wanted)


@dataclass(frozen=True)
class _Wanted:
    """The request and the persons for whom it can be carried out (`holding`); `what` describes the other ids."""

    asked: Asked
    kind: str
    lift: bool
    holding: Collection[str]
    what: str
    before: Finished

    @property
    def finished(self) -> dict[str, str]:
        """The persons for whom a killed job's equal request has just been finished, with that request's reference."""
        same = [each for each in self.before.fulfilled if (each.kind, each.lift) == (self.kind, self.lift)]
        return {one: each.reference for each in same for one in each.subjects}


def _known(lake: Lake, ids: Sequence[str]) -> set[str]:
    """The persons with a row in bronze: an entry in a list under `rights/` alone does not make a person known."""
    found = subjects.known(lake, ids)
    return {ids[number] for table in bronze.tables(lake) for number in found.get(table.path, {})}


def _fulfil(lake: Lake, wanted: _Wanted, stated: Sequence[list[str | None]] = ()) -> str:
    coverage.require(lake.catalog)
    able = {*wanted.holding, *wanted.finished}
    persons = wanted.asked.require(able, wanted.what)
    about = [one for one in persons if one in wanted.holding]
    request = SubjectRequest.new(wanted.kind, lake.tables.root, about, publication.now())
    request.lift, request.corrections = wanted.lift, list(stated)
    if request.kind == RECTIFICATION:
        corrected = corrections.attributes(lake, about) if wanted.lift else {str(name) for _, name, _ in stated}
        request.reopens = _reopens(lake, corrected)
    if request.subjects:
        pipeline.finish_pending(lake, wanted.kind)
        subject_requests.save(lake.settings.secrets, request)
        carry_out(lake, request)
    reference = request.reference if request.subjects else wanted.finished[persons[0]]
    done = "lifted for" if request.lift else "done for"
    counts = f"{len(persons)} persons, {len(wanted.asked.ids) - len(persons)} unknown"
    said = f"{request.kind.capitalize()} {done} {counts}; reference {reference}."
    return wanted.asked.told(said, persons, wanted.what)


def carry_out(lake: Lake, request: SubjectRequest) -> None:
    """Go through the open phases, enter the request into the audit log, and forget its persons.

    Raises `AuditFailed` if the log is not sound; nothing is written then.
    """
    log = auditlog.of(lake.settings)
    log.require_ready()
    subject_requests.go_through(
        lake.settings.secrets, request, _phases(lake, request), lake.steps, lasting=lake.base.advance
    )
    event = f"{request.kind}_{'lifted' if request.lift else 'done'}"
    log.append_once(event, request.reference, {"subjects": len(request.subjects)})
    subject_requests.close(lake.settings.secrets, request)


def _phases(lake: Lake, request: SubjectRequest) -> dict[str, Callable[[], None]]:
    if request.kind == RECTIFICATION:
        return {
            "record": lambda: _correct(lake, request),
            **({"reopen": lambda: _reopen(lake, request.subjects)} if request.reopens else {}),
            "publish": lambda: _publish(lake, request),
        }
    return {"record": lambda: _restrict(lake, request), "publish": lambda: _publish(lake, request)}


def _restrict(lake: Lake, request: SubjectRequest) -> None:
    if request.lift:
        restrictions.lift(lake, request.subjects, request.kind)
    else:
        restrictions.record(lake, request.subjects, request.kind, _day(request))


def _correct(lake: Lake, request: SubjectRequest) -> None:
    if request.lift:
        corrections.lift(lake, request.subjects)
    else:
        corrections.record(lake, request.corrections, _day(request))


def _day(request: SubjectRequest) -> dt.date:
    return dt.date.fromisoformat(request.started_at[:10])


def _reopens(lake: Lake, corrected: Collection[str]) -> bool:
    """Whether correcting these columns concerns more than the persons' own rows."""
    days = {column.name for table in bronze.tables(lake) for column in table.stored if column.logical_type == "date"}
    keys = {column.name for column in lake.catalog[SUBJECTS].columns}
    by_person = all(table.subject in keys for table in lake.catalog.layer(REMEMBERING) if table.load == "batch")
    return bool(days & set(corrected)) or not by_person


def _reopen(lake: Lake, ids: Sequence[str]) -> None:
    people = subjects.frame(lake, ids)
    for table in lake.catalog.layer(REMEMBERING):
        if table.load == "subject":
            lake.tables.delete(table, subjects.keys_of(lake, table, people).select(str(table.subject)))
    rows = [subjects.rows_of(lake, table, people).select(BATCH) for table in bronze.tables_of_subjects(lake)]
    batches = {row[BATCH] for row in reduce(DataFrame.unionAll, rows).distinct().collect()}
    again = [entry for entry in lake.ledger.entries() if entry.batch_id in batches]
    lake.ledger.record(dataclasses.replace(entry, published_run=None) for entry in again)


def _publish(lake: Lake, request: SubjectRequest) -> None:
    """Publish the result. From this moment on `rollback` refuses earlier publications, even after a kill."""
    publication.withdraw_earlier(lake.storage)
    corrects = request.kind == RECTIFICATION
    rejudge = corrects and not request.reopens
    pipeline.run(lake, pipeline.Request(request.kind, refresh=not corrects, rejudge=rejudge, about=request.subjects))
