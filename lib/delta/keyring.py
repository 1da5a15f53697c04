"""The keys of a lake: it holds their fingerprints, and no job works on it with other keys.

With another key for pseudonyms every person would become two. With another key for the suppression list, erased persons
would come back. And a scan would search for pseudonyms that never existed. So a missing or foreign key is refused
before a row is read. Keys are made only for a lake that holds no fingerprint and no table.

A fingerprint is an HMAC of a fixed text under the key: it reveals neither the key nor any person.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lib import address, keys
from lib.accountability import subject_requests
from lib.contracts.model import Catalog, Table
from lib.delta.tables import Tables
from lib.errors import UsageError
from lib.normal_form import BLANKS, trimmed
from lib.storage import Storage

FILE = keys.FINGERPRINTS
NAMES = (keys.PSEUDONYM_KEY, keys.SUPPRESSION_KEY, keys.AUDIT_KEY)
NEXT = "next pseudonym"  # during a rotation: this key may replace the other one at any moment
ROTATION = "rotation"  # the file beside the keys that shows that a rotation is under way
HEX_DIGITS = 32
PERSON = "_person"
WAY_BACK = (
    "Restore the key from its backup. Only if there is none: 'pipeline --rebuild --new-key' "
    "(README, Personal data, says what is lost then)."
)


def fingerprint(key: bytes, name: str) -> str:
    """The fingerprint of the key `name`; only this may be in the lake."""
    return hmac.new(key, f"fingerprint of the key {name}".encode(), hashlib.sha256).hexdigest()[:HEX_DIGITS]


def stated(storage: Storage) -> dict[str, str]:
    """The fingerprints in the lake by the keys' names; none if the file is missing or cannot be read."""
    return _read(storage.read(FILE) or "")


