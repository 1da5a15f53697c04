"""Unpacks a file, layer by layer; and names what cannot be searched, so that it is not called clean.

A file of a known format is read in that format. In all other files, compressed streams are unpacked at any place, and
text that encodes bytes (base64, hexadecimal digits) is decoded. The rest is opaque if its bytes look as random as those
of an encrypted file.
"""

from __future__ import annotations

import base64
import io
import re
import sqlite3
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import ipc, orc

from lib.residue import streams

FEWEST = 8  # bytes: shorter content holds no wanted value
PARQUET = b"PAR1"
MORE = 0x80  # of a number's byte: another one follows
ROWS = 10_000  # of a database that are read at a time
TEXTS = pa.schema([("texts", pa.large_string())])
TAR_MARK, TAR_AT = b"ustar", 257
SIDECAR = b"crc\x00"  # Hadoop's checksums of a file beside it: four bytes for each 512
SIDECAR_HEAD = 8
DELETED_ROWS = re.compile(rb"\x01.{4}\xd1\xd3\x39\x64", re.DOTALL)  # Delta's deletion vectors: numbers of rows
# Formats that are encrypted, or that this program cannot read: their first bytes and their names.
CLOSED = (
    (b"PARE", "an encrypted Parquet file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x1f\x9d", "a file of compress"),
    (b"LZIP", "an lzip file"),
    (b"\x89LZO", "an lzop file"),
    (b"MSCF", "a CAB archive"),
    (b"Salted__", "a file that OpenSSL encrypted"),
    (b"age-encryption.org/", "a file that age encrypted"),
    (b"-----BEGIN PGP MESSAGE", "a message that PGP encrypted"),
    (b"-----BEGIN AGE ENCRYPTED", "a file that age encrypted"),
    (b"$ANSIBLE_VAULT", "an Ansible vault"),
    (b"\x89PNG\r\n", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
)
OFFICE, OFFICE_ENCRYPTED = b"\xd0\xcf\x11\xe0", "EncryptedPackage".encode("utf-16-le")
DUCKDB, DUCKDB_AT = b"DUCK", 8
PDF, PDF_ENCRYPTED = b"%PDF-", b"/Encrypt"
ZIP = b"PK\x03\x04"
ENCRYPTED_MEMBER = 1  # of a zip member's flags
CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
MOST_DISGUISED = 1 << 16  # bytes: a longer compressed block does not pass as text by chance
EVEN_BLOCK = 256  # bytes that are judged at a time
MOST_TEXT = 0.6  # share of letters in a random block of bytes: about four in ten bytes are letters by chance
LEAST_ENTROPY = 0.86  # share of the largest possible entropy; random bytes have 0.9 or more
BYTES = 256
BASE64 = re.compile(
    rb"[A-Za-z0-9+/_-]{12,}(?:\r?\n[ \t>]*[A-Za-z0-9+/_-]{20,})*(?:\r?\n[ \t>]*[A-Za-z0-9+/_-]{1,19})?={0,2}"
)
HEX = re.compile(rb"[0-9a-fA-F]{16,}")
HEX_LINES = re.compile(rb"[0-9a-fA-F]{34,}(?:\r?\n[0-9a-fA-F]{2,})+")
DIGESTS = (32, 40, 64, 96, 128)  # digits: a text of this length is a hash or a pseudonym, and nothing is packed in it
NO_BASE64 = b"\r\n \t>="
EMBEDDED = 1 << 10  # bytes: a random block in a shorter text is a key, a hash or a signature
UTF = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
WIDE_SHARE = 5  # in text of two or four bytes a letter, more than one in this number of bytes is zero


@dataclass(frozen=True)
class Opaque:
    """A part that could not be searched, and why."""

    reason: str


@dataclass(frozen=True)
class Torn:
    """The readable part of a cut or damaged stream; it is searched, but nothing in it is unpacked."""

    content: bytes


@dataclass(frozen=True)
class Rows:
    """A table of Arrow."""

    table: Any


Part = bytes | Rows | Opaque | Torn


def unpacked(content: bytes) -> Iterator[Part]:
    """The packed parts of the content, which its bytes do not show."""
    for is_it, read in FORMATS:
        if is_it(content):
            yield from _read(content, read)
            return
    yield from _loose(content)


def unpacked_here_and_there(content: bytes) -> Iterator[Part]:
    """The packed parts of content that was joined from pieces: it has no file format, and is not judged as opaque."""
    yield from (stream.content if stream.whole else Torn(stream.content) for stream in streams.found(content))


def of_values(values: Iterable[bytes]) -> Iterator[Part]:
    """The packed parts of values, each of which may be a file."""
    for value in values:
        yield from _of_piece(value)


def footer(content: bytes) -> bytes:
    """The part of a Parquet file that is not packed: its schema and statistics."""
    return content[-int.from_bytes(content[-8:-4], "little") - 8 :]


def texts_for_bytes(content: bytes) -> tuple[bytes, list[Part]]:
    """The bytes that the content holds as base64 or hexadecimal digits, joined, and the packed parts of a piece."""
    decoded = dict.fromkeys((*_of_base64(content), *_of_hex(content)))
    joined = b"\0\0".join((*decoded, *_of_lines(content)))
    return joined, [part for each in decoded for part in _of_piece(each)]


def _of_piece(content: bytes) -> Iterator[Part]:
    if any(is_it(content) for is_it, _ in FORMATS):
        yield from unpacked(content)
    elif len(content) < EMBEDDED:
        plain = streams.deflated(content)
        if plain and is_text(plain):  # a few bytes may look like a stream by chance
            yield plain
    elif not is_text(content):
        if plain := streams.unmarked(content):
            yield plain
        elif is_even(content, EMBEDDED) and not any(stream.whole for stream in streams.found(content)):
            yield Opaque("text that stands for bytes which are encrypted, or of a format that is not known")


def wide_text(content: bytes) -> Iterator[bytes]:
    """UTF-8 of text that has two or four bytes a letter."""
    for mark, name in UTF:
        if content.startswith(mark):
            yield _decoded(content, name)
            return
    if content.count(0) * WIDE_SHARE > len(content):
        yield content.replace(b"\0", b"")
        name = "utf-16-be" if content[::2].count(0) > content[1::2].count(0) else "utf-16-le"
        yield _decoded(content, name)


def _decoded(content: bytes, name: str) -> bytes:
    """The text without zeros: they are not text, and a rest with zeros would be decoded again and again."""
    return content.decode(name, "replace").replace("\0", "").encode("utf-8", "replace")


def is_text(content: bytes) -> bool:
    """Whether the content is UTF-8."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def is_even(content: bytes, least: int = FEWEST) -> bool:
    """Whether `least` bytes or more of it look random, like encrypted and compressed bytes."""
    if len(content) < least or is_text(content):
        return False
    whole = len(content) - len(content) % EVEN_BLOCK
    even = sum(_even_blocks(content[at : at + (1 << 20)]) for at in range(0, whole, 1 << 20) if at < whole)
    rest = content[whole:] if whole else content
    return even * EVEN_BLOCK >= least or (len(rest) >= least and not whole and _even_short(rest))


def _even_blocks(content: bytes) -> int:
    count = len(content) // EVEN_BLOCK
    blocks = np.frombuffer(content, np.uint8, count * EVEN_BLOCK).reshape(count, EVEN_BLOCK)
    places = blocks + np.arange(count, dtype=np.int64)[:, None] * BYTES
    seen = np.bincount(places.ravel(), minlength=count * BYTES).reshape(count, BYTES)
    return sum(_is_random(row) for row in seen)


def _even_short(content: bytes) -> bool:
    return _is_random(np.bincount(np.frombuffer(content, np.uint8), minlength=BYTES))


def _is_random(counts: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> bool:
    size = int(counts.sum())
    letters = int(counts[32:127].sum() + counts[[9, 10, 13]].sum())
    shares = counts[counts > 0] / size
    entropy = -float((shares * np.log2(shares)).sum())
    return letters < MOST_TEXT * size and entropy > LEAST_ENTROPY * np.log2(min(size, BYTES))


def _read(content: bytes, read: Callable[[bytes], Iterator[Part]]) -> Iterator[Part]:
    try:
        yield from read(content)
    except Exception as error:  # noqa: BLE001 - a damaged file may raise anything; it was not read
        # The error's own text may quote a value.
        yield Opaque(f"not readable as what it says it is ({type(error).__name__})")


def _loose(content: bytes) -> Iterator[Part]:
    for mark, read in WITHIN:
        parts, content = _file_within(content, mark, read)
        yield from parts
    yield from _streams(content)


def _file_within(content: bytes, mark: bytes, read: Callable[[bytes], Iterator[Part]]) -> tuple[list[Part], bytes]:
    """The parts of a file that begins somewhere in the content, and the content without this file."""
    begin = content.find(mark, 1)
    if begin < 0 or is_text(content):
        return [], content
    end = content.rfind(mark) + len(mark) if mark == PARQUET else len(content)
    return list(_read(content[begin:end], read)), content[:begin] + content[end:]


def _streams(content: bytes) -> Iterator[Part]:
    left, at = [], 0
    for stream in streams.found(content):
        if stream.whole:
            left.append(content[at : stream.begin])
            at = stream.end
            yield stream.content
        else:
            yield Torn(stream.content)
            if not stream.weak:
                yield Opaque("a compressed stream in it is cut, damaged or too large")
    rest = b"".join((*left, content[at:]))
    text = is_text(rest)
    if text and not (len(rest) < MOST_DISGUISED and CONTROL.search(rest)):
        return
    plain = None if at else streams.unmarked(content)
    if plain and (not text or is_text(plain)):
        yield plain
    elif is_even(rest):
        yield Opaque("encrypted, or of a format that is not known")


def _parquet(content: bytes) -> Iterator[Part]:
    file = pq.ParquetFile(io.BytesIO(content))
    for number in range(file.num_row_groups):
        yield Rows(file.read_row_group(number))


def _orc(content: bytes) -> Iterator[Part]:
    yield Rows(orc.ORCFile(io.BytesIO(content)).read())


def _arrow(content: bytes) -> Iterator[Part]:
    yield Rows(ipc.open_file(pa.BufferReader(content)).read_all())


def _avro(content: bytes) -> Iterator[Part]:
    source = io.BytesIO(content[4:])
    codec = b"null"
    while count := _avro_long(source):
        if count < 0:
            _avro_long(source)
        for _ in range(abs(count)):
            name, value = (_taken(source, _avro_long(source)) for _ in range(2))
            codec = value if name == b"avro.codec" else codec
    end = _taken(source, 16)
    while source.tell() < len(content) - 4:
        _avro_long(source)  # rows
        yield _avro_block(_taken(source, _avro_long(source)), codec)
        if _taken(source, 16) != end:
            raise ValueError("a block ends elsewhere")


def _avro_block(block: bytes, codec: bytes) -> bytes:
    if codec == b"null":
        return block
    if codec == b"deflate":
        return zlib.decompress(block, streams.RAW_DEFLATE)
    if codec == b"snappy":
        return streams.snappy(block[:-4])
    (stream,) = streams.found(block)  # bzip2, xz and zstandard begin with their marks
    if not stream.whole:
        raise ValueError("a block is cut")
    return stream.content


def _avro_long(source: io.BytesIO) -> int:
    number = shift = 0
    while True:
        (byte,) = _taken(source, 1)
        number |= (byte & 0x7F) << shift
        shift += 7
        if not byte & MORE:
            return (number >> 1) ^ -(number & 1)


def _taken(source: io.BytesIO, count: int) -> bytes:
    found = source.read(count) if count >= 0 else b""
    if len(found) != count:
        raise EOFError
    return found


def _zip(content: bytes) -> Iterator[Part]:
    with zipfile.ZipFile(io.BytesIO(content[content.find(ZIP) :])) as archive:
        for member in archive.infolist():
            yield member.filename.encode("utf-8", "surrogateescape")
            if member.flag_bits & ENCRYPTED_MEMBER:
                yield Opaque("an encrypted member of a zip archive")
            elif member.file_size > streams.MOST_UNPACKED:
                yield Opaque("a member of a zip archive that is too large")
            else:
                yield archive.read(member)


def _tar(content: bytes) -> Iterator[Part]:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
        for member in archive:
            yield f"{member.name}\0{member.linkname}".encode("utf-8", "surrogateescape")
            if member.isfile() and (file := archive.extractfile(member)):
                yield file.read()


def _sqlite(content: bytes) -> Iterator[Part]:
    """All texts of all tables: in the file's pages a long text is cut into pieces."""
    with _database(content) as database:
        names = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
        for name in names:
            yield from _rows(database, name)


@contextmanager
def _database(content: bytes) -> Iterator[sqlite3.Connection]:
    with TemporaryDirectory() as folder:  # nobody else may enter it
        file = Path(folder) / "database"
        with closing(sqlite3.connect(":memory:")) as database:
            if hasattr(database, "deserialize"):
                database.deserialize(content)
                yield database
                return
        # Python 3.10 opens files only.
        file.write_bytes(content)
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True)) as database:
            yield database


