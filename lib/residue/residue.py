"""The residue scan: searches every byte below a folder for given values, independently of the files' names.

A file is searched as it is on the disk, without its escapes (`lib.residue.escapes`), and with all packed content
unpacked (`lib.residue.unpacking`). The scan searches for the values in all their spellings (`lib.residue.spellings`).
It also searches names of files and folders, targets of links and extended attributes.

There are three verdicts. PRESENT: something was found. ABSENT: everything could be searched, and nothing was found.
INCONCLUSIVE: nothing was found, but something could not be searched, and is named; or a control failed. By its
controls a scan first shows that it finds what it claims to find.

Values of eight bytes or more are searched for anywhere. Shorter ones would be found by chance; they are searched for
only as whole values in decoded columns of the given names.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from lib import address
from lib.errors import AuditFailed, UsageError
from lib.residue import columns, controls, escapes, spellings, unpacking
from lib.residue.searcher import BLOCK, WINDOW, Searcher
from lib.residue.unpacking import Opaque, Part, Torn

__all__ = ["BLOCK", "WINDOW", "ResidueHit", "Scan", "Wanted", "kind_of", "local_root", "scan", "verdict"]

PRESENT, ABSENT, INCONCLUSIVE = "PRESENT", "ABSENT", "INCONCLUSIVE"
MOST_LAYERS = 4  # of packed content inside packed content
MOST_BYTES = 1 << 31  # of a file; a larger one is searched as it is, but not unpacked
PIECE = 1 << 26
READINGS = 3  # of a file that changes while it is read
NAMELESS = "(a file whose name holds a value)"
KINDS = (
    ("_delta_log", ".crc", "checksum"),
    ("_delta_log", ".parquet", "checkpoint"),
    ("_delta_log", "", "delta log"),
    ("", ".parquet", "data file"),
    ("", ".crc", "checksum"),
    ("reports/", "", "report"),
    ("audit/", "", "audit log"),
)


@dataclass(frozen=True)
class Wanted:
    """The wanted values: `texts` and `integers` of eight bytes in any form; `short` values by column name."""

    texts: frozenset[str] = frozenset()
    integers: frozenset[int] = frozenset()
    short: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def strings(self) -> Iterator[bytes]:
        """The byte strings that represent the values of eight bytes or more, at any place."""
        for text in self.texts:
            if len(text.encode()) >= WINDOW:
                yield from spellings.of_text(text)
        for number in self.integers:
            yield from spellings.of_integer(number)

    def beginnings(self) -> Iterator[bytes]:
        """The byte strings that represent a value if a text ends after them."""
        for text in self.texts:
            yield from spellings.cut(text)


@dataclass(frozen=True)
class ResidueHit:
    """A file that holds some of the values; `kind` is the kind of file. The values themselves are not kept."""

    path: str
    kind: str
    hits: int


@dataclass
class Scan:
    """The result of a scan.

    `unread` are the files that could not be searched completely, with their `reasons`. `failed` are the failed
    controls. `evidence` is a hash over all files.
    """

    files: int = 0
    bytes: int = 0
    findings: list[ResidueHit] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    evidence: str = ""

    @property
    def by_kind(self) -> dict[str, int]:
        """Files with findings, by kind of file."""
        return dict(sorted(Counter(finding.kind for finding in self.findings).items()))

    @property
    def verdict(self) -> str:
        """PRESENT, ABSENT or INCONCLUSIVE."""
        if self.findings:
            return PRESENT
        return INCONCLUSIVE if self.unread or self.failed else ABSENT

    def leave(self, name: str, reason: str) -> None:
        """Note a file that could not be searched."""
        if name not in self.reasons:
            self.unread.append(name)
        self.reasons.setdefault(name, reason)


def scan(roots: Iterable[Path], wanted: Wanted) -> Scan:
    """Search everything below `roots` (a root may be a file)."""
    planted, absent = controls.drawn(), controls.drawn()
    look = _Look(wanted, planted)
    result, evidence = Scan(), hashlib.sha256()
    result.failed = controls.failed(lambda content: look.into(content)[0], planted, absent)
    known = [root.resolve() for root in roots]  # a link may name a lake
    for root in known:
        if not root.exists():
            result.leave(root.name, "it is not there")
            continue
        for path in _below(root, result):
            name = str(path.relative_to(root)) if path != root else path.name
            digest = _Place(path, name, look, result).search(known)
            evidence.update(os.fsencode(f"{name}\0{digest}\n"))
    result.evidence = evidence.hexdigest()
    return result


def local_root(lake: str) -> Path:
    """The folder of a lake on this machine.

    Raises `UsageError` for a lake on another machine, whose bytes are not here, and if there is no lake.
    """
    root = address.local_path(lake)
    if root is None or not root.is_dir():
        raise UsageError(f"There is no lake on this machine at {lake}.", "The scan reads local files only.")
    return root


def verdict(result: Scan, values: int, short: int = 0) -> str:
    """The sentence on a scan that found nothing and could search everything; `short` values are under eight bytes.

    Raises `AuditFailed` if it found anything, if it could not search everything, or if a control failed.
    """
    looked = f"{result.verdict}: {values} values looked for in {result.files:,} files ({result.bytes:,} bytes)"
    limited = f" Of {short} values under {WINDOW} bytes only whole values of key columns were looked for." * bool(short)
    if result.verdict == ABSENT:
        return f"{looked}: none found.{limited} Evidence {result.evidence}."
    kinds = ", ".join(f"{count} {kind}" for kind, count in result.by_kind.items()) or "none"
    failed = f" The scan does not find what it should: {', '.join(result.failed)}." if result.failed else ""
    raise AuditFailed(
        f"{looked}: files with findings: {kinds}; files that could not be searched: {len(result.unread)}."
        f"{failed}{limited}",
        "The files are listed above.",
    )


def kind_of(name: str) -> str:
    """The kind of a lake's file, by its name."""
    for part, ending, kind in KINDS:
        if part in name and name.endswith(ending):
            return kind
    return "other file"


