"""Erasure (Art. 17): persons are removed from every layer, old version and log, and a scan over all bytes proves it.

A request goes through phases, and each may be repeated with the same result. The request's file records the completed
phases (`lib.accountability.subject_requests`), so that a killed job goes on where it was:

| phase | what it does |
|---|---|
| suppress | puts the persons on the suppression list, so that no file brings them back from now on (erasure only) |
| expire | deletes the rows that are due by their own date (retention only) |
| anonymise | keeps their sales as anonymous lines, so that past totals stay; the lines are marked as open |
| delete | deletes their rows by MERGE with a frame of keys, in bronze and silver |
| unlink | gives the open lines keys that lead to nobody |
| publish | computes gold without them, audits and publishes it; older publications are withdrawn |
| vacuum | gives running queries time to end, then removes the files of all older versions and of killed jobs |
| scan | searches every byte of the lake for the persons, and writes the receipt |

If the request's file is lost too, the lake itself shows the progress. The key of an open line is computed from the sale
and a secret, so that a repeated request makes the same line of a sale. If the person of an open line is still in the
lake, the line is first taken back (`anonymous_lines.mend`). So every sale counts once.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lib import keys
from lib.accountability import auditlog, subject_requests
from lib.accountability.subject_requests import Lost, SubjectRequest
from lib.build import bronze
from lib.contracts import coverage
from lib.contracts.model import Table
from lib.delta import publication
from lib.delta.lake import Lake
from lib.errors import UsageError
from lib.pipeline import pipeline
from lib.privacy import anonymous_lines, identifying_values, receipts, retention_due, subjects
from lib.privacy.receipts import NOTHING_OPEN, Finished, Receipt
from lib.rights import suppression
from lib.rights.asked import IN_LAKE, Asked

JOB = "erase_subjects"
KINDS = ("erasure", "retention")
REBUILT = "gold"  # the layer that the phase `publish` computes again from silver


def erase(lake: Lake, asked: Asked, *, grace: float, before: Finished = NOTHING_OPEN) -> str:
    """Erase the persons of the request. The caller holds the lake's lock. Returns the last line.

    Persons who were erased before are searched for again, and get a receipt.

    Raises `InputRefused` if a person is unknown (nothing is written, unless only the known persons are wanted),
    `AuditFailed` if a scan finds anything.
    """
    coverage.require(lake.catalog)
    with lake.steps.step("find subjects"):
        found = subjects.known(lake, asked.ids)
    erased = _erased_before(lake, asked.ids)
    here = {asked.ids[number] for path, rows in found.items() for number in rows if not lake.catalog[path].exempt}
    known = asked.require(here | erased | before.gone, IN_LAKE)
    # A person who was removed at the end of a period is not on the list yet, and asks for it now.
    _suppress(lake, [one for one in known if one in before.gone])
    wanted = [one for one in known if one not in before.gone]
    written = list(before.receipts)
    if wanted:
        if pipeline.finish_pending(lake, JOB):
            found = subjects.known(lake, asked.ids)
        request = SubjectRequest.new(
            "erasure", lake.tables.root, wanted, publication.now(), subjects.counts(lake, found)
        )
        held = [lake.catalog[path] for path in found if lake.catalog[path].layer != REBUILT]
        stored = {asked.ids[n] for table in held if not table.exempt for n in found[table.path]}
        request.absent = [number for number, one in enumerate(wanted) if one not in stored]
        request.unknown, request.grace = len(asked.ids) - len(known), grace
        request.everybody = bool(before.lost)
        written.append(begin(lake, request))
    said = receipts.told(lake, written)
    if wanted:
        _forget(lake, [each for each in before.lost if each.kind == "erasure"])
    return asked.told(said, known, IN_LAKE)


def _erased_before(lake: Lake, ids: Sequence[str]) -> set[str]:
    key = suppression.key(lake)
    tokens = {keys.pseudonym(one, key): one for one in ids}
    return {tokens[token] for token in suppression.listed(lake, tokens)}


def _forget(lake: Lake, lost: Sequence[Lost]) -> None:
    """Remove the remains of lost requests, once all persons whose erasure they had begun have left the lake."""
    if lost and (left := suppression.still_there(lake, bronze.tables_of_subjects(lake))):
        raise UsageError(
            f"The lost request {lost[0].files[0]} named {left} more persons, who are still in this lake.",
            "Run erase_subjects with these persons too.",
        )
    for each in lost:
        subject_requests.forget(each.files)


def lift_suppression(lake: Lake, asked: Asked) -> str:
    """Take the persons off the suppression list. Returns the last line.

    Raises `InputRefused` if one of them is not on it; then nothing is written, unless only the others are wanted.
    """
    listed, what = _erased_before(lake, asked.ids), "not on the suppression list"
    wanted = asked.require(listed, what)
    key = suppression.key(lake)
    tokens = {keys.pseudonym(one, key) for one in wanted}
    # Log first: if the job is killed in between, the log says too much, but no person comes back unrecorded.
    auditlog.of(lake.settings).append("suppression_lifted", auditlog.new_reference(), {"subjects": len(tokens)})
    suppression.lift(lake, tokens)
    return asked.told(f"{len(tokens)} of {len(asked.ids)} persons taken off the suppression list.", wanted, what)


def begin(lake: Lake, request: SubjectRequest) -> Receipt:
    """Open a request and carry it out."""
    with lake.steps.step("collect traces"):
        found = identifying_values.of(lake, subjects.frame(lake, request.subjects)) if request.subjects else []
        request.traces = [trace for trace in found if trace[1] not in _stays(lake)]
    subject_requests.save(lake.settings.secrets, request)
    return carry_out(lake, request)


def _stays(lake: Lake) -> set[str]:
    """The columns by which erased persons stay on lists: a person who is erased again is already there."""
    return {str(table.subject) for table in coverage.stored_subjects(lake.catalog) if "erase" in table.exempt}


def carry_out(lake: Lake, request: SubjectRequest) -> Receipt:
    """Go through the open phases, scan for remains, and write the receipt."""
    log = auditlog.of(lake.settings)
    log.append_once(f"{request.kind}_started", request.reference, {"subjects": len(request.subjects)})
    lake.tables.state(log.anchor())
    people = subjects.frame(lake, request.subjects)
    subject_requests.go_through(
        lake.settings.secrets, request, _phases(lake, request, people), lake.steps, lasting=lake.base.advance
    )
    with lake.steps.step(f"{request.kind}: scan"):
        receipt = receipts.of(lake, request, people)
    counts = {"subjects": receipt.subjects, "findings": sum(receipt.findings.values())}
    log.append_once(f"{request.kind}_{receipt.status.lower()}", request.reference, counts)
    # The receipt states how far the log has come: if the job is killed between the two, the next run writes it.
    receipt = dataclasses.replace(receipt, audit_log=log.anchor())
    receipts.write(lake, receipt)
    if receipt.status == receipts.PARTIAL:
        # Another run removes and scans again, so the persons to search for must still be known.
        request.partial = True
        request.done.remove("vacuum")
        subject_requests.save(lake.settings.secrets, request)
    else:
        subject_requests.close(lake.settings.secrets, request)
    return receipt


def _phases(lake: Lake, request: SubjectRequest, people: DataFrame) -> dict[str, Callable[[], None]]:
    """The phases of a request, in their order."""
    first: dict[str, dict[str, Callable[[], None]]] = {
        "erasure": {"suppress": lambda: _suppress(lake, request.subjects)},
        "retention": {"expire": lambda: _expire(lake, request)},
    }
    persons: dict[str, Callable[[], None]] = {
        "anonymise": lambda: _anonymise(lake, request, people),
        "delete": lambda: _delete(lake, people),
        "unlink": lambda: anonymous_lines.unlink(lake, bytes.fromhex(request.salt)),
        "publish": lambda: _publish(lake, request),
    }
    return {
        **first[request.kind],
        **(persons if request.subjects or request.everybody else {}),
        "vacuum": lambda: lake.drop_older_versions(request.grace),
    }


def _expire(lake: Lake, request: SubjectRequest) -> None:
    for due in retention_due.dated(lake, dt.date.fromisoformat(request.day)):
        lake.tables.delete_where(due.table, due.condition)
    _record_erased(lake)


def _suppress(lake: Lake, ids: Sequence[str]) -> None:
    key = suppression.key(lake)
    today = dt.datetime.now(dt.timezone.utc).date()
    suppression.add(lake, [keys.pseudonym(one, key) for one in ids], today)


def _anonymise(lake: Lake, request: SubjectRequest, people: DataFrame) -> None:
    """Persons with rows only in computed tables were erased by a lost request: their sales are lines already."""
    selling = people.where(~F.col(subjects.NUMBER).isin(request.absent)) if request.absent else people
    request.anonymous_lines = anonymous_lines.keep(lake, selling)


def _delete(lake: Lake, people: DataFrame) -> None:
    for table in _erasable(lake):
        if table.layer != REBUILT:
            found = subjects.keys_of(lake, table, people).select(str(table.subject))
            lake.tables.delete(table, found.localCheckpoint())
    _record_erased(lake)


def _record_erased(lake: Lake) -> None:
    """State in the ledger which rows bronze no longer holds, so that every source row keeps its one outcome."""
    entries = lake.ledger.entries()
    stored = bronze.count_rows(lake, [entry.batch_id for entry in entries])
    removed = lake.ledger.removed()
    lake.ledger.record_removed(
        "erased",
        {e.batch_id: e.rows - stored.get(e.batch_id, 0) - removed.get((e.batch_id, "suppressed"), 0) for e in entries},
    )


def _publish(lake: Lake, request: SubjectRequest) -> None:
    """Publish without the persons. Earlier publications are withdrawn from this moment on, even after a kill."""
    publication.withdraw_earlier(lake.storage)
    about = None if request.everybody else request.subjects
    pipeline.run(lake, pipeline.Request(job=JOB, refresh=True, about=about))


def _erasable(lake: Lake) -> list[Table]:
    return [table for table in coverage.stored_subjects(lake.catalog) if "erase" not in table.exempt]