def _rows(database: sqlite3.Connection, table: str) -> Iterator[Part]:
    quoted = table.replace('"', '""')
    rows = database.execute(f'select * from "{quoted}"')
    while some := rows.fetchmany(ROWS):
        values = [value for row in some for value in row]
        yield Rows(pa.table({"texts": [value for value in values if isinstance(value, str)]}, TEXTS))
        yield from of_values(value for value in values if isinstance(value, bytes))


def _office(content: bytes) -> Iterator[Part]:
    if OFFICE_ENCRYPTED in content:
        yield Opaque("an office document with a password")
    else:
        yield from _loose(content)


def _pdf(content: bytes) -> Iterator[Part]:
    yield (
        Opaque("an encrypted PDF") if PDF_ENCRYPTED in content else Opaque("a PDF, whose letters have their own codes")
    )
    yield from _loose(content)


def _known_harmless(_: bytes) -> Iterator[Part]:
    """Checksums and numbers of rows: they hold no value, even if they look random."""
    return iter(())


def _closed(content: bytes) -> Iterator[Part]:
    yield from (Opaque(what) for mark, what in CLOSED if content.startswith(mark))
    if not content.startswith(tuple(mark for mark, _ in CLOSED)):
        yield Opaque("a DuckDB database")
    yield from (part for part in _loose(content) if not isinstance(part, Opaque))


