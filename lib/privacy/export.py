"""Access and portability (Art. 15, 20): everything stored about a person, from every layer, as JSON and CSV.

Each person gets one folder below the folder that the operator names; nothing is written to the lake. Beside the rows it
holds the information that Art. 15 requires: purposes, legal bases, periods, recipients, and the meaning of each column.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import os
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from lib import address
from lib.accountability import auditlog
from lib.contracts import coverage, register
from lib.contracts.model import Table
from lib.delta.lake import Lake
from lib.delta.publication import now
from lib.drafts import own_draft
from lib.errors import UsageError
from lib.normal_form import BLANKS
from lib.privacy import subjects
from lib.rights.asked import IN_LAKE, Asked

DOCUMENT = "export.json"
# Signs that a spreadsheet may take for the beginning of a formula; East Asian keyboards write the wide forms.
SIGNS = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
CUTS = ("\t", "\r", "\n")
NUMBER = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)*")
Rows = dict[str, list[dict[str, Any]]]


def export(lake: Lake, asked: Asked, out: Path) -> str:
    """Write all data of the lake about the persons of the request. The caller holds the lake's lock.

    The files get their final place only after the entry in the audit log. Returns the last line.

    Raises `InputRefused` if a person is unknown (nothing is written, unless only the known persons are wanted),
    `UsageError` if `out` is in the lake, `AuditFailed` if the audit log cannot take the entry: nothing is written.
    """
    coverage.require(lake.catalog)
    _require_free(out, lake.tables.root)
    found = _rows(lake, asked.ids)
    known = asked.require([asked.ids[number] for number in found], IN_LAKE)
    reference = auditlog.new_reference()
    folder = out / reference
    rows = sum(len(rows) for person in found.values() for rows in person.values())
    with own_draft(out, f".{reference}") as draft:
        for number in sorted(found):
            _write_person(lake, draft / f"person-{number + 1:04}", reference, found[number])
        log = auditlog.of(lake.settings)
        log.append("export_done", reference, {"subjects": len(found), "rows": rows})
        draft.rename(folder)
    unknown = len(asked.ids) - len(known)
    return asked.told(f"{rows} rows of {len(known)} persons exported, {unknown} unknown: {folder}.", known, IN_LAKE)


def _require_free(out: Path, lake: str) -> None:
    root = address.local_path(lake)
    if root and (out.resolve() == root or root in out.resolve().parents):
        raise UsageError(f"{out} is in the lake.", "An export belongs elsewhere: name another folder with --out.")


def _rows(lake: Lake, ids: Sequence[str]) -> dict[int, Rows]:
    """The rows by number of the person in the request and by table; persons without rows are left out."""
    people = subjects.frame(lake, ids)
    found: dict[int, Rows] = {}
    for table in coverage.stored_subjects(lake.catalog):
        if lake.tables.version(table) is None:
            continue
        names = [column.name for column in table.stored]
        for row in subjects.rows_of(lake, table, people).select(subjects.NUMBER, *names).toLocalIterator():
            stated = {name: row[name] for name in names}
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
        _write(folder / f"{path.replace('/', '_')}.csv", as_csv(stated))


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
        "rows": [{name: _plain(value) for name, value in row.items()} for row in rows],
    }


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as a CSV with a header. None of their texts becomes a formula in a spreadsheet."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows({name: _harmless(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def _harmless(value: Any) -> Any:
    """A value that a spreadsheet may open: a text that looks like a formula gets a `'` before it, a number does not.

    Blanks before the sign are ignored, because some programs ignore them. The JSON holds every text unchanged.
    """
    if not isinstance(value, str) or NUMBER.fullmatch(value):
        return _plain(value)
    return f"'{value}" if value[:1] in CUTS or value.lstrip(BLANKS).startswith(SIGNS) else value


def _write(file: Path, text: str) -> None:
    """Write it so that only its owner can read it, from the first byte on."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
        stream.write(text)


def _plain(value: Any) -> Any:
    """The value in JSON: dates in ISO form, decimals as text, so that no digit is lost."""
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    return list(value) if isinstance(value, (list, tuple)) else value
