"""Finds many byte strings at once in many bytes, whatever the case of their letters.

Of each string eight bytes are taken that few other strings have. Every eight bytes of what is searched are compared
with them: by a hash first, which tells most of them apart for a few nanoseconds, whatever the number of strings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

WINDOW = 8  # bytes of a string that are compared at once
BLOCK = 1 << 18  # bytes compared at a time: what is computed of them stays in the processor's cache
MIX = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: spreads neighbouring numbers
COUNTED_BITS = 22  # of a hash, for counting windows
AT_ONCE = 20_000  # strings whose windows are counted at once
FEWEST_BITS, MOST_BITS = 16, 24  # of a hash, by the number of strings
SPREAD = 5  # bits of a hash beyond those that the number of strings needs: one window in 32 passes by chance
FAR = np.int64(1 << 32)  # more than the bytes of any string
NEVER = np.int64(1 << 62)
# What a text goes on with: letters, digits, blanks, and all bytes of UTF-8 that are not ASCII.
TEXTUAL = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789 .-_@+'/#") | frozenset(range(0x80, 0x100))
LAST_CHARACTER = "\U0010ffff".encode()  # what Delta puts behind a largest value that it cut


class Searcher:
    """Searches for `strings` anywhere, for `ends` where a text ends after them; shorter than eight bytes: for none."""

    def __init__(self, strings: Iterable[bytes], ends: Iterable[bytes] = ()) -> None:
        anywhere = {string.lower() for string in strings}
        ending = {string.lower() for string in ends} - anywhere
        known = sorted(each for each in anywhere | ending if len(each) >= WINDOW)
        self._by_window: dict[int, list[tuple[bytes, int, bool]]] = {}
        for string, at in zip(known, _rarest(known), strict=True):
            window = int.from_bytes(string[at : at + WINDOW], "little")
            self._by_window.setdefault(window, []).append((string, at, string in ending))
        self._windows = np.array(sorted(self._by_window), dtype="<u8")
        bits = min(max(len(known).bit_length() + SPREAD, FEWEST_BITS), MOST_BITS)
        self._shift = np.uint64(64 - bits)
        self._hashed = np.zeros(1 << bits, dtype=np.bool_)
        self._hashed[(self._windows * MIX) >> self._shift] = True

    def hits(self, content: bytes) -> int:
        """How often the strings occur."""
        if len(content) < WINDOW or not len(self._windows):
            return 0
        lower = content.lower()
        return sum(self._at(lower, at) for at in self._candidates(lower))

    def _at(self, content: bytes, at: int) -> int:
        known = self._by_window[int.from_bytes(content[at : at + WINDOW], "little")]
        return sum(_stands(content, string, at - before, ends=ends) for string, before, ends in known)

    def _candidates(self, content: bytes) -> Iterator[int]:
        """Where eight bytes stand that are a string's."""
        for begin in range(0, len(content) - WINDOW + 1, BLOCK):
            count = min(BLOCK, len(content) - WINDOW + 1 - begin)
            windows: npt.NDArray[np.uint64] = np.ndarray((count,), "<u8", content, begin, (1,))
            possible = np.flatnonzero(self._hashed[(windows * MIX) >> self._shift])
            found = windows[possible]
            places = np.searchsorted(self._windows, found)
            places[places == len(self._windows)] = 0
            yield from (begin + int(at) for at in possible[self._windows[places] == found])


def _stands(content: bytes, string: bytes, at: int, *, ends: bool) -> bool:
    if at < 0 or not content.startswith(string, at):
        return False
    after = at + len(string)
    return not ends or content[after : after + 1] == b"" or _is_end(content, after)


def _is_end(content: bytes, at: int) -> bool:
    return content[at] not in TEXTUAL or content.startswith(LAST_CHARACTER, at)


def _rarest(strings: list[bytes]) -> list[int]:
    """For each string, where eight of its bytes begin that fewest strings have."""
    parts = [strings[at : at + AT_ONCE] for at in range(0, len(strings), AT_ONCE)]
    counts = np.zeros(1 << COUNTED_BITS, dtype=np.int64)
    for part in parts:
        counts += np.bincount(_hashed(b"".join(part)), minlength=len(counts))
    return [at for part in parts for at in _rarest_of(part, counts)]


def _rarest_of(strings: list[bytes], counts: npt.NDArray[np.int64]) -> list[int]:
    seen = counts[_hashed(b"".join(strings))]
    lengths = np.array([len(string) for string in strings], dtype=np.int64)
    begins = np.concatenate(([0], np.cumsum(lengths)[:-1]))
    inside = np.arange(len(seen)) - np.repeat(begins, lengths)[: len(seen)]
    crossing = inside > np.repeat(lengths, lengths)[: len(seen)] - WINDOW
    # A count and a place in one number: the smallest is the first of the rarest.
    ranked = np.where(crossing, NEVER, seen * FAR + inside)
    return [int(best % FAR) for best in np.minimum.reduceat(ranked, begins)]


def _hashed(joined: bytes) -> npt.NDArray[np.int64]:
    windows: npt.NDArray[np.uint64] = np.ndarray((len(joined) - WINDOW + 1,), "<u8", joined, 0, (1,))
    return ((windows * MIX) >> np.uint64(64 - COUNTED_BITS)).astype(np.int64)
