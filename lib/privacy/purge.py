"""Purge of inputs: the splitter's files are removed once the lake has published them.

The splitter's parts hold the whole export, including the columns that never enter the lake. A manifest names its parts
and their content; no other file is touched. Parts are removed first and the manifest last, so that the next purge can
finish a killed one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from lib.accountability import auditlog
from lib.delta.lake import Lake
from lib.errors import InputRefused, UsageError
from lib.sources.inputs import ID_LENGTH
from lib.sources.manifests import FORMAT

MANIFEST = "manifest.json"
DIGESTS = ("file_sha256", "sha256")  # of the file itself: a database's `sha256` is that of its rows
TIMEOUT_SECONDS = 10
BLOCK = 1 << 24
MARKER = "splitter part of "  # begins the comment of every table that the splitter made
COMMENT = "select obj_description(oid, 'pg_class') from pg_class where oid = to_regclass(%s)"


def preview(lake: Lake, places: Sequence[Path]) -> list[str]:
    """Say what a purge would remove; without places, say nothing."""
    found = [_ready(lake, place) for place in places]
    return [f"The parts of {sum(found)} of {len(found)} manifests would be removed."] if found else []


def purge(lake: Lake, places: Sequence[Path]) -> list[str]:
    """Remove the splitter's parts at these places, manifests or their folders; without places, say nothing.

    Raises `UsageError` if a file is not a manifest, `InputRefused` if a part does not match its manifest; then nothing
    is removed.
    """
    if not places:
        return []
    ready = [_manifest(place) for place in places if _ready(lake, place)]
    parts = sum(len(_own(manifest)) for manifest in ready)
    if ready:
        log = auditlog.of(lake.settings)
        # Log first: the log of a killed purge may say too much, but never too little.
        log.append("inputs_purged", auditlog.new_reference(), {"manifests": len(ready), "parts": parts})
    for manifest in ready:
        _remove(manifest)
    left = len(places) - len(ready)
    kept = f" {left} manifests are kept, since this lake has not published them." if left else ""
    return [f"{parts} parts of {len(ready)} manifests removed.{kept}"]


def _ready(lake: Lake, place: Path) -> bool:
    """Whether the lake has published the export that the manifest describes."""
    digests = "\n".join(part["sha256"] for part in _content(_manifest(place))["parts"])
    batch = hashlib.sha256(digests.encode()).hexdigest()[:ID_LENGTH]
    return any(entry.batch_id == batch and not entry.pending for entry in lake.ledger.entries())


def _manifest(place: Path) -> Path:
    return place / MANIFEST if place.is_dir() else place


def _content(file: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise UsageError(f"{file} is not a manifest of the splitter.", "Check --purge-inputs.")
    return found


def _own(file: Path) -> Sequence[Mapping[str, Any]]:
    """The parts of a manifest, after all of them were compared with it."""
    parts: Sequence[Mapping[str, Any]] = _content(file)["parts"]
    for part in parts:
        if "file" in part:
            _require_own(file.parent / part["file"], part)
    return parts


def _remove(file: Path) -> None:
    parts = _own(file)
    for part in parts:
        if "database" in part:
            _drop(part)
    for part in parts:
        if "file" in part:
            (file.parent / part["file"]).unlink(missing_ok=True)
    file.unlink()


def _require_own(path: Path, part: Mapping[str, Any]) -> None:
    """Raise if the part does not match. A missing part was removed by a killed purge."""
    stated = next(part[name] for name in DIGESTS if name in part)
    if path.parent.resolve() != path.resolve().parent or (path.exists() and _digest(path) != stated):
        raise InputRefused(f"{path} does not match its manifest.", "No part has been removed; check this file first.")


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _drop(part: Mapping[str, Any]) -> None:
    """Drop the splitter's table; user and password come from the environment or `~/.pgpass`, as for loading."""
    try:
        with psycopg.connect(part["database"], connect_timeout=TIMEOUT_SECONDS) as connection:
            table = sql.Identifier(part["schema"], part["table"])
            comment = connection.execute(COMMENT, (table.as_string(connection),)).fetchone()
            if comment and not str(comment[0]).startswith(MARKER):
                raise InputRefused(f"The table {part['table']} is not the splitter's.", "Nothing has been removed.")
            connection.execute(sql.SQL("drop table if exists {}").format(table))
    except psycopg.Error as error:
        raise UsageError(
            f"The splitter's table {part['table']} cannot be dropped (error {error.sqlstate or 'no answer'}).",
            "Check the database and the rights of the user; the parts are still there.",
        ) from None
