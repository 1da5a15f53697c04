"""What a killed job left open is finished before another job writes: a half-erased person must not be published."""

from __future__ import annotations

from collections.abc import Collection

from lib.accountability import auditlog, subject_requests
from lib.delta.lake import Lake
from lib.errors import UsageError
from lib.privacy import anonymous_lines, erasure, subject_rights
from lib.privacy.receipts import Finished


def resume(lake: Lake, *, partial: bool = False, anew: Collection[str] = ()) -> Finished:
    """Finish the lake's open requests. The caller holds the lake's lock.

    Those whose scan found something are through but for what the operator has to remove; they are scanned again only
    with `partial`. `anew` are the kinds of requests whose loss the job makes good.

    Raises `UsageError` if another request is lost, `AuditFailed` if the audit log is not sound; nothing is written.
    """
    found, lost = subject_requests.surveyed(lake.settings.secrets, lake.tables.root)
    for each in lost:
        if each.kind not in anew:
            raise UsageError(str(each), each.remedy)
    if found:
        auditlog.of(lake.settings).require_ready()
    receipts, gone, fulfilled = [], set(), []
    for request in found:
        if request.kind in subject_rights.KINDS:
            subject_rights.carry_out(lake, request)
            fulfilled.append(request)
        elif partial or not request.partial:
            receipts.append(erasure.carry_out(lake, request))
            gone |= set(request.subjects)
    anonymous_lines.mend(lake)
    lake.base.advance()
    return Finished(tuple(receipts), frozenset(gone), tuple(lost), tuple(fulfilled))


def require_none(lake: Lake) -> None:
    """Raise `UsageError` if a request is under way: who it concerns may be in every publication so far."""
    if any(not request.partial for request in subject_requests.opened(lake.settings.secrets, lake.tables.root)):
        raise UsageError(
            "A request of persons is not done yet.", "Run the pipeline, which finishes it, and then this job."
        )
