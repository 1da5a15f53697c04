"""Another job first finishes the requests of a killed job: a half-erased person must not be published."""

from __future__ import annotations

from collections.abc import Collection

from lib.accountability import auditlog, subject_requests
from lib.delta import keyring, undisturbed
from lib.delta.lake import Lake
from lib.delta.publication import Document
from lib.errors import UsageError
from lib.pipeline import pipeline
from lib.pipeline.writer import Place
from lib.privacy import anonymous_lines, erasure, subject_rights
from lib.privacy.receipts import Finished


def nothing_waits(place: Place) -> Document | None:
    """What the last job left, if the lake still is exactly that and no request is open; None if a job may have work.

    Asks neither Spark nor Delta.
    """
    left = undisturbed.left(place.storage, place.catalog)
    if left is None or left.base is None:
        return None
    root, secrets = place.storage.root, place.settings.secrets
    if not keyring.are_own(place.storage, secrets, left.base.keys) or any(subject_requests.surveyed(secrets, root)):
        return None
    return None if anonymous_lines.may_be_open(root, place.catalog, left.base) else left


def resume(lake: Lake, *, partial: bool = False, anew: Collection[str] = ()) -> Finished:
    """Finish the lake's open requests. The caller holds the lake's lock.

    If the scan of a request found something, only the operator's removal is missing; such a request is scanned again
    only with `partial`. `anew` are the kinds of lost requests that the job replaces.

    Raises `UsageError` if a request of another kind is lost, `AuditFailed` if the audit log is not sound; nothing is
    written.
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
    if anonymous_lines.mend(lake) and lake.base.published:
        pipeline.run(lake, pipeline.Request(job=erasure.JOB, refresh=True))
    lake.base.advance()
    return Finished(tuple(receipts), frozenset(gone), tuple(lost), tuple(fulfilled))


def require_none(lake: Lake) -> None:
    """Raise `UsageError` if a request is open: its persons may be in every publication so far."""
    if any(not request.partial for request in subject_requests.opened(lake.settings.secrets, lake.tables.root)):
        raise UsageError(
            "A request of persons is not done yet.", "Run the pipeline, which finishes it, and then this job."
        )