def require_on_this_machine(root: Path, secrets: Path, names: Sequence[str] = NAMES) -> None:
    """Like `Keyring.require`, for a lake on this machine and without Spark; nothing is made or adopted.

    Raises `UsageError` for a lake with tables that does not know its keys yet.
    """
    file = root / FILE
    stated = _read(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if not stated and any(root.glob("*/*/_delta_log")):
        raise UsageError(
            f"The lake {root} holds no fingerprints of its keys yet.",
            "Run ./spark-submit.sh once: it enters them, if the keys are the lake's.",
        )
    for name in names if stated else ():
        _require_own(str(root), secrets, name, stated)


def are_own(storage: Storage, secrets: Path, pinned: Mapping[str, str]) -> bool:
    """Whether the lake states the pinned keys, and these are the keys in the folder; nothing is made or adopted."""
    if stated(storage) != pinned or NEXT in pinned or not all(_file(secrets, name).exists() for name in NAMES):
        return False
    return all(fingerprint(keys.secret_key(secrets, name), name) == pinned.get(name) for name in NAMES)


@dataclass(frozen=True)
class Keyring:
    """The keys in the folder `secrets`, which must be those of the lake in `storage`."""

    storage: Storage
    tables: Tables
    catalog: Catalog
    secrets: Path

    def restore(self, pinned: Mapping[str, str]) -> None:
        """Restore the fingerprints that the last job left in the lake, if they fit the keys here.

        They do not fit during a change of key: then the file is ahead.
        """
        stated = self.stated()
        own = {name: self._own(name) for name in NAMES if _file(self.secrets, name).exists()}
        if pinned and stated != pinned and (not stated or all(own.get(name) == pinned.get(name) for name in NAMES)):
            self._write(pinned)

    def require(self) -> None:
        """Refuse keys that are not the lake's. A new lake gets keys; a lake without fingerprints needs a proof of them.

        Raises `UsageError`, which states the missing or foreign key and the way back; then nothing is written.
        """
        stated = self.stated()
        if not stated:
            self._adopt()
            return
        for name in NAMES:
            _require_own(self.storage.root, self.secrets, name, stated)
        if NEXT in stated and stated[NEXT] == self._own(keys.PSEUDONYM_KEY):
            self.enter()

    def stated(self) -> dict[str, str]:
        """Like `stated` of this module."""
        return stated(self.storage)

    def foreign(self, name: str) -> bool:
        """Whether the folder has no key of this name, or the lake states that it was written with another one."""
        stated = self.stated()
        return not _file(self.secrets, name).exists() or (bool(stated) and stated.get(name) != self._own(name))

    def enter(self) -> None:
        """Make the keys in the folder the lake's; create missing ones."""
        earlier = {name: value for name, value in self.stated().items() if name == keys.EARLIER_AUDIT}
        self._write({**{name: self._own(name) for name in NAMES}, **earlier})

    def retire_audit(self) -> None:
        """Record in the lake that its audit log begins again: the key of the old log is lost."""
        stated = self.stated()
        self._write({**stated, keys.EARLIER_AUDIT: stated.get(keys.AUDIT_KEY, "")})

    def announce(self, key: bytes) -> None:
        """Record in the lake the key for pseudonyms that is about to replace the present one."""
        self._write({**self.stated(), NEXT: fingerprint(key, keys.PSEUDONYM_KEY)})

    def _own(self, name: str) -> str:
        return fingerprint(keys.secret_key(self.secrets, name), name)

    def _write(self, stated: Mapping[str, str]) -> None:
        self.storage.write(FILE, json.dumps(stated, indent=2))

    def _adopt(self) -> None:
        """Enter the keys of a lake that is new, or so old that it has no fingerprints."""
        for name, needed in self._needed().items():
            if needed and not _file(self.secrets, name).exists():
                raise _missing(self.storage.root, self.secrets, name)
        self._require_proof()
        self.enter()

    def _needed(self) -> dict[str, bool]:
        """By name, whether the lake holds anything that was made with a key of this name."""
        root = address.local_path(self.storage.root)
        return {
            keys.PSEUDONYM_KEY: bool(self._pseudonymous()),
            keys.SUPPRESSION_KEY: bool(self._existing("suppression_token")),
            keys.AUDIT_KEY: bool(root and (root / "audit/log.jsonl").exists()),
        }

    def _require_proof(self) -> None:
        """Each pseudonym in the lake must belong to an id in it; while rows are being changed, some of them suffice.

        The tokens of the suppression list cannot be recomputed, since their ids have left: if the other key is right,
        theirs is accepted too. The audit log proves its own key each time it is read.
        """
        if not self._pseudonymous():
            return
        key = keys.secret_key(self.secrets, keys.PSEUDONYM_KEY)
        ids = _distinct(self._tables_by("source_id"), self.tables)
        # An earlier release trimmed only blanks; --rebuild brings its lakes to today's form.
        forms = ids.select(F.explode(F.array(trimmed(F.col(PERSON)), F.btrim(PERSON, F.lit(BLANKS)))).alias(PERSON))
        known = keys.with_pseudonym(forms, PERSON, PERSON, key)
        held = _distinct(self._pseudonymous(), self.tables)
        strange = held.join(known.distinct(), on=PERSON, how="left_anti").count()
        changing = (self.secrets / ROTATION).exists() or any(subject_requests.surveyed(self.secrets, self.storage.root))
        if strange and not (changing and strange < held.count()):
            raise _foreign(self.storage.root, self.secrets, keys.PSEUDONYM_KEY)

    def _pseudonymous(self) -> list[Table]:
        return [table for table in self._existing("pseudonym") if table.layer == "silver"]

    def _existing(self, kind: str) -> list[Table]:
        stored = [table for table in self._tables_by(kind) if self.tables.version(table) is not None]
        return [table for table in stored if not self.tables.read(table).isEmpty()]

    def _tables_by(self, kind: str) -> list[Table]:
        """The tables whose rows lead to a person by this kind of key."""
        return [table for table in self.catalog.stored if table.subject_by == kind]


def _distinct(stored: Iterable[Table], tables: Tables) -> DataFrame:
    frames = [tables.read(table).select(F.col(str(table.subject)).alias(PERSON)) for table in stored]
    return reduce(DataFrame.unionAll, frames).where(F.col(PERSON).isNotNull()).distinct()


def _require_own(root: str, secrets: Path, name: str, stated: Mapping[str, str]) -> None:
    if not _file(secrets, name).exists():
        raise _missing(root, secrets, name)
    own = fingerprint(keys.secret_key(secrets, name), name)
    accepted = [stated.get(name), stated.get(NEXT) if name == keys.PSEUDONYM_KEY else None]
    if own not in accepted:
        raise _foreign(root, secrets, name)


def _missing(root: str, secrets: Path, name: str) -> UsageError:
    return UsageError(f"The lake {root} was written with a key that is missing: {_file(secrets, name)}.", WAY_BACK)


def _foreign(root: str, secrets: Path, name: str) -> UsageError:
    return UsageError(f"The lake {root} was written with another key than that in {_file(secrets, name)}.", WAY_BACK)


def _file(secrets: Path, name: str) -> Path:
    return secrets / f"{name}.key"


def _read(text: str) -> dict[str, str]:
    try:
        stated = json.loads(text)
    except ValueError:
        return {}
    return {str(name): str(value) for name, value in stated.items()} if isinstance(stated, dict) else {}
