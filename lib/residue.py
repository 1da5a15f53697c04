"""The residue scan: looks for given values in every byte below a folder, whatever the file says that it is.

A file is searched as it lies on the disk; and decoded, where bytes alone would not show a value: Parquet column by
column (its pages are compressed), gzip, bzip2, xz and zip unpacked, also inside each other. What cannot be read or
decoded is no proof of absence and is said so.

Values of eight bytes or more are looked for as bytes, anywhere. Shorter ones would be found by chance; they are looked
for as whole values in decoded columns of the given names.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lib import address
from lib.errors import AuditFailed, UsageError

WINDOW = 8  # bytes of a value that are compared at once
BLOCK = 1 << 24  # bytes searched at a time
PAIR = np.uint64(0xFFFF)
PAIRS = (np.uint64(0), np.uint64(16))  # bits to shift, to see the first two bytes of a window, and the next two
INTEGER_BYTES = 8
MOST_LAYERS = 4  # of compression inside compression
UNPACKERS: tuple[tuple[bytes, Callable[[bytes], bytes]], ...] = (
    (b"\x1f\x8b", gzip.decompress),
    (b"BZh", bz2.decompress),
    (b"\xfd7zXZ\x00", lzma.decompress),
)
NAMELESS = "(a file whose name holds a value)"
ZIP = b"PK\x03\x04"
PARQUET = b"PAR1"
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
    """What is looked for: `texts` as UTF-8, `integers` of eight bytes in any form; `short` values by column name."""

    texts: frozenset[str] = frozenset()
    integers: frozenset[int] = frozenset()
    short: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def needles(self) -> tuple[bytes, ...]:
        """The byte strings that stand for the values of eight bytes or more."""
        texts = [text.encode() for text in self.texts]
        numbers = [str(number).encode() for number in self.integers]
        binary = [number.to_bytes(INTEGER_BYTES, "little", signed=True) for number in self.integers]
        found = (needle for needle in [*texts, *numbers, *binary] if len(needle) >= WINDOW)
        return tuple(sorted(set(found)))


@dataclass(frozen=True)
class Finding:
    """A file that holds some of the values; `kind` says what sort of file it is. Which values is not kept."""

    path: str
    kind: str
    hits: int


@dataclass
class Scan:
    """What a scan came to. `unread` are files that could not be searched fully; `evidence` is a hash over all files."""

    files: int = 0
    bytes: int = 0
    findings: list[Finding] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    evidence: str = ""

    @property
    def by_kind(self) -> dict[str, int]:
        """Files with findings, by kind of file."""
        return dict(sorted(Counter(finding.kind for finding in self.findings).items()))


def scan(roots: Iterable[Path], wanted: Wanted) -> Scan:
    """Search every file below `roots` (a root may be a file)."""
    searcher = _Searcher(wanted)
    result, evidence = Scan(), hashlib.sha256()
    for root in roots:
        for file in _files(root):
            name = str(file.relative_to(root)) if file != root else file.name
            _scan_file(file, name, searcher, result)
            evidence.update(f"{name}\0{_digest(file)}\n".encode())
    result.evidence = evidence.hexdigest()
    return result


def _scan_file(file: Path, name: str, searcher: _Searcher, result: Scan) -> None:
    result.files += 1
    try:
        content = file.read_bytes()
        result.bytes += len(content)
        hits = searcher.hits(name.encode()) + searcher.hits_of_file(content)
    except (OSError, EOFError, ValueError, lzma.LZMAError, zipfile.BadZipFile, pa.ArrowException) as error:
        del error  # its text may quote a value
        result.unread.append(name)
        # Not decodable, but its bytes may still show something.
        hits = searcher.hits(content) if file.is_file() else 0
    if hits:
        shown = NAMELESS if searcher.hits(name.encode()) else name
        result.findings.append(Finding(shown, kind_of(name), hits))


def local_root(lake: str) -> Path:
    """The folder of a lake on this machine.

    Raises `UsageError` for a lake elsewhere, whose bytes are not here, and if there is none.
    """
    root = address.local_path(lake)
    if root is None or not root.is_dir():
        raise UsageError(f"There is no lake on this machine at {lake}.", "The scan reads local files only.")
    return root


def verdict(result: Scan, values: int) -> str:
    """What a scan without findings says. Raises `AuditFailed` if it found anything or could not read everything."""
    looked = f"{values} values looked for in {result.files:,} files ({result.bytes:,} bytes)"
    if result.findings or result.unread:
        kinds = ", ".join(f"{count} {kind}" for kind, count in result.by_kind.items()) or "none"
        raise AuditFailed(
            f"{looked}: files with findings: {kinds}; files that could not be read: {len(result.unread)}.",
            "The files are listed above.",
        )
    return f"{looked}: none found. Evidence {result.evidence}."


def kind_of(name: str) -> str:
    """What sort of file of a lake this is, by its name."""
    for part, ending, kind in KINDS:
        if part in name and name.endswith(ending):
            return kind
    return "other file"


def _files(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root
        return
    yield from sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _slow(stream)


def _slow(stream: io.BufferedReader) -> str:
    digest = hashlib.sha256()
    while block := stream.read(BLOCK):
        digest.update(block)
    return digest.hexdigest()


class _Searcher:
    """Finds many values at once: their first eight bytes are compared with every window of eight bytes."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._by_start: dict[int, list[bytes]] = {}
        for needle in wanted.needles():
            self._by_start.setdefault(int.from_bytes(needle[:WINDOW], "little"), []).append(needle)
        self._starts = np.array(sorted(self._by_start), dtype="<u8")
        # Whether any value has these two bytes at its beginning, and behind them: tells most windows apart at once.
        self._pairs = [_occurring(self._starts, shift) for shift in PAIRS]
        self._longest = max((len(needle) for needle in wanted.needles()), default=0)

    def hits_of_file(self, content: bytes, layer: int = 0) -> int:
        """Occurrences in the bytes and in what they decode to."""
        hits = self.hits(content)
        if content[:4] == PARQUET and content[-4:] == PARQUET:
            return hits + self._in_parquet(content)
        for inner in _unpacked(content):
            if layer == MOST_LAYERS:
                raise ValueError("compressed too often")
            hits += self.hits_of_file(inner, layer + 1)
        return hits

    def hits(self, content: bytes) -> int:
        """Occurrences of values of eight bytes or more."""
        found = 0
        overlap = max(self._longest, WINDOW) - 1
        for begin in range(0, len(content), BLOCK):
            block = content[begin : begin + BLOCK + overlap]
            found += sum(self._at(block, at, BLOCK) for at in self._candidates(block))
        return found

    def _at(self, block: bytes, at: int, limit: int) -> int:
        if at >= limit:
            return 0  # the next block finds it
        start = int.from_bytes(block[at : at + WINDOW], "little")
        return sum(block.startswith(needle, at) for needle in self._by_start[start])

    def _candidates(self, block: bytes) -> Iterator[int]:
        if len(block) < WINDOW or not len(self._starts):
            return
        for offset in range(WINDOW):
            count = (len(block) - offset) // WINDOW
            windows = np.frombuffer(block, dtype="<u8", count=count, offset=offset)
            for at in self._known(windows):
                yield int(at) * WINDOW + offset

    def _known(self, windows: npt.NDArray[np.uint64]) -> npt.NDArray[np.intp]:
        possible: npt.NDArray[np.intp] = np.arange(len(windows))
        for pairs, shift in zip(self._pairs, PAIRS, strict=True):
            possible = possible[pairs[(windows[possible] >> shift) & PAIR]]
        places = np.searchsorted(self._starts, windows[possible])
        places[places == len(self._starts)] = 0
        return np.extract(self._starts[places] == windows[possible], possible)

    def _in_parquet(self, content: bytes) -> int:
        table = pq.read_table(io.BytesIO(content), partitioning=None)
        return sum(self._in_column(name, table.column(name)) for name in dict.fromkeys(table.column_names))

    def _in_column(self, name: str, column: pa.ChunkedArray) -> int:
        hits = 0
        for leaf in _leaves(column):
            values = leaf.combine_chunks() if isinstance(leaf, pa.ChunkedArray) else leaf
            hits += self._in_values(name, values)
        return hits

    def _in_values(self, name: str, values: Any) -> int:
        if pa.types.is_integer(values.type) and self._wanted.integers:
            known = pa.array(sorted(self._wanted.integers), type=pa.int64())
            return int(pc.sum(pc.is_in(values.cast(pa.int64(), safe=False), value_set=known)).as_py() or 0)
        if not _is_text(values.type):
            return 0
        distinct = [value for value in values.unique().to_pylist() if value is not None]
        texts = [value if isinstance(value, bytes) else value.encode() for value in distinct]
        hits = self.hits(b"\0".join(texts))
        short = self._wanted.short.get(name, frozenset())
        return hits + sum(text.decode(errors="replace").strip() in short for text in texts)


def _occurring(starts: npt.NDArray[np.uint64], shift: np.uint64) -> npt.NDArray[np.bool_]:
    found = np.zeros(int(PAIR) + 1, dtype=np.bool_)
    found[(starts >> shift) & PAIR] = True
    return found


def _is_text(kind: pa.DataType) -> bool:
    return any(
        is_kind(kind)
        for is_kind in (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    )


def _leaves(column: Any) -> Iterator[Any]:
    """The columns of plain values inside a column, whatever it is nested in."""
    kind = column.type
    values = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_dictionary(kind):
        yield from _leaves(
            values.dictionary if not isinstance(values, pa.ChunkedArray) else values.unify_dictionaries()
        )
    elif pa.types.is_struct(kind):
        for each in values.flatten():
            yield from _leaves(each)
    elif pa.types.is_map(kind):
        yield from _leaves(values.keys)
        yield from _leaves(values.items)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from _leaves(values.flatten())
    else:
        yield values


def _unpacked(content: bytes) -> Iterator[bytes]:
    for magic, unpack in UNPACKERS:
        if content.startswith(magic):
            yield unpack(content)
    if content.startswith(ZIP):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield name.encode() + b"\0"
                yield archive.read(name)
