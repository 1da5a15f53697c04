"""The base of a lake: the pinned state that the last job left, which the next job checks before it begins.

A job writes tables step by step, and a power cut or a kill may stop it anywhere. So its work becomes part of the lake
only at certain points: a batch is in bronze, a phase of a request is done, a run is published. At these points
everything new is flushed to the disk and then pinned, in one atomic write (`Base.advance`, `Base.publish`). Content
after the last pins comes from an interrupted job. No job builds on it: its commits are rewritten to change nothing, and
its files are removed (`Base.settle`). Versions keep counting, so a reader never meets two contents under one version.

The pinned files are checked too. The files of Delta's logs have a second copy under `bases/log`, and are restored from
there. Data files have no second copy. The pipeline computes computed tables again from bronze
(`lib.pipeline.recovery`). Content from outside must be delivered again; the job names it.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from lib.contracts.model import Catalog, Table
from lib.delta import deltalog, keyring, pins, publication, undisturbed
from lib.delta.deltalog import LOG, Changes
from lib.delta.ledger import Ledger
from lib.delta.pins import DataFile, Differences, Pin, Pins
from lib.delta.publication import Publication
from lib.delta.tables import Tables
from lib.errors import AuditFailed
from lib.storage import Stamp, Storage, sidecar

COPIES = f"{publication.BASES}/log"
FROM_INPUTS = ("batch", "subject", "full", "sum")  # ways of loading whose rows all come from a lake's inputs
OPERATION = "RETURN TO BASE"
BACKUP = "Put this file back from a backup of the lake, and run the same command again."


@dataclass
class Base:
    """What one job knows of the base of its lake."""

    storage: Storage
    tables: Tables
    catalog: Catalog
    ledger: Ledger
    run_id: str
    pins: Pins = field(default_factory=Pins)
    published: Publication | None = None
    damages: dict[str, Differences] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    unsaved: bool = False

    # --- at the beginning of a job

    def settle(self) -> None:
        """Return to the base: drop the remains of an interrupted job, repair damage, and state what cannot be repaired.

        Raises `AuditFailed` if every copy of the lake's base is lost.
        """
        found = publication.newest(self.storage)
        if found is None or found.base is None:
            self.published = found.publication if found else None
            self._begin()
            return
        self.pins, self.published = found.base, found.publication
        if undisturbed.is_as_left(self.storage, self.catalog, found):
            return
        if not undisturbed.is_current(self.storage, found):
            publication.write(self.storage, self.published, self.pins)
            self.said.append(f"{publication.CURRENT} was restored from the lake's history.")
        publication.mend_history(self.storage)
        self._restore_operations()
        changed = [self._settle(table) for table in self.catalog.stored]
        if any(changed):
            self.tables.forget()
        self._compare_with_published()

    def _compare_with_published(self) -> None:
        """State the damage to versions that people read but that are not the newest, for example after a rollback."""
        for table in self.catalog.stored:
            if self.published and table.path not in self.damages and self.is_read_as_it_was(table):
                differing = pins.differences(self.storage, table.path, self.published.pins[table.path])
                if differing:
                    self.damages[table.path] = differing

    def _restore_operations(self) -> None:
        """Publish the records of the runs from the base: a killed job was ahead of it, or the file is lost."""
        if self.pins.operations and not undisturbed.states_operations(self.storage, self.pins):
            publication.write_operations(self.storage, self.pins.operations)

    def _begin(self) -> None:
        """Pin the present state of a lake that has no base yet: a new one, or one of an earlier release."""
        if publication.copies(self.storage):
            raise AuditFailed(
                f"{self.storage.path(publication.CURRENT)} cannot be read, nor any of its copies under "
                f"{publication.BASES}.",
                BACKUP,
            )
        self.advance(anyway=True)

    def _settle(self, table: Table) -> bool:
        """Bring one table back to its pin; return whether anything was written."""
        listed = self.storage.tree(table.path)
        pinned = self.pins.tables.get(table.path)
        if pinned is None:
            self.storage.remove([table.path] if listed else [])
            return bool(listed)
        damaged = pins.log_differences(self.storage, table.path, pinned)
        lost = [name for name in damaged if not self._put_back(table, name, pinned)]
        if any(deltalog.states(name) for name in damaged if name not in lost):
            self.said.append(f"The log of {table.path} was damaged, and put back from its copy.")
        tail = self._drop_tail(table, pinned, listed)
        files = pins.file_differences(self.storage, table.path, pinned, listed)
        if lost or files:
            missing = [name for name in files if name not in listed]
            missing += [f"{LOG}/{name}" for name in lost if f"{LOG}/{name}" not in listed]
            self.damages[table.path] = Differences(tuple(lost), tuple(files), tuple(missing))
        else:
            self._drop_sidecars(table, pinned, listed)
            self._know_again(table, pinned, listed)
        orphans = self._drop_orphans(table, pinned, listed)
        return bool(damaged or tail or orphans)

    def _put_back(self, table: Table, name: str, pinned: Pin) -> bool:
        """Restore a file of a log from its copy; return whether an intact copy exists."""
        copy = _copy(table, pinned.log[name])
        if self.storage.digest(copy) != pinned.log[name]:
            return False
        place = f"{table.path}/{LOG}/{name}"
        self.storage.copy(copy, place)
        self.storage.flush([place])
        return True

    def _drop_tail(self, table: Table, pinned: Pin, listed: Mapping[str, Stamp]) -> bool:
        """Make the commits of an interrupted job change nothing; return whether there were any."""
        names = [name.removeprefix(f"{LOG}/") for name in listed if name.startswith(f"{LOG}/")]
        names = [name for name in names if "/" not in name]
        tail = [name for name in names if (deltalog.version_of(name) or 0) > pinned.version]
        newest = max((deltalog.version_of(name) or 0 for name in tail), default=pinned.version)
        metadata = self.tables.metadata
        for version in range(pinned.version + 1, newest + 1):
            name = f"{table.path}/{LOG}/{deltalog.commit_name(version)}"
            if not self._changes_nothing(name):
                self.storage.write(name, deltalog.nothing(_now_ms(), OPERATION, metadata))
        kept = {deltalog.commit_name(version) for version in range(pinned.version + 1, newest + 1)}
        others = [name for name in names if name not in kept and (name in tail or deltalog.is_unfinished(name))]
        if deltalog.LAST_CHECKPOINT in names and deltalog.LAST_CHECKPOINT not in pinned.log:
            others += [deltalog.LAST_CHECKPOINT, sidecar(deltalog.LAST_CHECKPOINT)]
        self.storage.remove(f"{table.path}/{LOG}/{name}" for name in others)
        return bool(tail or others)

    def _changes_nothing(self, name: str) -> bool:
        """Whether a commit of the tail has been dropped already."""
        return f'"operation": "{OPERATION}"' in (self.storage.read(name) or "")

    def _drop_sidecars(self, table: Table, pinned: Pin, listed: Mapping[str, Stamp]) -> None:
        """Remove wrong sidecars: because of them Hadoop would take a sound file for a broken one."""
        wrong = [
            sidecar(name)
            for name in pinned.files
            if sidecar(name) in listed and not pins.guarded(name, listed[name], listed)
        ]
        self.storage.remove(f"{table.path}/{name}" for name in wrong)

    def _know_again(self, table: Table, pinned: Pin, listed: Mapping[str, Stamp]) -> None:
        """Treat rewritten files as known from now on, after a check has found the same content."""
        files = {
            name: dataclasses.replace(
                file, modified=listed[name].modified, guarded=pins.guarded(name, listed[name], listed)
            )
            for name, file in pinned.files.items()
        }
        if files != pinned.files:
            self.storage.flush(f"{table.path}/{name}" for name in files)
            self.pins = dataclasses.replace(
                self.pins, tables={**self.pins.tables, table.path: dataclasses.replace(pinned, files=files)}
            )
            self.unsaved = True

    def _drop_orphans(self, table: Table, pinned: Pin, listed: Mapping[str, Stamp]) -> bool:
        """Remove the files that no version names."""
        orphans = undisturbed.orphans(pinned, listed)
        self.storage.remove(f"{table.path}/{name}" for name in orphans)
        return bool(orphans)

    def require_sound(self) -> None:
        """Raise `AuditFailed` if a table is not what the last job left, and this job cannot restore it."""
        for path, differing in self.damages.items():
            raise AuditFailed(f"{path} is not what the last job left: {differing}.", self.remedy(self.catalog[path]))

    def remedy(self, table: Table) -> str:
        """How to repair a damaged table."""
        if table.load in FROM_INPUTS or self.is_restorable(table):
            return "Run ./spark-submit.sh pipeline, which computes it again or states what it needs."
        return BACKUP

    def suspect(self, path: str, files: Iterable[str]) -> None:
        """Let every later job read these data files before it builds on them, even if their storage shows no change."""
        pinned = self.pins.tables[path]
        marked = {name: dataclasses.replace(pinned.files[name], modified=-1) for name in files}
        doubtful = dataclasses.replace(pinned, files={**pinned.files, **marked})
        self._write({path: doubtful}, self.published)

    def begin_anew(self, path: str) -> None:
        """Forget a table: its folder is gone, and its versions begin again with the first."""
        self.pins = dataclasses.replace(
            self.pins, tables={each: pinned for each, pinned in self.pins.tables.items() if each != path}
        )

    def is_read_as_it_was(self, table: Table) -> bool:
        """Whether people read files of a table that its newest version no longer has, for example after a rollback."""
        return undisturbed.is_read_as_it_was(self.pins, self.published, table)

    def is_restorable(self, table: Table) -> bool:
        """Whether the pins themselves hold the table's rows, or nobody needs them."""
        return table.path in self.ledger.paths or table.is_mart

    # --- when a job's work becomes part of the lake

    def advance(self, *, anyway: bool = False) -> None:
        """Make the present state part of the lake: flush and pin it. If nothing has changed, nothing is written."""
        after = self._pinned(None)
        if after or anyway or self.unsaved or self._keys() != self.pins.keys:
            self._write(after, self.published)

    def drop_unread(self, publications: int, *, everything: bool = False) -> int:
        """Remove what nobody reads any more; return the number of publications that are forgotten.

        That is every version but the newest. Marts keep their versions for the newest `publications`, to which a
        rollback can return. Without `everything`, two more stay: the older versions of the runs' records, for their
        readers, and of tables that nothing computes again, those that an older document of the base would fall back to.

        First the history and the pins forget them: if the job dies then, the next one removes the files as orphans.
        """
        read, forgotten = publication.forget(self.storage, publications)
        records = self._records
        named: dict[str, list[Pin | None]] = {}
        for each in [*read, *([records] if records else [])]:
            for path in each.tables:
                named.setdefault(path, []).append(each.pins.get(path))
        if everything:
            publication.drop_copies(self.storage)
        for path, needed in self._fallbacks().items():
            named.setdefault(path, []).extend(needed)
        paths = [table.path for table in self.catalog.stored if table.path in self.pins.tables]
        spared = records.tables if records and not everything else {}
        there = {path: self.pins.tables[path] for path in paths if path not in spared}
        unread = {path: gone for path, pinned in there.items() if (gone := pins.unread(pinned, named.get(path, [])))}
        if unread:
            self._write({path: there[path].without(gone) for path, gone in unread.items()}, self.published)
        self.storage.remove(name for path, gone in unread.items() for file in gone for name in _both(f"{path}/{file}"))
        for path, pinned in there.items():
            self._drop_old_log(path, [pinned, *named.get(path, [])])
        return forgotten

    def _fallbacks(self) -> dict[str, list[Pin]]:
        """What older documents of the base state of the tables that nothing computes again."""
        kept = [table.path for table in self.catalog.stored if not is_computed(table) and not table.is_mart]
        bases = publication.bases(self.storage)
        return {path: [base.tables[path] for base in bases if path in base.tables] for path in kept}

    def _drop_old_log(self, path: str, needed: Collection[Pin | None]) -> None:
        """Remove the files of a log that are older than all that state one of these versions.

        If a publication of an earlier release does not say what states its version, everything stays.
        """
        stating = [deltalog.oldest(pinned.log) for pinned in needed if pinned]
        if len(stating) == len(needed):
            names = self.storage.names(f"{path}/{LOG}")
            old = [
                name for name in names if (version := deltalog.version_of(name)) is not None and version < min(stating)
            ]
            self.storage.remove(f"{path}/{LOG}/{name}" for name in old)

    def publish(self, wanted: Publication) -> None:
        """Do the same as `advance`, and let people read `wanted` from now on."""
        after = self._pinned(None)
        marts = {path: pinned for path, pinned in {**self.pins.tables, **after}.items() if path in wanted.tables}
        placed = publication.placed(self.storage, dataclasses.replace(wanted, pins=marts))
        self.pins = dataclasses.replace(self.pins, contracts=self.catalog.digest)
        self._write(after, placed)
        publication.keep(self.storage, placed)

    def roll_back(self, run_id: str | None = None) -> tuple[Publication, Publication]:
        """Let people read an earlier publication again; return (from, to). Raises like `publication.earlier`."""
        present, target = publication.earlier(self.storage, run_id)
        self.pins = publication.rolled_back(self.storage, self.pins, present, target)
        self._write({}, target)
        self.storage.remove([publication.ROLLED_BACK])
        return present, target

    def publish_operations(self, wanted: Publication) -> None:
        """Let people read the records of the runs, failed ones too, but nothing else that a failed run has written."""
        after = self._pinned(wanted.tables.keys())
        marts = {path: pinned for path, pinned in {**self.pins.tables, **after}.items() if path in wanted.tables}
        stated = dataclasses.replace(wanted, pins=marts).to_json()
        self.pins = dataclasses.replace(self.pins, operations=stated)
        self._write(after, self.published)
        publication.write_operations(self.storage, stated)

    @property
    def _records(self) -> Publication | None:
        """The versions of the runs' records that people read."""
        return publication.stated(self.pins.operations) if self.pins.operations else None

    def renew_operations(self) -> None:
        """Let people read the newest versions of the records of the runs, which hold the same rows in other files."""
        known = self._records
        if known:
            versions = {path: self.pins.tables[path].version for path in known.tables}
            if versions != known.tables:
                self.publish_operations(dataclasses.replace(known, tables=versions))

    def _write(self, after: Mapping[str, Pin], published: Publication | None) -> None:
        stated = {each.name: getattr(self.pins, each.name) for each in dataclasses.fields(self.pins)}
        known = self.pins.tables
        written = {path for path, pinned in after.items() if path not in known or known[path].version != pinned.version}
        # Read it again only if it was written: a ledger that is merely doubtful must not replace what is known of it.
        if self.ledger.paths & written:
            stated |= {"batches": self.ledger.documents(), "removed": self.ledger.removed_documents()}
        base = Pins(
            **{
                **stated,
                "keys": self._keys(),
                "number": self.pins.number + 1,
                "run_id": self.run_id,
                "at": publication.now(),
                "tables": {**self.pins.tables, **after},
            }
        )
        publication.write(self.storage, published, base)
        self._drop_copies(base)
        self.pins, self.published, self.unsaved = base, published, False

    def _keys(self) -> Mapping[str, str]:
        """The fingerprints that the lake states; if it states none any more, the last known ones."""
        return keyring.stated(self.storage) or self.pins.keys

    def _pinned(self, only: Collection[str] | None) -> dict[str, Pin]:
        """New pins of the tables whose newest version has none yet; all files that they name are on the disk."""
        found, written = {}, []
        for table in self.catalog.stored:
            if only is None or table.path in only:
                listed = self.storage.names(f"{table.path}/{LOG}")
                newest = max(deltalog.versions(listed), default=None)
                before = self.pins.tables.get(table.path)
                if newest is not None and (before is None or before.version != newest):
                    found[table.path], names = self._pin(table, listed, newest, before)
                    written += names
        self.storage.flush(written)
        return found

    def _pin(self, table: Table, names: list[str], version: int, before: Pin | None) -> tuple[Pin, list[str]]:
        """The pin of a version, made from the pin of an earlier one, and the names of the new files."""
        first, changes = (before.version + 1, Changes(left=set(before.left))) if before else (0, Changes())
        known = dict(before.files) if before else {}
        changes.added = {name: file.size for name, file in known.items()}
        listed = self.storage.tree(table.path)
        if before is None and deltalog.commit_name(0) not in names:
            # From an earlier release, and so old that Delta has removed its first commits: Delta lists its files.
            first, changes.added = version + 1, self.tables.files(table)
            changes.left = {name for name in listed if name not in changes.added and not name.startswith((".", "_"))}
        for at in range(first, version + 1):
            self._apply(changes, f"{table.path}/{LOG}/{deltalog.commit_name(at)}")
        new = [name for name in changes.added if name not in known]
        digests = self.storage.digests(f"{table.path}/{name}" for name in new)
        for name in new:
            known[name] = DataFile(
                changes.added[name],
                digests[f"{table.path}/{name}"] or "",
                listed[name].modified if name in listed else 0,
                name in listed and pins.guarded(name, listed[name], listed),
            )
        log = self._log(table, names, version)
        copies = [_copy(table, digest) for digest in log.values()]
        written = [f"{table.path}/{name}" for name in new] + [f"{table.path}/{LOG}/{name}" for name in log]
        beside = [sidecar(name) for name in written if sidecar(name).removeprefix(f"{table.path}/") in listed]
        pinned = Pin(
            version,
            log,
            {name: known[name] for name in changes.added},
            tuple(sorted(name for name in changes.left if name in listed)),
        )
        # Delta writes empty files that no commit names; the next job would take them for those of an interrupted one.
        self.storage.remove(f"{table.path}/{name}" for name in undisturbed.orphans(pinned, listed))
        return pinned, [*written, *beside, *copies]

    def _apply(self, changes: Changes, name: str) -> None:
        try:
            changes.apply(self.storage.read(name) or "")
        except (ValueError, KeyError, TypeError):
            raise AuditFailed(f"{self.storage.path(name)} is not a complete commit.", BACKUP) from None

    def _log(self, table: Table, names: list[str], version: int) -> dict[str, str]:
        """The digests of the files that state a version; each file also gets a second copy."""
        stating = deltalog.segment(names, version)
        stating += [sidecar(name) for name in stating if sidecar(name) in names]
        places = {name: f"{table.path}/{LOG}/{name}" for name in stating}
        found = self.storage.digests(places.values())
        for place, digest in found.items():
            if digest and self.storage.digest(_copy(table, digest)) != digest:
                self.storage.copy(place, _copy(table, digest))
        return {name: found[place] or "" for name, place in places.items()}

    def _drop_copies(self, base: Pins) -> None:
        for path, pinned in base.tables.items():
            if self.pins.tables.get(path) != pinned:
                needed = set(pinned.log.values())
                old = [name for name in self.storage.names(f"{COPIES}/{path}") if name not in needed]
                self.storage.remove(f"{COPIES}/{path}/{name}" for name in old)


def _copy(table: Table, digest: str) -> str:
    """The second copy of a log's file. Its content determines the name, so a new file never replaces an old one."""
    return f"{COPIES}/{table.path}/{digest}"


def _both(name: str) -> tuple[str, str]:
    return name, sidecar(name)


def is_computed(table: Table) -> bool:
    """Whether everything in the table is computed from bronze."""
    return table.load in FROM_INPUTS and table.transformation is not None


def _now_ms() -> int:
    return int(time.time() * 1000)
