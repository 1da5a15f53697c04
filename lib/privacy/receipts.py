"""Results of erasures: the scan that searches every byte for the persons, its verdict, and the receipt."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from pyspark.sql import DataFrame

from lib.accountability.subject_requests import Lost, SubjectRequest
from lib.delta import publication
from lib.delta.lake import Lake
from lib.errors import AuditFailed, UsageError
from lib.privacy import identifying_values, retention_due, subjects
from lib.residue import residue

FOLDER = "receipts"
COMPLETE, PARTIAL, INCONCLUSIVE = "COMPLETE", "PARTIAL", "INCONCLUSIVE"
MOST_NAMED = 20  # files named in a receipt


@dataclass(frozen=True)
class Receipt:
    """The result of an erasure. Holds nothing that is computed from an identifier."""

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
    """The requests that a killed job had left open, and their results.

    The receipts of erasures, and the persons who were erased; the lost requests; and the other requests that were
    finished.
    """

    receipts: tuple[Receipt, ...] = ()
    gone: frozenset[str] = frozenset()
    lost: tuple[Lost, ...] = ()
    fulfilled: tuple[SubjectRequest, ...] = ()


NOTHING_OPEN = Finished()


def of(lake: Lake, request: SubjectRequest, people: DataFrame) -> Receipt:
    """Search for the persons of a request whose phases are done, and report the findings."""
    wanted, left = (
        identifying_values.wanted(lake, people, request.traces) if request.subjects else (residue.Wanted(), 0)
    )
    result = _scanned(lake, wanted)
    still = _still_there(lake, request)
    present = lake.base.published
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
        versions=lake.versions,
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
    """The number of rows that should be gone, counted in the current tables, independently of the files."""
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


def write(lake: Lake, receipt: Receipt) -> None:
    lake.storage.write(_name(receipt), json.dumps(dataclasses.asdict(receipt), indent=2))


def _name(receipt: Receipt) -> str:
    return f"{FOLDER}/{receipt.reference}.json"


def told(lake: Lake, finished: Sequence[Receipt]) -> str:
    """The last line of a job that has written these receipts. Raises `AuditFailed` if one of them is not complete."""
    if not finished:
        return "Nothing to do."
    parts = [
        f"{receipt.status}: {receipt.subjects} erased, {receipt.unknown} unknown, "
        f"receipt {lake.storage.path(_name(receipt))}"
        for receipt in finished
    ]
    partial = [receipt for receipt in finished if receipt.status != COMPLETE]
    if partial:
        raise AuditFailed(f"{'; '.join(parts)}.", "Remove what the receipt names, and run the same command again.")
    return f"{'; '.join(parts)}."
