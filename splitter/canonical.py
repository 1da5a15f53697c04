r"""The canonical form of a row, the basis of every checksum (docs/splitter.md states it for readers).

No well-formed row holds a NUL, so NUL is free as a mark: `\0,` between two fields, `\0E` for a field
that is there but empty, nothing for a field that is missing. The splitter also moves rows between its
processes in this form: it writes exactly the bytes that it hashes.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

FIELD_END = "\0,"
EMPTY = "\0E"
ROW_END = "\0;"
MALFORMED = b"\0M"

_MODULUS = 1 << 64


def fields(row: str) -> list[str | None]:
    """Return the fields of a canonical row: None is missing, "" is empty."""
    if EMPTY in row:
        return ["" if value == EMPTY else value or None for value in row.split(FIELD_END)]
    return [value or None for value in row.split(FIELD_END)]


def pack(rows: Iterable[str]) -> bytes:
    """Put canonical rows into one message."""
    return ROW_END.join(rows).encode()


def digests(packed: bytes) -> Iterator[bytes]:
    """Return the SHA-256 of each row of a message."""
    for row in packed.split(ROW_END.encode()):
        yield sha256(row).digest()


def number(digest: bytes) -> int:
    """Return the 64-bit number of a row: the first eight bytes of its SHA-256, big-endian."""
    return int.from_bytes(digest[:8], "big")


def checksum(rows: Iterable[bytes]) -> int:
    """Add up the numbers of rows modulo 2^64: independent of order, additive over parts."""
    return add(int.from_bytes(sha256(row).digest()[:8], "big") for row in rows)


def add(numbers: Iterable[int]) -> int:
    """Add modulo 2^64."""
    return sum(numbers) % _MODULUS


@dataclass
class TableDigest:
    """SHA-256 and checksum of a table: one line `<_row> <SHA-256 of the canonical row>` per row, in order."""

    rows: int = 0
    checksum: int = 0

    def __post_init__(self) -> None:
        self._hash = sha256()

    def add(self, numbers: Sequence[int], packed: bytes) -> None:
        """Add rows to the digest."""
        hashes = list(digests(packed))
        self.rows += len(numbers)
        self.checksum = add((self.checksum, *map(number, hashes)))
        lines = [f"{position} {digest.hex()}\n" for position, digest in zip(numbers, hashes, strict=True)]
        self._hash.update("".join(lines).encode())

    def hexdigest(self) -> str:
        """Return the SHA-256 so far."""
        return self._hash.hexdigest()