def _below(root: Path, result: Scan) -> Iterator[Path]:
    """Files, links and empty folders, in a fixed order. A folder that cannot be listed is noted."""
    if root.is_symlink() or not root.is_dir():
        yield root
        return
    try:
        found = sorted(root.iterdir())
    except OSError as error:
        result.leave(root.name, f"the folder cannot be listed ({type(error).__name__})")
        return
    if not found:
        yield root
    for path in found:
        yield from _below(path, result)


class _Unsearchable(Exception):
    """A file that cannot be read; the text says why."""


@dataclass(frozen=True)
class _Place:
    """One file, link or empty folder; `name` is its path below the root."""

    path: Path
    name: str
    look: _Look
    result: Scan

    def search(self, roots: Iterable[Path]) -> str:
        """Search it with its name and note the result; returns the hash of its content."""
        named, _ = self.look.into(os.fsencode(self.name))
        shown = NAMELESS if named else self.name.encode(errors="backslashreplace").decode()
        hits, digest = 0, ""
        reasons: list[str] = []
        try:
            hits, digest, reasons = self._inside(list(roots))
        except FileNotFoundError:  # it was removed while others were searched
            reasons = []
        except (OSError, MemoryError, _Unsearchable) as error:
            reasons = [str(error) if isinstance(error, _Unsearchable) else f"unreadable ({type(error).__name__})"]
        for reason in reasons:
            self.result.leave(shown, reason)
        if named + hits:
            self.result.findings.append(ResidueHit(shown, kind_of(self.name), named + hits))
        return digest

    def _inside(self, roots: list[Path]) -> tuple[int, str, list[str]]:
        hits, _ = self.look.into(_attributes(self.path))
        if self.path.is_symlink():
            target = str(self.path.readlink())
            return hits + self.look.into(os.fsencode(target))[0], target, _outside(self.path, roots)
        kind = self.path.stat().st_mode
        if stat.S_ISDIR(kind):
            return hits, "", []
        if not stat.S_ISREG(kind):
            raise _Unsearchable("neither a file nor a folder")
        self.result.files += 1
        return self._file(hits)

    def _file(self, hits: int) -> tuple[int, str, list[str]]:
        if self.path.stat().st_size > MOST_BYTES:
            found, digest = _in_pieces(self.path, self.look)
            return hits + found, digest, ["too large to be unpacked"]
        content = _read(self.path)
        self.result.bytes += len(content)
        found, reasons = self.look.into(content)
        return hits + found, hashlib.sha256(content).hexdigest(), reasons


def _attributes(path: Path) -> bytes:
    """The extended attributes of the file."""
    if not hasattr(os, "listxattr"):
        return b""
    try:
        names = os.listxattr(path, follow_symlinks=False)
        return b"\0".join(os.fsencode(name) + b"\0" + os.getxattr(path, name, follow_symlinks=False) for name in names)
    except OSError:  # this file system has no attributes
        return b""


def _outside(link: Path, roots: list[Path]) -> list[str]:
    target = link.resolve()
    inside = any(target == root.resolve() or root.resolve() in target.parents for root in roots)
    return [] if inside else ["a link that leads out of what is searched"]


