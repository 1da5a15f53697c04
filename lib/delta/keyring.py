"""The keys that a lake was written with: it holds their fingerprints, and no job works on it with other keys.

With another key for the pseudonyms everybody would be two persons; with another one for the suppression list, persons
who were erased would come back; and a scan would look for pseudonyms that nobody ever had. So a missing or foreign key
is refused before a row is read. Keys are made only for a lake that holds no fingerprint and no table.

A fingerprint is an HMAC of a fixed text under the key: it says nothing of the key, and nothing of anybody.
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
NEXT = "next pseudonym"  # of a rotation under way: this key may take the place of the other one at any moment
ROTATION = "rotation"  # the file beside the keys that says that one is under way
HEX_DIGITS = 32
PERSON = "_person"
WAY_BACK = (
    "Restore the key from its backup. Only if there is none: 'pipeline --rebuild --new-key' "
    "(README, Personal data, says what is lost then)."
)


def fingerprint(key: bytes, name: str) -> str:
    """What the lake may know of the key `name`."""
    return hmac.new(key, f"fingerprint of the key {name}".encode(), hashlib.sha256).hexdigest()[:HEX_DIGITS]


def stated(storage: Storage) -> dict[str, str]:
    """The fingerprints in the lake by the keys' names; none if it has no such file, or one that cannot be read."""
    return _read(storage.read(FILE) or "")


def require_on_this_machine(root: Path, secrets: Path, names: Sequence[str] = NAMES) -> None:
    """The same as `Keyring.require`, of a lake on this machine and without Spark; nothing is made or adopted.

    Raises `UsageError` for a lake with tables that knows its keys not yet.
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


@dataclass(frozen=True)
class Keyring:
    """The keys in the folder `secrets`, as those of the lake in `storage`."""

    storage: Storage
    tables: Tables
    catalog: Catalog
    secrets: Path

    def restore(self, pinned: Mapping[str, str]) -> None:
        """Let the lake know again what the last job has left of its fingerprints, if the keys here prove it right.

        They do not while a key is being changed: then the file is ahead.
        """
        stated = self.stated()
        own = {name: self._own(name) for name in NAMES if _file(self.secrets, name).exists()}
        if pinned and stated != pinned and (not stated or all(own.get(name) == pinned.get(name) for name in NAMES)):
            self._write(pinned)

    def require(self) -> None:
        """Refuse what are not the lake's keys. A new lake gets keys; of one without fingerprints, a proof is asked.

        Raises `UsageError` that says which key is missing or foreign, and the way back; then nothing is written.
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
        """As `stated` of this module."""
        return stated(self.storage)

    def foreign(self, name: str) -> bool:
        """Whether the lake was written with another key of this name, as far as it knows, or the folder has none."""
        stated = self.stated()
        return not _file(self.secrets, name).exists() or (bool(stated) and stated.get(name) != self._own(name))

    def enter(self) -> None:
        """Make the keys in the folder the lake's; those that are missing are made."""
        earlier = {name: value for name, value in self.stated().items() if name == keys.EARLIER_AUDIT}
        self._write({**{name: self._own(name) for name in NAMES}, **earlier})

    def retire_audit(self) -> None:
        """Let the lake know that its audit log begins anew: the key of the old one is lost."""
        stated = self.stated()
        self._write({**stated, keys.EARLIER_AUDIT: stated.get(keys.AUDIT_KEY, "")})

    def announce(self, key: bytes) -> None:
        """Let the lake know the key for pseudonyms that is about to take the place of the present one."""
        self._write({**self.stated(), NEXT: fingerprint(key, keys.PSEUDONYM_KEY)})

    def _own(self, name: str) -> str:
        return fingerprint(keys.secret_key(self.secrets, name), name)

    def _write(self, stated: Mapping[str, str]) -> None:
        self.storage.write(FILE, json.dumps(stated, indent=2))

    def _adopt(self) -> None:
        """Enter the keys of a lake that is new, or older than its fingerprints."""
        for name, needed in self._needed().items():
            if needed and not _file(self.secrets, name).exists():
                raise _missing(self.storage.root, self.secrets, name)
        self._require_proof()
        self.enter()

    def _needed(self) -> dict[str, bool]:
        """By name, whether the lake holds anything that was made with such a key."""
        root = address.local_path(self.storage.root)
        return {
            keys.PSEUDONYM_KEY: bool(self._pseudonymous()),
            keys.SUPPRESSION_KEY: bool(self._existing("suppression_token")),
            keys.AUDIT_KEY: bool(root and (root / "audit/log.jsonl").exists()),
        }

    def _require_proof(self) -> None:
        """Each pseudonym of the lake must be that of an id in it; of a lake whose rows are being changed, some of them.

        The tokens of the suppression list cannot be recomputed, since their ids have left: their key is taken to belong
        to the other one. The audit log proves its own key each time that it is read.
        """
        if not self._pseudonymous():
            return
        key = keys.secret_key(self.secrets, keys.PSEUDONYM_KEY)
        ids = _distinct(self._tables_by("source_id"), self.tables)
        # An earlier release trimmed blanks alone; --rebuild gives such a lake today's form.
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
