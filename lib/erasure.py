"""Erasure (Art. 17): persons leave every layer, every old version and log, and a scan over all bytes shows it.

A request goes through phases, each of which may be done twice with the same result. What is done is kept in the
request's file (`lib.requests`), so that a killed job goes on where it was:

| phase | what it does |
|---|---|
| suppress | puts the persons on the suppression list, so that nothing brings them back from now on (erasure only) |
| expire | deletes the rows that are due by a date of their own (retention only) |
| anonymise | keeps their sales as lines that lead to nobody, so that past totals stay |
| delete | deletes their rows by MERGE from a frame of keys, in bronze and silver |
| publish | computes gold and the marts anew, audits and publishes them; older publications are withdrawn |
| vacuum | gives running queries time to end, then removes the files of all older versions and of killed jobs |
| scan | looks for the persons in every byte of the lake, and writes the receipt |
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from pyspark.sql import DataFrame

from lib import (
    auditlog,
    bronze,
    census,
    expiry,
    keys,
    pipeline,
    publication,
    requests,
    residue,
    subjects,
    suppression,
    traces,
)
from lib.contracts import Table
from lib.errors import AuditFailed, UsageError
from lib.lake import Lake
from lib.requests import Open
from lib.transformations import transform

JOB = "erase_subjects"
KINDS = ("erasure", "retention")
RECEIPTS = "receipts"
REBUILT = "gold"  # the layer that the phase `publish` computes anew from silver
COMPLETE, PARTIAL, INCONCLUSIVE = "COMPLETE", "PARTIAL", "INCONCLUSIVE"
MOST_NAMED = 20  # files named in a receipt


@dataclass(frozen=True)
class Receipt:
    """What an erasure came to. Holds nothing that is computed from an identifier."""

    reference: str
    kind: str
    status: str
    started_at: str
    finished_at: str
    subjects: int
    unknown: int
    rows_deleted: dict[str, int]
    anonymous_lines: int
    run_id: str
    versions: dict[str, int]
    files_scanned: int
    bytes_scanned: int
    values_left_as_statistics: int
    findings: dict[str, int]
    files_with_findings: list[str]
    files_not_read: list[str]
    reasons_not_read: dict[str, str]
    controls_failed: list[str]
    evidence: str
    audit_log: dict[str, str | int] = field(default_factory=dict)


def erase(
    lake: Lake, ids: Sequence[str], *, grace: float, finished: Sequence[Receipt] = (), done: Collection[str] = ()
) -> str:
    """Erase the persons with these source ids. The caller holds the lake's lock. Gives the last line.

    `finished` are the receipts of requests that a killed job had left open, `done` the persons who left with them.

    Raises `UsageError` if none of the persons is known (nothing is written), `AuditFailed` if a scan finds anything.
    """
    census.require(lake.catalog)
    asked = [one for one in ids if one not in done]
    # Who left at the end of a period is not on the list yet, and asks for it now.
    _suppress(lake, [one for one in ids if one in done])
    receipts = list(finished)
    if asked:
        settle(lake)
        receipts += _new(lake, asked, grace, resumed=bool(finished))
    return told(lake, receipts)


def settle(lake: Lake) -> None:
    """Carry pending batches to their end first: sales must be known before they can be kept without their person."""
    if any(entry.pending for entry in lake.ledger.entries()):
        pipeline.run(lake, pipeline.Request(job=JOB))


def _new(lake: Lake, ids: Sequence[str], grace: float, *, resumed: bool) -> list[Receipt]:
    with lake.steps.step("find subjects"):
        found = subjects.known(lake, ids)
    numbers = {number for path, rows in found.items() for number in rows if not lake.catalog[path].exempt}
    if not numbers:
        if resumed:
            return []
        raise UsageError(_nobody(lake, ids))
    known = [ids[number] for number in sorted(numbers)]
    request = prepared(lake, "erasure", known, found)
    request.unknown, request.grace = len(ids) - len(known), grace
    return [begin(lake, request)]


def prepared(lake: Lake, kind: str, known: Sequence[str], found: Mapping[str, Mapping[int, int]]) -> Open:
    """A request of that kind about known persons, whose rows by table are `found`; not begun yet."""
    return Open(
        reference=auditlog.new_reference(),
        lake=lake.tables.root,
        started_at=publication.now(),
        subjects=list(known),
        salt=secrets.token_hex(keys.KEY_BYTES),
        kind=kind,
        rows={path: sum(rows.values()) for path, rows in found.items() if not lake.catalog[path].exempt},
    )


def begin(lake: Lake, request: Open) -> Receipt:
    """Open a request and carry it out."""
    with lake.steps.step("collect traces"):
        request.traces = traces.of(lake, subjects.frame(lake, request.subjects)) if request.subjects else []
    requests.save(lake.settings.secrets, request)
    return carry_out(lake, request)


def _nobody(lake: Lake, ids: Sequence[str]) -> str:
    key = suppression.key(lake)
    erased = len(suppression.listed(lake, [subjects.pseudonym(one, key) for one in ids]))
    told = f" ({erased} erased before)" if erased else ""
    return f"None of the {len(ids)} subjects is in this lake{told}; nothing has been written."


def carry_out(lake: Lake, request: Open) -> Receipt:
    """Go through the phases that are not done yet, look for what is left, and write the receipt."""
    log = auditlog.audit_log(lake.tables.root, lake.settings.secrets, lake.settings.audit_witness)
    log.append_once(f"{request.kind}_started", request.reference, {"subjects": len(request.subjects)})
    lake.tables.state(log.anchor())
    people = subjects.frame(lake, request.subjects)
    requests.go_through(lake.settings.secrets, request, _phases(lake, request, people), lake.steps)
    with lake.steps.step(f"{request.kind}: scan"):
        receipt = _scan(lake, request, people)
    counts = {"subjects": receipt.subjects, "findings": sum(receipt.findings.values())}
    log.append_once(f"{request.kind}_{receipt.status.lower()}", request.reference, counts)
    # The receipt states how far the log has come: killed between the two, the next run writes it.
    receipt = dataclasses.replace(receipt, audit_log=log.anchor())
    lake.storage.write(f"{RECEIPTS}/{request.reference}.json", json.dumps(dataclasses.asdict(receipt), indent=2))
    if receipt.status == PARTIAL:
        # Another run removes and looks again; whoever is to be found must still be known.
        request.partial = True
        request.done.remove("vacuum")
        requests.save(lake.settings.secrets, request)
    else:
        requests.close(lake.settings.secrets, request)
    return receipt


def _phases(lake: Lake, request: Open, people: DataFrame) -> dict[str, Callable[[], None]]:
    """What there is to do for a request, in this order."""
    first: dict[str, dict[str, Callable[[], None]]] = {
        "erasure": {"suppress": lambda: _suppress(lake, request.subjects)},
        "retention": {"expire": lambda: _expire(lake, request)},
    }
    persons: dict[str, Callable[[], None]] = {
        "anonymise": lambda: _anonymise(lake, request, people),
        "delete": lambda: _delete(lake, people),
        "publish": lambda: _publish(lake),
    }
    return {
        **first[request.kind],
        **(persons if request.subjects else {}),
        "vacuum": lambda: vacuum(lake, request.grace),
    }


def _expire(lake: Lake, request: Open) -> None:
    for due in expiry.dated(lake, dt.date.fromisoformat(request.day)):
        lake.tables.delete_where(due.table, due.condition)
    _record_erased(lake)


def _suppress(lake: Lake, ids: Sequence[str]) -> None:
    key = suppression.key(lake)
    today = dt.datetime.now(dt.timezone.utc).date()
    suppression.add(lake, [subjects.pseudonym(one, key) for one in ids], today)


def _anonymise(lake: Lake, request: Open, people: DataFrame) -> None:
    for table in lake.catalog:
        if table.load == "anonymous":
            request.anonymous_lines = _keep_anonymous(lake, request, table, people)


def _keep_anonymous(lake: Lake, request: Open, table: Table, people: DataFrame) -> int:
    """Add what stays of the persons to `table`; gives the number of lines.

    Their keys come from a salt that is forgotten with the request: a killed job makes the same ones again, and
    afterwards nobody can. The whole table is written anew in the order of the keys, so that neither a file nor its
    place in it shows which lines came together.
    """
    for name in table.remembers:
        source = lake.catalog[name]
        rows = subjects.rows_of(lake, source, people) if source.subject else lake.tables.read(source)
        rows.createOrReplaceTempView(f"known_{name}")
    (key,) = table.key
    lines = transform(lake.spark, table, {})
    lines = keys.with_pseudonym(lines, key, key, bytes.fromhex(request.salt))
    lines = lake.tables.conform(lines, table).localCheckpoint()
    count = lines.count()
    before = lake.tables.read(table)
    new = lines.join(before.select(key), on=key, how="left_anti")
    if not new.isEmpty():
        lake.tables.replace(table, before.unionByName(new).coalesce(1).sortWithinPartitions(key), files=1)
    return count


def _delete(lake: Lake, people: DataFrame) -> None:
    for table in _erasable(lake):
        if table.layer != REBUILT:
            found = subjects.keys_of(lake, table, people).select(str(table.subject))
            lake.tables.delete(table, found.localCheckpoint())
    _record_erased(lake)


def _record_erased(lake: Lake) -> None:
    """State in the ledger what bronze no longer holds, so that every source row keeps its one outcome."""
    entries = lake.ledger.entries()
    stored = bronze.count_rows(lake, [entry.batch_id for entry in entries])
    removed = lake.ledger.removed()
    lake.ledger.record_removed(
        "erased",
        {e.batch_id: e.rows - stored.get(e.batch_id, 0) - removed.get((e.batch_id, "suppressed"), 0) for e in entries},
    )


def _publish(lake: Lake) -> None:
    """Publish without the persons. What was published before this instant is withdrawn, whatever happens next."""
    publication.withdraw_earlier(lake.storage)
    pipeline.run(lake, pipeline.Request(job=JOB, refresh=True))


def vacuum(lake: Lake, grace: float) -> None:
    """Give running queries time to end, then remove the files of all older versions."""
    time.sleep(grace)
    # What the engine itself writes of runs and batches holds no person's rows, in no version.
    stored = [table for table in lake.catalog if not table.is_view and (table.load != "engine" or table.subject)]
    lake.tables.vacuum(*stored)


def _scan(lake: Lake, request: Open, people: DataFrame) -> Receipt:
    wanted, left = traces.wanted(lake, people, request.traces) if request.subjects else (residue.Wanted(), 0)
    result = _scanned(lake, wanted)
    still = _still_there(lake, request)
    present = publication.current(lake.storage)
    versions = {table.path: lake.tables.version(table) for table in lake.catalog if not table.is_view}
    return Receipt(
        reference=request.reference,
        kind=request.kind,
        status=_status(result, still),
        started_at=request.started_at,
        finished_at=publication.now(),
        subjects=len(request.subjects),
        unknown=request.unknown,
        rows_deleted=request.rows,
        anonymous_lines=request.anonymous_lines,
        run_id=present.run_id if present else "",
        versions={path: version for path, version in versions.items() if version is not None},
        files_scanned=result.files,
        bytes_scanned=result.bytes,
        values_left_as_statistics=left,
        findings={**result.by_kind, **({"current rows": still} if still else {})},
        files_with_findings=[finding.path for finding in result.findings][:MOST_NAMED],
        files_not_read=result.unread[:MOST_NAMED],
        reasons_not_read={name: result.reasons[name] for name in result.unread[:MOST_NAMED]},
        controls_failed=result.failed,
        evidence=result.evidence,
    )


def _still_there(lake: Lake, request: Open) -> int:
    """Rows that should be gone, asked of the current tables themselves, whatever the files say."""
    found = subjects.known(lake, request.subjects) if request.subjects else {}
    still = sum(sum(rows.values()) for path, rows in found.items() if not lake.catalog[path].exempt)
    due = expiry.due_rows(lake, dt.date.fromisoformat(request.day)) if request.day else {}
    return still + sum(due.values())


def _scanned(lake: Lake, wanted: residue.Wanted) -> residue.Scan:
    try:
        return residue.scan([residue.local_root(lake.tables.root)], wanted)
    except UsageError:
        nowhere = residue.Scan()
        nowhere.leave("the lake", "it is not on this machine")
        return nowhere


def _status(result: residue.Scan, still: int) -> str:
    if result.findings or still:
        return PARTIAL
    return COMPLETE if result.verdict == residue.ABSENT else INCONCLUSIVE


def _erasable(lake: Lake) -> list[Table]:
    return [table for table in census.stored_subjects(lake.catalog) if "erase" not in table.exempt]


def told(lake: Lake, finished: Sequence[Receipt]) -> str:
    if not finished:
        return "Nothing to do."
    parts = [
        f"{receipt.status}: {receipt.subjects} erased, {receipt.unknown} unknown, "
        f"receipt {lake.storage.path(f'{RECEIPTS}/{receipt.reference}.json')}"
        for receipt in finished
    ]
    partial = [receipt for receipt in finished if receipt.status != COMPLETE]
    if partial:
        raise AuditFailed(f"{'; '.join(parts)}.", "Remove what the receipt names, and run the same command again.")
    return f"{'; '.join(parts)}."