def _read(path: Path) -> bytes:
    for _ in range(READINGS):
        before, content, after = path.stat(), path.read_bytes(), path.stat()
        if (before.st_size, before.st_mtime_ns, before.st_ino) == (len(content), after.st_mtime_ns, after.st_ino):
            return content
    raise _Unsearchable("it changed while it was read")


def _in_pieces(path: Path, look: _Look) -> tuple[int, str]:
    digest, hits, rest = hashlib.sha256(), 0, b""
    with path.open("rb") as stream:
        while piece := stream.read(PIECE):
            digest.update(piece)
            hits += look.as_it_lies(rest + piece)
            rest = piece[-look.longest :]
    return hits, digest.hexdigest()


class _Look:
    """Searches content, and everything that is packed in it, for the values."""

    def __init__(self, wanted: Wanted, planted: str) -> None:
        control = Wanted(texts=frozenset({planted}))
        strings = {*wanted.strings(), *control.strings()}
        self.longest = max(map(len, strings))
        self._wanted = wanted
        self._searcher = Searcher(strings, {*wanted.beginnings(), *control.beginnings()})
        self._reasons: list[str] = []

    def into(self, content: bytes) -> tuple[int, list[str]]:
        """The number of hits, and why some of the content could not be searched."""
        self._reasons = []
        hits = self._content(content, 0)
        return hits, list(dict.fromkeys(self._reasons))

    def as_it_lies(self, content: bytes) -> int:
        """The number of hits in the bytes alone."""
        return self._searcher.hits(content)

    def _content(self, content: bytes, layer: int, *, pieces: bool = False) -> int:
        if layer > MOST_LAYERS:
            self._reasons.append("packed too often")
            return self._searcher.hits(content)
        if content.startswith(unpacking.PARQUET):
            hits = self._searcher.hits(content) + self._text(unpacking.footer(content), layer)
        else:
            hits = self._text(content, layer)
        inside = unpacking.unpacked_here_and_there(content) if pieces else unpacking.unpacked(content)
        return hits + sum(self._part(part, layer) for part in inside)

    def _text(self, content: bytes, layer: int) -> int:
        """The number of hits in the text, in the text without its escapes, and in the bytes that its letters encode."""
        readings = list(self._readings(content))
        hits = max(self._searcher.hits(reading) for reading in readings)
        for reading in {content, readings[-1]}:
            hits += self._letters(reading, layer)
        return hits + sum(self._content(text, layer + 1, pieces=True) for text in unpacking.wide_text(content))

    def _letters(self, content: bytes, layer: int) -> int:
        joined, packed = unpacking.texts_for_bytes(content)
        hits = self._content(joined, layer + 1, pieces=True) if joined else 0
        return hits + sum(self._part(part, layer) for part in packed)

    def _readings(self, content: bytes) -> Iterator[bytes]:
        yield content
        try:
            mail = escapes.unquoted(content)
            if mail != content:
                yield mail
                yield from escapes.plainer(mail)
            yield from escapes.plainer(content)
        except ValueError as error:
            self._reasons.append(str(error))

    def _part(self, part: Part, layer: int) -> int:
        if isinstance(part, Opaque):
            self._reasons.append(part.reason)
            return 0
        if isinstance(part, Torn):
            return max(self._searcher.hits(reading) for reading in self._readings(part.content))
        return self._content(part, layer + 1) if isinstance(part, bytes) else self._table(part.table, layer)

    def _table(self, table: pa.Table, layer: int) -> int:
        hits, texts = 0, []
        for name, column in zip(table.column_names, table.columns, strict=True):
            for values in columns.leaves(column):
                hits += columns.count(values, self._wanted.integers)
                distinct = columns.distinct(values)
                if distinct is not None:
                    hits += columns.count_whole(distinct, self._wanted.short.get(name, frozenset()))
                    texts.append((distinct, values.type))
        return hits + self._texts(texts, layer)

    def _texts(self, texts: list[tuple[pa.Array, pa.DataType]], layer: int) -> int:
        readings = self._readings(b"".join(columns.joined(values) for values, _ in texts))
        hits = max(self._searcher.hits(reading) for reading in readings)
        letters = b"".join(columns.joined(columns.for_bytes(values)) for values, _ in texts)
        hits += self._letters(letters, layer)
        for values, kind in texts:
            if columns.is_binary(kind):
                hits += self._content(columns.joined(values), layer + 1, pieces=True)
                hits += sum(self._part(part, layer) for part in unpacking.of_values(columns.large(values)))
        return hits
