"""Publications: which versions of the marts people read, changed in one atomic write."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass

from lib.errors import LakehouseError, UsageError
from lib.storage import Storage

CURRENT = "published.json"
OPERATIONS = "published_operations.json"
HISTORY = "publications"
WITHDRAWN = "publications/withdrawn"
LAST_ERASURE = "last_erasure.json"


@dataclass(frozen=True)
class Publication:
    """The tables of one publication: path below the lake -> Delta version."""

    run_id: str
    published_at: str
    as_of: str
    tables: Mapping[str, int]

    def to_json(self) -> str:
        """As it stands in `published.json`."""
        tables = {path: {"path": path, "version": version} for path, version in sorted(self.tables.items())}
        document = {"run_id": self.run_id, "published_at": self.published_at, "as_of": self.as_of, "tables": tables}
        return json.dumps(document, indent=2)


def from_json(text: str) -> Publication:
    """Read a publication. Raises `LakehouseError` if the text is none."""
    try:
        document = json.loads(text)
        tables = {entry["path"]: int(entry["version"]) for entry in document["tables"].values()}
        return Publication(document["run_id"], document["published_at"], document["as_of"], tables)
    except (ValueError, KeyError, TypeError) as error:
        raise LakehouseError(
            "The lake's publication cannot be read.", "Run the job 'rollback' or the pipeline."
        ) from error


def current(storage: Storage, name: str = CURRENT) -> Publication | None:
    """What is published now, or None if nothing is yet."""
    text = storage.read(name)
    return from_json(text) if text else None


def publish(storage: Storage, publication: Publication) -> None:
    """Make `publication` what people read. It is kept in the history first, so that a rollback can find it."""
    storage.write(f"{HISTORY}/{publication.run_id}.json", publication.to_json())
    storage.write(CURRENT, publication.to_json())


def publish_operations(storage: Storage, run_id: str, as_of: str, tables: Mapping[str, int]) -> None:
    """Publish what the runs did, failed ones too: on its own, so that a failed run leaves the marts untouched."""
    storage.write(OPERATIONS, Publication(run_id, now(), as_of, tables).to_json())


def rollback(storage: Storage, run_id: str | None = None) -> tuple[Publication, Publication]:
    """Publish an earlier publication again: that of `run_id`, or the one before the current. Gives (from, to).

    Raises `UsageError` if there is none, or if it is older than the last erasure, restriction or correction.
    """
    present = current(storage)
    if present is None:
        raise UsageError("Nothing is published in this lake, so there is nothing to roll back.")
    history = _history(storage)
    # What was rolled back from before lies behind the present publication and is not offered again.
    withdrawn = set((storage.read(WITHDRAWN) or "").split())
    earlier = [p for p in history if p.published_at < present.published_at and p.run_id not in withdrawn]
    if run_id:
        earlier = [p for p in history if p.run_id == run_id]
    if not earlier:
        wanted = f"no publication '{run_id}'" if run_id else "no earlier publication"
        raise UsageError(f"There is {wanted} in this lake.", _known(storage))
    target = earlier[-1]
    erased_at = json.loads(storage.read(LAST_ERASURE) or "{}").get("at", "")
    if target.published_at < erased_at:
        raise UsageError(
            f"The publication of {target.published_at} is older than the last erasure, restriction or correction "
            f"({erased_at}).",
            "It would show persons as they must no longer be shown; publish anew with the pipeline.",
        )
    storage.write(CURRENT, target.to_json())
    later = {p.run_id for p in history if target.published_at < p.published_at <= present.published_at}
    storage.write(WITHDRAWN, "\n".join(sorted((withdrawn | later) - {target.run_id})))
    return present, target


def withdraw_earlier(storage: Storage) -> None:
    """Let no publication up to this instant be rolled back to: it would show persons as they must not be shown."""
    storage.write(LAST_ERASURE, json.dumps({"at": now()}))


def now() -> str:
    """This instant in UTC, to the microsecond, so that publications have an order."""
    return dt.datetime.now(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _history(storage: Storage) -> list[Publication]:
    texts = [storage.read(f"{HISTORY}/{name}") for name in storage.names(HISTORY) if name.endswith(".json")]
    return sorted((from_json(text) for text in texts if text), key=lambda p: p.published_at)


def _known(storage: Storage) -> str:
    return "Known: " + ", ".join(p.run_id for p in _history(storage)[-5:]) + "."
