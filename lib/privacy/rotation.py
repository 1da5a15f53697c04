"""A new key for the pseudonyms: every layer gets new ones, the marts stay as they are, the old key becomes useless.

The new key waits beside the old one until all batches are pending again; only then it replaces the old key. After a
kill, the next run computes everything again from bronze with one key. The suppression list has its own key and stays.
Every lake that shares the secrets must be rebuilt too.
"""

from __future__ import annotations

import dataclasses
import secrets
from pathlib import Path

from lib import address, drafts, keys
from lib.accountability import auditlog
from lib.delta.keyring import ROTATION
from lib.delta.lake import Lake
from lib.errors import UsageError
from lib.pipeline import pipeline
from lib.rights import suppression

JOB = "rotate_key"
WAITING = "pseudonym-new"
MARK = ROTATION


def rotate(lake: Lake, *, grace: float) -> str:
    """Rotate the key. The caller holds the lake's lock and has finished open requests. Returns the last line."""
    folder = lake.settings.secrets
    mark = folder / MARK
    if not mark.exists():
        _prepare(folder, mark)
    log = auditlog.of(lake.settings)
    reference = mark.read_text(encoding="ascii").strip()
    waiting = folder / f"{WAITING}.key"
    if waiting.exists():
        with lake.steps.step("rotation: key"):
            _reopen(lake)
            lake.keyring.announce(keys.secret_key(folder, WAITING))
            waiting.replace(folder / f"{keys.PSEUDONYM_KEY}.key")
            drafts.sync(folder)
            lake.keyring.enter()
    if lake.ledger.entries():
        pipeline.run(lake, pipeline.Request(job=JOB, rebuild=True))
        with lake.steps.step("rotation: vacuum"):
            lake.drop_older_versions(grace)
    log.append_once("key_rotated", reference)
    mark.unlink()
    return "The pseudonyms have a new key; the old one opens nothing any more. Back the new one up apart from the lake."


def renew(lake: Lake) -> str:
    """Accept the keys in the secrets' folder as the lake's keys. Returns a sentence that says what is lost.

    The caller holds the lake's lock and rebuilds it next. All batches become pending before the keys change: after a
    kill in between, the next run computes everything again with one key.

    Raises `UsageError` if the key of the audit log is not the lake's, as long as that log exists.
    """
    if lake.keyring.foreign(keys.AUDIT_KEY) and _has_log(lake):
        raise UsageError(
            "The audit log was written with another key, and no other can continue it.",
            "Restore audit.key from its backup; or keep the log as evidence: move the lake's folder audit, and "
            "audit-*.head of the secrets, to another place, and run the same command again.",
        )
    lost = _lost_tokens(lake)
    _reopen(lake)
    if lake.keyring.foreign(keys.AUDIT_KEY):
        lake.keyring.retire_audit()
    # Before the keys change: the loss must be known even if the job is killed.
    log = auditlog.of(lake.settings)
    log.append("key_rotated", auditlog.new_reference(), {"tokens_lost": lost})
    lake.keyring.enter()
    if not lost:
        return "The keys in the secrets' folder are the lake's now."
    return (
        f"The keys in the secrets' folder are the lake's now. The key of the suppression list is another one: "
        f"{lost} erased persons are not kept out any more. Erase again those whom a file brings back."
    )


def _has_log(lake: Lake) -> bool:
    root = address.local_path(lake.tables.root)
    return root is not None and (root / "audit/log.jsonl").exists()


def _lost_tokens(lake: Lake) -> int:
    """The number of persons on the suppression list under a key that no longer exists."""
    table = lake.catalog[suppression.SUPPRESSIONS]
    return lake.tables.read(table).count() if lake.keyring.foreign(keys.SUPPRESSION_KEY) else 0


def _reopen(lake: Lake) -> None:
    """Mark all batches as pending again, permanently: even after a kill, everything is computed with one key."""
    lake.ledger.record(dataclasses.replace(entry, published_run=None) for entry in lake.ledger.entries())
    lake.base.advance()


def _prepare(folder: Path, mark: Path) -> None:
    """Make the new key, then mark that a rotation is running: a key without the mark is made again."""
    keys.secret_key(folder, keys.PSEUDONYM_KEY)
    (folder / f"{WAITING}.key").unlink(missing_ok=True)
    keys.secret_key(folder, WAITING)
    drafts.write(mark, f"req-{secrets.token_hex(8)}".encode())
