"""Erasure (Art. 17): persons leave every layer, every old version and log, and a scan over all bytes shows it.

A request goes through phases, each of which may be done twice with the same result. What is done is kept in the
request's file (`lib.accountability.subject_requests`), so that a killed job goes on where it was:

| phase | what it does |
|---|---|
| suppress | puts the persons on the suppression list, so that nothing brings them back from now on (erasure only) |
| expire | deletes the rows that are due by a date of their own (retention only) |
| anonymise | keeps their sales as lines without them, so that past totals stay; the lines are marked as open |
| delete | deletes their rows by MERGE from a frame of keys, in bronze and silver |
| unlink | gives the open lines keys that lead to nobody |
| publish | computes gold and the marts anew, audits and publishes them; older publications are withdrawn |
| vacuum | gives running queries time to end, then removes the files of all older versions and of killed jobs |
| scan | looks for the persons in every byte of the lake, and writes the receipt |

Should the request's file be lost as well, the lake itself tells how far it came. The key of an open line follows from
the sale and from a secret, so that a sale becomes the same line whoever asks again; and an open line whose person is
still in the lake is taken back before anything else (`mend`). So every sale counts once.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lib import keys
from lib.accountability import auditlog, subject_requests
from lib.accountability.subject_requests import Lost, SubjectRequest
from lib.build import bronze
from lib.build.transformations import transform
from lib.contracts import coverage
from lib.contracts.model import Table
from lib.delta import publication
from lib.delta.lake import Lake
from lib.errors import AuditFailed, UsageError
from lib.pipeline import pipeline
from lib.privacy import identifying_values, retention_due, subjects
from lib.residue import residue
from lib.rights import suppression
from lib.rights.asked import IN_LAKE, Asked

JOB = "erase_subjects"
KINDS = ("erasure", "retention")
RECEIPTS = "receipts"
REBUILT = "gold"  # the layer that the phase `publish` computes anew from silver
COMPLETE, PARTIAL, INCONCLUSIVE = "COMPLETE", "PARTIAL", "INCONCLUSIVE"
MOST_NAMED = 20  # files named in a receipt
OPEN_LINE = "open-"  # begins the key of an anonymous line whose person has not been deleted yet


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


@dataclass(frozen=True)
class Finished:
    """What a killed job had left open, and what came of it.

    The receipts of erasures, and the persons who have left the lake with them; the requests that are lost; and the
    other requests that were finished.
    """

    receipts: tuple[Receipt, ...] = ()
    gone: frozenset[str] = frozenset()
    lost: tuple[Lost, ...] = ()
    fulfilled: tuple[SubjectRequest, ...] = ()


NOTHING_OPEN = Finished()


def erase(lake: Lake, asked: Asked, *, grace: float, before: Finished = NOTHING_OPEN) -> str:
    """Erase the persons who are asked for. The caller holds the lake's lock. Gives the last line.

    Who was erased before is looked for once more, and gets a receipt.

    Raises `InputRefused` if a person is unknown (nothing is written, unless the known ones only are wanted),
    `AuditFailed` if a scan finds anything.
    """
    coverage.require(lake.catalog)
    with lake.steps.step("find subjects"):
        found = subjects.known(lake, asked.ids)
    erased = _erased_before(lake, asked.ids)
    here = {asked.ids[number] for path, rows in found.items() for number in rows if not lake.catalog[path].exempt}
    known = asked.require(here | erased | before.gone, IN_LAKE)
    # Who left at the end of a period is not on the list yet, and asks for it now.
    _suppress(lake, [one for one in known if one in before.gone])
    wanted = [one for one in known if one not in before.gone]
    receipts = list(before.receipts)
    if wanted:
        if settle(lake):
            found = subjects.known(lake, asked.ids)
        request = prepared(lake, "erasure", wanted, found)
        held = [lake.catalog[path] for path in found if lake.catalog[path].layer != REBUILT]
        stored = {asked.ids[n] for table in held if not table.exempt for n in found[table.path]}
        request.absent = [number for number, one in enumerate(wanted) if one not in stored]
        request.unknown, request.grace = len(asked.ids) - len(known), grace
        receipts.append(begin(lake, request))
    said = told(lake, receipts)
    if wanted:
        _forget(lake, [each for each in before.lost if each.kind == "erasure"])
    return asked.told(said, known, IN_LAKE)


def _erased_before(lake: Lake, ids: Sequence[str]) -> set[str]:
    key = suppression.key(lake)
    tokens = {subjects.pseudonym(one, key): one for one in ids}
    return {tokens[token] for token in suppression.listed(lake, tokens)}


def _forget(lake: Lake, lost: Sequence[Lost]) -> None:
    """Remove what is left of lost requests, once nobody is in the lake any more whose erasure they had begun."""
    if lost and (left := suppression.still_there(lake, bronze.table(lake))):
        raise UsageError(
            f"The lost request {lost[0].files[0]} named {left} more persons, who are still in this lake.",
            "Run erase_subjects with these persons too.",
        )
    for each in lost:
        subject_requests.forget(each.files)


def lift_suppression(lake: Lake, asked: Asked) -> str:
    """Take the persons off the suppression list. Gives the last line.

    Raises `InputRefused` if one of them is not on it; then nothing is written, unless the others only are wanted.
    """
    listed, what = _erased_before(lake, asked.ids), "not on the suppression list"
    wanted = asked.require(listed, what)
    key = suppression.key(lake)
    tokens = {subjects.pseudonym(one, key) for one in wanted}
    # First: whoever is killed in between has said too much, and never lets a person in without a word.
    auditlog.of(lake.settings).append("suppression_lifted", auditlog.new_reference(), {"subjects": len(tokens)})
    suppression.lift(lake, tokens)
    return asked.told(f"{len(tokens)} of {len(asked.ids)} persons taken off the suppression list.", wanted, what)


def settle(lake: Lake) -> bool:
    """Carry pending batches to their end first: sales must be known before they can be kept without their person.

    Gives whether there were any.
    """
    pending = any(entry.pending for entry in lake.ledger.entries())
    if pending:
        pipeline.run(lake, pipeline.Request(job=JOB))
    return pending


def prepared(lake: Lake, kind: str, known: Sequence[str], found: Mapping[str, Mapping[int, int]]) -> SubjectRequest:
    """A request of that kind about known persons, whose rows by table are `found`; not begun yet."""
    return SubjectRequest(
        reference=auditlog.new_reference(),
        lake=lake.tables.root,
        started_at=publication.now(),
        subjects=list(known),
        salt=secrets.token_hex(keys.KEY_BYTES),
        kind=kind,
        rows={path: sum(rows.values()) for path, rows in found.items() if not lake.catalog[path].exempt},
    )


def begin(lake: Lake, request: SubjectRequest) -> Receipt:
    """Open a request and carry it out."""
    with lake.steps.step("collect traces"):
        found = identifying_values.of(lake, subjects.frame(lake, request.subjects)) if request.subjects else []
        request.traces = [trace for trace in found if trace[1] not in _stays(lake)]
    subject_requests.save(lake.settings.secrets, request)
    return carry_out(lake, request)


def _stays(lake: Lake) -> set[str]:
    """The columns by which erased persons stay on lists: whoever is erased again stands there already."""
    return {str(table.subject) for table in coverage.stored_subjects(lake.catalog) if "erase" in table.exempt}


def carry_out(lake: Lake, request: SubjectRequest) -> Receipt:
    """Go through the phases that are not done yet, look for what is left, and write the receipt."""
    log = auditlog.of(lake.settings)
    log.append_once(f"{request.kind}_started", request.reference, {"subjects": len(request.subjects)})
    lake.tables.state(log.anchor())
    people = subjects.frame(lake, request.subjects)
    subject_requests.go_through(
        lake.settings.secrets, request, _phases(lake, request, people), lake.steps, lasting=lake.base.advance
    )
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
        subject_requests.save(lake.settings.secrets, request)
    else:
        subject_requests.close(lake.settings.secrets, request)
    return receipt


def _phases(lake: Lake, request: SubjectRequest, people: DataFrame) -> dict[str, Callable[[], None]]:
    """What there is to do for a request, in this order."""
    first: dict[str, dict[str, Callable[[], None]]] = {
        "erasure": {"suppress": lambda: _suppress(lake, request.subjects)},
        "retention": {"expire": lambda: _expire(lake, request)},
    }
    persons: dict[str, Callable[[], None]] = {
        "anonymise": lambda: _anonymise(lake, request, people),
        "delete": lambda: _delete(lake, people),
        "unlink": lambda: _unlink(lake, bytes.fromhex(request.salt)),
        "publish": lambda: _publish(lake),
    }
    return {
        **first[request.kind],
        **(persons if request.subjects else {}),
        "vacuum": lambda: vacuum(lake, request.grace),
    }


def _expire(lake: Lake, request: SubjectRequest) -> None:
    for due in retention_due.dated(lake, dt.date.fromisoformat(request.day)):
        lake.tables.delete_where(due.table, due.condition)
    _record_erased(lake)


def _suppress(lake: Lake, ids: Sequence[str]) -> None:
    key = suppression.key(lake)
    today = dt.datetime.now(dt.timezone.utc).date()
    suppression.add(lake, [subjects.pseudonym(one, key) for one in ids], today)


def _anonymise(lake: Lake, request: SubjectRequest, people: DataFrame) -> None:
    """Who had no row but in computed tables was erased by a request that is lost: those sales are lines already."""
    selling = people.where(~F.col(subjects.NUMBER).isin(request.absent)) if request.absent else people
    request.anonymous_lines = sum(_keep_anonymous(lake, table, selling) for table in _anonymous(lake))


def _anonymous(lake: Lake) -> list[Table]:
    return [table for table in lake.catalog if table.load == "anonymous"]


def _keep_anonymous(lake: Lake, table: Table, people: DataFrame) -> int:
    """Add what stays of the persons to `table`, as open lines; gives the number of lines.

    A sale that is an open line already is not added again.
    """
    lines = _open_lines(lake, table, people)
    count = lines.count()
    before = lake.tables.read(table)
    new = lines.join(before.select(*table.key), on=list(table.key), how="left_anti")
    if not new.isEmpty():
        _rewrite(lake, table, before.unionByName(new))
    return count


def _open_lines(lake: Lake, table: Table, people: DataFrame) -> DataFrame:
    """What stays of the persons' sales. Whoever makes a line of a sale gives it the same key, until it is unlinked."""
    for name in table.remembers:
        source = lake.catalog[name]
        rows = subjects.rows_of(lake, source, people) if source.subject else lake.tables.read(source)
        rows.createOrReplaceTempView(f"known_{name}")
    (key,) = table.key
    secret = hmac.new(suppression.key(lake), OPEN_LINE.encode(), hashlib.sha256).digest()
    lines = keys.with_pseudonym(transform(lake.spark, table, {}), key, key, secret)
    lines = lines.withColumn(key, F.concat(F.lit(OPEN_LINE), key))
    return lake.tables.conform(lines, table).localCheckpoint()


