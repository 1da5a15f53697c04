"""Access and portability (Art. 15, 20): everything stored about a person, from every layer, as JSON and CSV.

One folder per person below the folder that the operator names; nothing is written to the lake. Beside the rows stand
what Art. 15 asks for: purposes, legal bases, periods, recipients, and what each column means.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from lib import address, auditlog, census, register, subjects
from lib.contracts import Table
from lib.errors import UsageError
from lib.lake import Lake
from lib.publication import now

DOCUMENT = "export.json"
Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Export:
    """What was written: the folder, how many persons and rows, and how many of the persons asked for are unknown."""

    folder: Path
    persons: int
    rows: int
    unknown: int


def export(lake: Lake, ids: Sequence[str], out: Path) -> Export:
    """Write what the lake holds about the persons with these source ids. The caller holds the lake's lock.

    Raises `UsageError` if none is known, or if `out` is in use or lies in the lake; then nothing is written.
    """
    census.require(lake.catalog)
    _require_free(out, lake.tables.root)
    found = _rows(lake, ids)
    if not found:
        raise UsageError(f"None of the {len(ids)} subjects is in this lake; nothing has been written.")
    reference = auditlog.new_reference()
    folder = out / reference
    for number in sorted(found):
        _write_person(lake, folder / f"person-{number + 1:04}", reference, found[number])
    rows = sum(len(rows) for person in found.values() for rows in person.values())
    log = auditlog.audit_log(lake.tables.root, lake.settings.secrets, lake.settings.audit_witness)
    log.append("export_done", reference, {"subjects": len(found), "rows": rows})
    return Export(folder, len(found), rows, len(ids) - len(found))


def _require_free(out: Path, lake: str) -> None:
    root = address.local_path(lake)
    if root and (out.resolve() == root or root in out.resolve().parents):
        raise UsageError(f"{out} lies in the lake.", "An export belongs elsewhere: name another folder with --out.")


def _rows(lake: Lake, ids: Sequence[str]) -> dict[int, Rows]:
    """By number of the person in the request and by table, the rows; persons without any are left out."""
    people = subjects.frame(lake, ids)
    found: dict[int, Rows] = {}
    for table in census.stored_subjects(lake.catalog):
        if lake.tables.version(table) is None:
            continue
        names = [column.name for column in table.stored]
        for row in subjects.rows_of(lake, table, people).select(subjects.NUMBER, *names).toLocalIterator():
            stated = {name: _plain(row[name]) for name in names}
            found.setdefault(row[subjects.NUMBER], {}).setdefault(table.path, []).append(stated)
    return found


def _write_person(lake: Lake, folder: Path, reference: str, rows: Rows) -> None:
    folder.mkdir(parents=True, mode=0o700)
    words = register.Words("en", {})
    document = {
        "reference": reference,
        "exported_at": now(),
        "recipients": words.phrase("recipients_text"),
        "transfers": words.phrase("transfers_text"),
        "tables": [_described(lake.catalog[path], stated, words) for path, stated in rows.items()],
    }
    _write(folder / DOCUMENT, json.dumps(document, indent=2, ensure_ascii=False))
    for path, stated in rows.items():
        _write(folder / f"{path.replace('/', '_')}.csv", _csv(stated))


def _described(table: Table, rows: Sequence[Mapping[str, Any]], words: register.Words) -> dict[str, Any]:
    return {
        "table": table.path,
        "description": table.description,
        "one_row_per": table.grain,
        "columns": [
            {
                "name": column.name,
                "meaning": column.description,
                "purpose": column.purpose,
                "legal_basis": column.legal_basis,
                "kept_for": words.period(column.retention),
                "counted_from": column.retention_from,
            }
            for column in table.stored
        ],
        "rows": rows,
    }


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _write(file: Path, text: str) -> None:
    """For its owner only, from the first byte on."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
        stream.write(text)


def _plain(value: Any) -> Any:
    """As JSON can say it: dates in ISO form, decimals as text, so that no digit is lost."""
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    return list(value) if isinstance(value, (list, tuple)) else value
