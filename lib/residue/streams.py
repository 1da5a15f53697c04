"""Compressed streams, recognised at any place in a file by the mark at their beginning.

A stream is unpacked as far as possible, up to `MOST_UNPACKED` bytes.
"""

from __future__ import annotations

import bz2
import dataclasses
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

MOST_UNPACKED = 1 << 30  # bytes
PIECE = 1 << 12  # bytes fed at a time: the densest stream turns them into some 80 MB
RAW_DEFLATE = -15
MULTIPLE = 31  # the first two bytes of a zlib stream are a multiple of it
DEFLATE = 8
MORE = 0x80  # in a byte of a number: another byte follows; in a chunk's kind: it may be skipped
UNMARKED = ("snappy", "lz4_raw", "brotli")
READ = 1 << 20  # bytes read at a time
MOST_GROWN = 1 << 28  # bytes that a short text may grow to
UNPACKED_BLOCK = 1  # a method of Spark's LZ4
LONGER, LONGER_STILL = 0x0F, 0xFF  # a length of LZ4 goes on in the next byte
LEAST_MATCH = 4  # bytes that LZ4 repeats
FEWEST = 8  # bytes: shorter content holds no wanted value
BROKEN = (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, IndexError, MemoryError)


@dataclass(frozen=True)
class Stream:
    """The content of a stream, as far as it could be unpacked; its begin and end; whether it is complete.

    `weak` means that other bytes may begin like this stream by chance.
    """

    content: bytes
    end: int
    whole: bool
    begin: int = 0
    weak: bool = False


def found(content: bytes) -> Iterator[Stream]:
    """The streams in the content, one after another. The inside of a stream is not searched for streams here."""
    at = 0
    places = [find(content, at) for find, _, _ in MARKS]
    while any(place >= 0 for place in places):
        begin, number = min((place, number) for number, place in enumerate(places) if place >= 0)
        _, unpack, weak = MARKS[number]
        stream = unpack(content, begin)
        if stream.whole or not weak or len(stream.content) >= FEWEST:
            yield dataclasses.replace(stream, begin=begin, weak=weak)
        at = stream.end if stream.whole else begin + 1
        places = [MARKS[n][0](content, at) if 0 <= place < at else place for n, place in enumerate(places)]


def deflated(content: bytes) -> bytes | None:
    """The unpacked content, if the whole content is a stream of deflate."""
    try:
        decompressor = zlib.decompressobj(wbits=RAW_DEFLATE)
        plain = decompressor.decompress(content, MOST_GROWN)
    except zlib.error:
        return None
    return plain if decompressor.eof and not decompressor.unused_data else None


def unmarked(content: bytes) -> bytes | None:
    """The unpacked content, if the whole content is a stream without a mark."""
    for unpack in (_zlib, _raw_deflate, _lzma_alone):
        stream = unpack(content, 0)
        if stream.whole and stream.end == len(content) and stream.content:
            return stream.content
    ways = ((read, name) for name in UNMARKED for read in (_block, _hadoop))
    return next((plain for read, name in ways if (plain := _tried(read, content, name))), None)


def _tried(read: Callable[[bytes, str], bytes], content: bytes, name: str) -> bytes:
    try:
        return read(content, name)
    except (*BROKEN, pa.ArrowException):
        return b""


def _inflated(decompressor: Any, content: bytes, begin: int) -> Stream:
    parts: list[bytes] = []
    size, at = 0, begin
    try:
        while at < len(content) and not decompressor.eof:
            piece = content[at : at + PIECE]
            parts.append(decompressor.decompress(piece))
            at += len(piece)
            size += len(parts[-1])
            if size > MOST_UNPACKED:
                break
    except BROKEN:
        return Stream(b"".join(parts), at, whole=False)
    return Stream(b"".join(parts), at - len(decompressor.unused_data), whole=decompressor.eof)


def _gzip(content: bytes, at: int) -> Stream:
    return _inflated(zlib.decompressobj(wbits=31), content, at)


def _zlib(content: bytes, at: int) -> Stream:
    head = content[at : at + 2]
    if not head or int.from_bytes(head, "big") % MULTIPLE or head[0] & 0x0F != DEFLATE:
        return Stream(b"", at, whole=False)
    return _inflated(zlib.decompressobj(), content, at)


def _raw_deflate(content: bytes, at: int) -> Stream:
    return _inflated(zlib.decompressobj(wbits=RAW_DEFLATE), content, at)