def _rewrite(lake: Lake, table: Table, content: DataFrame) -> None:
    """The whole table in the order of the keys: neither a file nor a place in it shows which lines came together."""
    lake.tables.replace(table, content.coalesce(1).sortWithinPartitions(*table.key), files=1)


def _with_open_lines(lake: Lake) -> list[Table]:
    """The tables of anonymous lines that hold open ones."""
    stored = [table for table in _anonymous(lake) if lake.tables.version(table) is not None]
    return [table for table in stored if not lake.tables.read(table).where(_is_open(table)).isEmpty()]


def _is_open(table: Table) -> Column:
    (key,) = table.key
    return F.col(key).startswith(OPEN_LINE)


def _unlink(lake: Lake, salt: bytes) -> None:
    """Give open lines keys from a salt that is forgotten with the request: then nobody can make them again."""
    for table in _with_open_lines(lake):
        (key,) = table.key
        content = lake.tables.read(table).withColumn("_open", F.col(key))
        redrawn = keys.with_pseudonym(content, "_open", "_drawn", salt)
        drawn = redrawn.withColumn(key, F.when(_is_open(table), F.col("_drawn")).otherwise(F.col(key)))
        _rewrite(lake, table, lake.tables.conform(drawn, table).localCheckpoint())


def mend(lake: Lake) -> None:
    """Take back the open lines of a lost request whose persons are still in the lake, and unlink the others.

    The caller has finished all requests that can be read; none of these leaves an open line.
    """
    for table in _with_open_lines(lake):
        with lake.steps.step("mend"):
            counted_twice = _open_lines(lake, table, subjects.everybody(lake)).select(*table.key)
            content = lake.tables.read(table).join(counted_twice, on=list(table.key), how="left_anti")
            _rewrite(lake, table, content.localCheckpoint())
    _unlink(lake, secrets.token_bytes(keys.KEY_BYTES))


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
    stored = [table for table in lake.catalog.stored if (table.load != "engine" or table.subject)]
    # What people still read stays, until something newer is published.
    lake.tables.vacuum(*(table for table in stored if not lake.base.is_read_as_it_was(table)))


def _scan(lake: Lake, request: SubjectRequest, people: DataFrame) -> Receipt:
    wanted, left = (
        identifying_values.wanted(lake, people, request.traces) if request.subjects else (residue.Wanted(), 0)
    )
    result = _scanned(lake, wanted)
    still = _still_there(lake, request)
    present = lake.base.published
    versions = {table.path: lake.tables.version(table) for table in lake.catalog.stored}
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


def _still_there(lake: Lake, request: SubjectRequest) -> int:
    """Rows that should be gone, asked of the current tables themselves, whatever the files say."""
    found = subjects.known(lake, request.subjects) if request.subjects else {}
    still = sum(sum(rows.values()) for path, rows in found.items() if not lake.catalog[path].exempt)
    due = retention_due.due_rows(lake, dt.date.fromisoformat(request.day)) if request.day else {}
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
    return [table for table in coverage.stored_subjects(lake.catalog) if "erase" not in table.exempt]


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
