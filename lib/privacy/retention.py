"""Retention: when a period of the contracts has ended, its data is removed from every byte of the lake.

Rows that are due by their own date are deleted. Persons who are due are removed from every layer by the same phases as
in an erasure, and their sales become anonymous lines. They are not suppressed, because they may become active again.
"""

from __future__ import annotations

import datetime as dt

from lib.accountability import subject_requests
from lib.accountability.subject_requests import SubjectRequest
from lib.contracts import coverage
from lib.delta import publication
from lib.delta.lake import Lake
from lib.pipeline import pipeline
from lib.privacy import erasure, receipts, retention_due, subjects
from lib.privacy.receipts import NOTHING_OPEN, Finished

JOB = "enforce_retention"


def preview(lake: Lake, as_of: dt.date) -> str:
    """Report what is due on `as_of`, and write nothing."""
    coverage.require(lake.catalog)
    return f"Due on {as_of}: {retention_due.due(lake, as_of)}. Nothing has been written."


def enforce(lake: Lake, as_of: dt.date, *, grace: float, before: Finished = NOTHING_OPEN) -> str:
    """Delete what is due on `as_of`. The caller holds the lake's lock and has finished open requests.

    Returns the last line. Raises `AuditFailed` if a scan finds anything.
    """
    coverage.require(lake.catalog)
    pipeline.finish_pending(lake, JOB)
    due = retention_due.due(lake, as_of)
    written = list(before.receipts)
    # A lost request may have deleted the rows that were due, but not their older versions.
    if due.persons or any(due.rows.values()) or before.lost:
        by_date = {each.table.path: each.condition for each in retention_due.dated(lake, as_of)}
        rows = subjects.counts(lake, subjects.known(lake, due.persons, by_date))
        request = SubjectRequest.new("retention", lake.tables.root, due.persons, publication.now(), rows)
        request.day, request.grace, request.everybody = as_of.isoformat(), grace, bool(before.lost)
        for path, count in due.rows.items():
            request.rows[path] = request.rows.get(path, 0) + count
        written.append(erasure.begin(lake, request))
    done = f"Retention as of {as_of}: {due}."
    said = f"{done} {receipts.told(lake, written)}" if written else done
    for each in before.lost:
        if each.kind == "retention":
            subject_requests.forget(each.files)
    return said
