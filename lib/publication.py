"""Publications: which versions of the marts people read, changed in one atomic write.

Publications are numbered in their order, and so are withdrawals: an erasure, a restriction or a correction withdraws
what was published before it. A publication states how many withdrawals came before; one that states fewer than there
were would show persons as they must not be shown, and is never published again. Clocks have no say in this. What is
known of withdrawals stands in `last_erasure.json` and in each later publication. Where the lake shows that there were
some, and that file cannot be read, everything so far counts as withdrawn.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from lib.errors import LakehouseError, UsageError
from lib.storage import Storage

CURRENT = "published.json"
OPERATIONS = "published_operations.json"
HISTORY = "publications"
WITHDRAWN = "publications/withdrawn"
LAST_ERASURE = "last_erasure.json"
# Each of these folders comes with the first request of a person, or with the first period that has ended.
TRACES_OF_REQUESTS = ("receipts", "rights")


@dataclass(frozen=True)
class Publication:
    """The tables of one publication: path below the lake -> Delta version.

    `number` and `withdrawals` are stated by `publish`; both are 0 in what an earlier release has published.
    """

    run_id: str
    published_at: str
    as_of: str
    tables: Mapping[str, int]
    number: int = 0
    withdrawals: int = 0

    @property
    def place(self) -> tuple[int, str]:
        """The place in the order of publications."""
        return self.number, self.published_at

    def to_json(self) -> str:
        """As it stands in `published.json`."""
        tables = {path: {"path": path, "version": version} for path, version in sorted(self.tables.items())}
        return json.dumps({**dataclasses.asdict(self), "tables": tables}, indent=2)


def from_json(text: str) -> Publication:
    """Read a publication. Raises `LakehouseError` if the text is none."""
    try:
        document = json.loads(text)
        tables = {entry["path"]: int(entry["version"]) for entry in document["tables"].values()}
        stated = {name: document[name] for name in ("run_id", "published_at", "as_of")}
        number, withdrawals = (int(document.get(name, 0)) for name in ("number", "withdrawals"))
        return Publication(**stated, tables=tables, number=number, withdrawals=withdrawals)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LakehouseError(
            "The lake's publication cannot be read.", "Run the job 'rollback' or the pipeline."
        ) from error


def current(storage: Storage, name: str = CURRENT) -> Publication | None:
    """What is published now, or None if nothing is yet."""
    text = storage.read(name)
    return from_json(text) if text else None


def publish(storage: Storage, publication: Publication) -> None:
    """Make `publication` what people read. It is kept in the history first, so that a rollback can find it."""
    if _last_withdrawal(storage) is None:
        withdraw_earlier(storage)
    number = max((known.number for known in _history(storage)), default=0) + 1
    placed = dataclasses.replace(publication, number=number, withdrawals=_withdrawals(storage))
    storage.write(f"{HISTORY}/{placed.run_id}.json", placed.to_json())
    storage.write(CURRENT, placed.to_json())


def publish_operations(storage: Storage, run_id: str, as_of: str, tables: Mapping[str, int]) -> None:
    """Publish what the runs did, failed ones too: on its own, so that a failed run leaves the marts untouched."""
    storage.write(OPERATIONS, Publication(run_id, now(), as_of, tables).to_json())


def rollback(storage: Storage, run_id: str | None = None) -> tuple[Publication, Publication]:
    """Publish an earlier publication again: that of `run_id`, or the one before the current. Gives (from, to).

    Raises `UsageError` if there is none, if it is older than the last erasure, restriction or correction, or if nobody
    can say when that was.
    """
    present = current(storage)
    if present is None:
        raise UsageError("Nothing is published in this lake, so there is nothing to roll back.")
    history = _history(storage)
    # What was rolled back from before lies behind the present publication and is not offered again.
    withdrawn = set((storage.read(WITHDRAWN) or "").split())
    earlier = [p for p in history if p.place < present.place and p.run_id not in withdrawn]
    if run_id:
        earlier = [p for p in history if p.run_id == run_id]
    if not earlier:
        wanted = f"no publication '{run_id}'" if run_id else "no earlier publication"
        raise UsageError(f"There is {wanted} in this lake.", _known(storage))
    target = earlier[-1]
    _require_shown_rightly(storage, target)
    storage.write(CURRENT, target.to_json())
    later = {p.run_id for p in history if target.place < p.place <= present.place}
    storage.write(WITHDRAWN, "\n".join(sorted((withdrawn | later) - {target.run_id})))
    return present, target


def _require_shown_rightly(storage: Storage, target: Publication) -> None:
    last = _last_withdrawal(storage)
    if last is None:
        raise UsageError(
            f"{storage.path(LAST_ERASURE)} is missing or cannot be read, so nobody can say what was published before "
            "the last erasure, restriction or correction.",
            "What the pipeline publishes next begins a new history, to which a rollback is possible.",
        )
    by_clock = not last.get("number") and target.published_at < str(last.get("at", ""))
    if by_clock or target.withdrawals < _withdrawals(storage):
        raise UsageError(
            f"The publication of {target.published_at} is older than the last erasure, restriction or correction "
            f"({last.get('at', 'of an unknown day')}).",
            "It would show persons as they must no longer be shown; publish anew with the pipeline.",
        )


def withdraw_earlier(storage: Storage) -> None:
    """Let no publication so far be rolled back to: it would show persons as they must not be shown."""
    storage.write(LAST_ERASURE, json.dumps({"at": now(), "number": _withdrawals(storage) + 1}))


def _withdrawals(storage: Storage) -> int:
    """How many withdrawals there were, as far as any file says."""
    stated = (_last_withdrawal(storage) or {}).get("number", 0)
    return max([int(stated), *(known.withdrawals for known in _history(storage))])


def _last_withdrawal(storage: Storage) -> dict[str, Any] | None:
    """What is stated of the last withdrawal, nothing if there was none; None if there was one and nothing is stated.

    Of what an earlier release has withdrawn, only the instant is known.
    """
    text = storage.read(LAST_ERASURE)
    if text is None and not any(storage.exists(folder) for folder in TRACES_OF_REQUESTS):
        return {}
    try:
        stated = json.loads(text or "")
    except ValueError:
        return None
    sound = isinstance(stated, dict) and isinstance(stated.get("at"), str) and isinstance(stated.get("number", 0), int)
    return stated if sound else None


def now() -> str:
    """This instant in UTC, to the microsecond, so that publications have an order."""
    return dt.datetime.now(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _history(storage: Storage) -> list[Publication]:
    """In their order. What a power cut has left empty or torn is no publication any more."""
    texts = [storage.read(f"{HISTORY}/{name}") for name in storage.names(HISTORY) if name.endswith(".json")]
    found = []
    for text in texts:
        with suppress(LakehouseError):
            found.append(from_json(text or ""))
    return sorted(found, key=lambda p: p.place)


def _known(storage: Storage) -> str:
    return "Known: " + ", ".join(p.run_id for p in _history(storage)[-5:]) + "."