def _is_sidecar(content: bytes) -> bool:
    return content.startswith(SIDECAR) and len(content) >= SIDECAR_HEAD and len(content) % 4 == 0


def _is_tar(content: bytes) -> bool:
    return content[TAR_AT : TAR_AT + len(TAR_MARK)] == TAR_MARK


def _is_closed(content: bytes) -> bool:
    return content.startswith(tuple(mark for mark, _ in CLOSED)) or content[DUCKDB_AT : DUCKDB_AT + 4] == DUCKDB


def _begins(mark: bytes) -> Callable[[bytes], bool]:
    return lambda content: content.startswith(mark)


def _of_base64(content: bytes) -> Iterator[bytes]:
    for found in BASE64.finditer(content):
        plain = found[0].translate(None, NO_BASE64)
        if not HEX.fullmatch(plain):
            whole = plain[: len(plain) - (len(plain) % 4 == 1)]
            yield base64.b64decode(whole.translate(bytes.maketrans(b"-_", b"+/")) + b"=" * (-len(whole) % 4))


def _of_hex(content: bytes) -> Iterator[bytes]:
    for found in HEX.finditer(content):
        digits = found[0].decode()
        plain = bytes.fromhex(digits[: len(digits) // 2 * 2])
        if len(digits) not in DIGESTS or is_text(plain):
            yield plain


def _of_lines(content: bytes) -> Iterator[bytes]:
    """Bytes written as hexadecimal digits in several lines, as in a dump."""
    for found in HEX_LINES.finditer(content):
        digits = found[0].translate(None, NO_BASE64).decode()
        yield bytes.fromhex(digits[: len(digits) // 2 * 2])


# The first bytes of files that are also searched for within other files.
WITHIN: tuple[tuple[bytes, Callable[[bytes], Iterator[Part]]], ...] = ((ZIP, _zip), (PARQUET, _parquet))
# How a format is recognised, and how it is read.
FORMATS: tuple[tuple[Callable[[bytes], bool], Callable[[bytes], Iterator[Part]]], ...] = (
    (_begins(PARQUET), _parquet),
    (_begins(b"ORC"), _orc),
    (_begins(b"ARROW1"), _arrow),
    (_begins(b"Obj\x01"), _avro),
    (_begins(b"SQLite format 3\x00"), _sqlite),
    (_begins(ZIP), _zip),
    (_is_tar, _tar),
    (_begins(OFFICE), _office),
    (_begins(PDF), _pdf),
    (_is_sidecar, _known_harmless),
    (lambda content: bool(DELETED_ROWS.match(content)), _known_harmless),
    (_is_closed, _closed),
)