def _bzip2(content: bytes, at: int) -> Stream:
    return _inflated(bz2.BZ2Decompressor(), content, at)


def _xz(content: bytes, at: int) -> Stream:
    return _inflated(lzma.LZMADecompressor(lzma.FORMAT_XZ), content, at)


def _lzma_alone(content: bytes, at: int) -> Stream:
    return _inflated(lzma.LZMADecompressor(lzma.FORMAT_ALONE), content, at)


def _zstd(content: bytes, at: int) -> Stream:
    return _by_arrow("zstd", content, at, _end_of_zstd)


def _lz4(content: bytes, at: int) -> Stream:
    return _by_arrow("lz4", content, at, _end_of_lz4)


def _by_arrow(name: str, content: bytes, at: int, end_of: Callable[[bytes, int], int]) -> Stream:
    parts: list[bytes] = []
    try:
        end = end_of(content, at)
        with pa.CompressedInputStream(pa.BufferReader(content[at:end]), name) as stream:
            while piece := stream.read(1 << 20):
                parts.append(piece)
                if len(parts) > MOST_UNPACKED >> 20:
                    return Stream(b"".join(parts), end, whole=False)
    except (*BROKEN, pa.ArrowException):
        return Stream(b"".join(parts), at, whole=False)
    return Stream(b"".join(parts), end, whole=end <= len(content))


def _end_of_zstd(content: bytes, begin: int) -> int:
    """The end of a frame (RFC 8878): after its last block and the checksum."""
    described = content[begin + 4]
    single, dictionary = described >> 5 & 1, (0, 1, 2, 4)[described & 3]
    size = (single, 2, 4, 8)[described >> 6]
    at, last = begin + 5 + (1 - single) + dictionary + size, 0
    while not last:
        head = int.from_bytes(_exactly(content, at, 3), "little")
        last, kind = head & 1, head >> 1 & 3
        at += 3 + (1 if kind == 1 else head >> 3)
    return at + (4 if described >> 2 & 1 else 0)


def _end_of_lz4(content: bytes, begin: int) -> int:
    flags = content[begin + 4]
    at = begin + 7 + (8 if flags >> 3 & 1 else 0) + (4 if flags & 1 else 0)
    while size := int.from_bytes(_exactly(content, at, 4), "little"):
        at += 4 + (size & 0x7FFFFFFF) + (4 if flags >> 4 & 1 else 0)
    return at + 4 + (4 if flags >> 2 & 1 else 0)


def _lz4_of_java(content: bytes, begin: int) -> Stream:
    """Blocks as Spark writes them by default: mark, method, two sizes, checksum, data; the last one is empty."""
    parts: list[bytes] = []
    at = begin
    try:
        while content.startswith(b"LZ4Block", at):
            packed = int.from_bytes(_exactly(content, at + 9, 4), "little")
            block = _exactly(content, at + 21, packed)
            parts.append(block if content[at + 8] >> 4 == UNPACKED_BLOCK else _lz4_block(block))
            at += 21 + packed
    except (*BROKEN, pa.ArrowException):
        return Stream(b"".join(parts), at, whole=False)
    return Stream(b"".join(parts), at, whole=True)


def _snappy_of_java(content: bytes, begin: int) -> Stream:
    """Blocks after a head of 16 bytes, each preceded by its size."""
    parts: list[bytes] = []
    at = begin + 16
    try:
        while at < len(content):
            size = int.from_bytes(_exactly(content, at, 4), "big")
            parts.append(snappy(_exactly(content, at + 4, size)))
            at += 4 + size
    except (*BROKEN, pa.ArrowException):
        return Stream(b"".join(parts), at, whole=False)
    return Stream(b"".join(parts), at, whole=True)


def _snappy_framed(content: bytes, begin: int) -> Stream:
    """Chunks, each with its kind and its size in three bytes, and a checksum before the data."""
    parts: list[bytes] = []
    at = begin
    try:
        while at < len(content):
            kind, size = content[at], int.from_bytes(_exactly(content, at + 1, 3), "little")
            chunk = _exactly(content, at + 4, size)
            if kind in (0, 1):
                parts.append(snappy(chunk[4:]) if kind == 0 else chunk[4:])
            elif kind < MORE:
                return Stream(b"".join(parts), at, whole=False)
            at += 4 + size
    except (*BROKEN, pa.ArrowException):
        return Stream(b"".join(parts), at, whole=False)
    return Stream(b"".join(parts), at, whole=True)


