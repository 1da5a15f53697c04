"""A new key for the pseudonyms: every layer gets new ones, the marts stay as they are, the old key is of no use.

The new key waits beside the old one until all batches are pending again; only then it takes its place. Whatever run
comes after a kill, it computes everything anew from bronze with one key. The suppression list has its own key and
stays. Every lake that shares the secrets has to be rebuilt as well.
"""

from __future__ import annotations

import dataclasses
import secrets
from pathlib import Path

from lib import auditlog, bronze, erasure, keys, pipeline
from lib.lake import Lake

JOB = "rotate_key"
WAITING = "pseudonym-new"
MARK = "rotation"


def rotate(lake: Lake, *, grace: float) -> str:
    """Rotate the key. The caller holds the lake's lock and has finished open requests. Gives the last line."""
    folder = lake.settings.secrets
    mark = folder / MARK
    if not mark.exists():
        _prepare(folder, mark)
    log = auditlog.audit_log(lake.tables.root, folder, lake.settings.audit_witness)
    reference = mark.read_text(encoding="ascii").strip()
    waiting = folder / f"{WAITING}.key"
    if waiting.exists():
        with lake.steps.step("rotation: key"):
            lake.ledger.record(dataclasses.replace(entry, published_run=None) for entry in lake.ledger.entries())
            waiting.replace(folder / f"{bronze.PSEUDONYM_KEY}.key")
    if lake.ledger.entries():
        pipeline.run(lake, pipeline.Request(job=JOB, rebuild=True))
        with lake.steps.step("rotation: vacuum"):
            erasure.vacuum(lake, grace)
    log.append_once("key_rotated", reference)
    mark.unlink()
    return "The pseudonyms have a new key; the old one opens nothing any more. Back the new one up apart from the lake."


def _prepare(folder: Path, mark: Path) -> None:
    """Make the new key, then say that a rotation is under way: a key without the mark is made anew."""
    keys.secret_key(folder, bronze.PSEUDONYM_KEY)
    (folder / f"{WAITING}.key").unlink(missing_ok=True)
    keys.secret_key(folder, WAITING)
    draft = mark.with_suffix(".new")
    draft.write_text(f"req-{secrets.token_hex(8)}", encoding="ascii")
    draft.replace(mark)