def _block(content: bytes, name: str) -> bytes:
    if name == "snappy":
        return snappy(content)
    if name == "brotli":
        with pa.CompressedInputStream(pa.BufferReader(content), name) as stream:
            return _read(stream)
    return _lz4_block(content)


def _read(stream: Any) -> bytes:
    """All of a stream, piece by piece: Arrow allocates as much memory as is requested, and keeps it."""
    parts: list[bytes] = []
    while piece := stream.read(READ):
        parts.append(piece)
        if len(parts) * READ > MOST_UNPACKED:
            return b""
    return b"".join(parts)


def _hadoop(content: bytes, name: str) -> bytes:
    """Blocks as Hadoop's codecs write them: the unpacked size, then chunks with their size."""
    if name == "brotli":
        return b""
    parts: list[bytes] = []
    at = 0
    while at < len(content):
        plain = int.from_bytes(_exactly(content, at, 4), "big")
        at += 4
        while plain > 0:
            size = int.from_bytes(_exactly(content, at, 4), "big")
            chunk = _exactly(content, at + 4, size)
            parts.append(snappy(chunk) if name == "snappy" else _lz4_block(chunk))
            plain -= len(parts[-1]) or plain
            at += 4 + size
    return b"".join(parts)


def snappy(content: bytes) -> bytes:
    """A block of Snappy, which begins with its size. Raises one of `BROKEN`, or of Arrow's errors."""
    size = shift = 0
    for byte in content[:5]:
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < MORE:
            break
    return _decoded(content, "snappy", size)


def _lz4_block(content: bytes) -> bytes:
    """A block of LZ4, which does not state its size."""
    size = at = 0
    while at < len(content):
        token = content[at]
        literals, at = _length(content, at + 1, token >> 4)
        at += literals
        size += literals
        if at < len(content):
            matched, at = _length(content, at + 2, token & 0x0F)
            size += matched + LEAST_MATCH
    if at > len(content):
        raise EOFError
    # Exactly this size: if more is requested, Arrow returns old content of the memory.
    return _decoded(content, "lz4_raw", size)


def _length(content: bytes, at: int, nibble: int) -> tuple[int, int]:
    """A length of LZ4, and the position after it: from 15 on it continues in further bytes, while these are 255."""
    length = nibble
    while nibble == LONGER:
        length += content[at]
        nibble = LONGER if content[at] == LONGER_STILL else 0
        at += 1
    return length, at


def _decoded(content: bytes, name: str, size: int) -> bytes:
    if size > MOST_UNPACKED:
        raise ValueError("too large")
    return bytes(pa.decompress(content, decompressed_size=size, codec=name, asbytes=True))


def _exactly(content: bytes, at: int, count: int) -> bytes:
    found = content[at : at + count]
    if len(found) < count:
        raise EOFError
    return found


def _mark(mark: bytes) -> Callable[[bytes, int], int]:
    return lambda content, at: content.find(mark, at)


def _pattern(pattern: bytes) -> Callable[[bytes, int], int]:
    known = re.compile(pattern, re.DOTALL)

    def find(content: bytes, at: int) -> int:
        place = known.search(content, at)
        return place.start() if place else -1

    return find


# The beginning of a stream; how it is unpacked; whether other bytes may begin like it.
MARKS: tuple[tuple[Callable[[bytes, int], int], Callable[[bytes, int], Stream], bool], ...] = (
    (_pattern(rb"\A\x1f\x8b|\x1f\x8b\x08[\x00-\x1f].{4}[\x00\x02\x04][\x00-\x0d\xff]"), _gzip, False),
    (_pattern(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"), _bzip2, False),
    (_mark(b"\xfd7zXZ\x00"), _xz, False),
    (_mark(b"\x28\xb5\x2f\xfd"), _zstd, False),
    (_mark(b"\x04\x22\x4d\x18"), _lz4, False),
    (_mark(b"LZ4Block"), _lz4_of_java, False),
    (_mark(b"\x82SNAPPY\x00"), _snappy_of_java, False),
    (_mark(b"\xff\x06\x00\x00sNaPpY"), _snappy_framed, False),
    *((_mark(mark), _zlib, True) for mark in (b"x\x01", b"x^", b"x\x9c", b"x\xda")),
)
