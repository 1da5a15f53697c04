"""Finds many byte strings at once in many bytes, and ignores the case of letters.

From each string it takes eight bytes that few other strings have. It compares every eight bytes of the searched content
with them, first by a hash. The hash rules out most of them in a few nanoseconds, for any number of strings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt

WINDOW = 8  # bytes of a string that are compared at once
BLOCK = 1 << 18  # bytes compared at a time: the intermediate results stay in the processor's cache
MIX = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: spreads neighbouring numbers
COUNTED_BITS = 22  # of a hash, for counting windows
AT_ONCE = 20_000  # strings whose windows are counted at once
FEWEST_BITS, MOST_BITS = 16, 24  # of a hash, by the number of strings
SPREAD = 5  # bits of a hash beyond those that the number of strings needs: one window in 32 passes by chance
FAR = np.int64(1 << 32)  # more than the bytes of any string
NEVER = np.int64(1 << 62)
SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")
NOTHING = (np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64))
# Bytes that continue a text: letters, digits, blanks, and all bytes of UTF-8 that are not ASCII.
TEXTUAL = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789 .-_@+'/#") | frozenset(range(0x80, 0x100))
LAST_CHARACTER = "\U0010ffff".encode()  # Delta appends this to a largest value that it cut


class Searcher:
    """Searches for `strings` anywhere and for `ends` where a text ends after them; skips strings under eight bytes."""

    def __init__(self, strings: Iterable[bytes], ends: Iterable[bytes] = ()) -> None:
        anywhere = {string.lower() for string in strings}
        ending = {string.lower() for string in ends} - anywhere
        known = [each for each in (*anywhere, *ending) if len(each) >= WINDOW]
        windows, places = _rarest(known)
        order = np.argsort(windows)
        self._windows = windows[order]
        self._strings = [(known[number], int(places[number]), known[number] in ending) for number in order]
        bits = min(max(len(known).bit_length() + SPREAD, FEWEST_BITS), MOST_BITS)
        self._shift = np.uint64(64 - bits)
        self._hashed = np.zeros(1 << bits, dtype=np.bool_)
        self._hashed[(self._windows * MIX) >> self._shift] = True

    def hits(self, content: bytes) -> int:
        """How often the strings occur."""
        if len(content) < WINDOW or not self._strings:
            return 0
        lower = content.lower()
        return sum(self._at(lower, at, first, last) for at, first, last in self._candidates(lower))

    def _at(self, content: bytes, at: int, first: int, last: int) -> int:
        known = self._strings[first:last]
        return sum(_stands(content, string, at - before, ends=ends) for string, before, ends in known)

    def _candidates(self, content: bytes) -> Iterator[tuple[int, int, int]]:
        """Places whose eight bytes belong to a string, with the first and the last of these strings."""
        for begin in range(0, len(content) - WINDOW + 1, BLOCK):
            count = min(BLOCK, len(content) - WINDOW + 1 - begin)
            windows: npt.NDArray[np.uint64] = np.ndarray((count,), "<u8", content, begin, (1,))
            possible = np.flatnonzero(self._hashed[(windows * MIX) >> self._shift])
            found = windows[possible]
            first, last = (np.searchsorted(self._windows, found, side) for side in SIDES)
            same = first < last
            yield from zip((begin + possible[same]).tolist(), first[same].tolist(), last[same].tolist(), strict=True)


def _stands(content: bytes, string: bytes, at: int, *, ends: bool) -> bool:
    if at < 0 or not content.startswith(string, at):
        return False
    after = at + len(string)
    return not ends or content[after : after + 1] == b"" or _is_end(content, after)


def _is_end(content: bytes, at: int) -> bool:
    return content[at] not in TEXTUAL or content.startswith(LAST_CHARACTER, at)


def _rarest(strings: list[bytes]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """For each string, the eight bytes that the fewest strings have, and their position in it."""
    parts = [strings[at : at + AT_ONCE] for at in range(0, len(strings), AT_ONCE)]
    bits = min(max(sum(map(len, strings)).bit_length(), FEWEST_BITS), COUNTED_BITS)
    counts = np.zeros(1 << bits, dtype=np.int64)
    for part in parts:
        counts += np.bincount(_hashed(_windows(part), bits), minlength=len(counts))
    found = [NOTHING, *(_rarest_of(part, counts, bits) for part in parts)]
    return np.concatenate([each[0] for each in found]), np.concatenate([each[1] for each in found])


def _rarest_of(
    strings: list[bytes], counts: npt.NDArray[np.int64], bits: int
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    windows = _windows(strings)
    lengths = np.array([len(string) for string in strings], dtype=np.int64)
    begins = np.concatenate(([0], np.cumsum(lengths)[:-1]))
    inside = np.arange(len(windows)) - np.repeat(begins, lengths)[: len(windows)]
    crossing = inside > np.repeat(lengths, lengths)[: len(windows)] - WINDOW
    # A count and a place in one number: the smallest is the first of the rarest.
    ranked = np.where(crossing, NEVER, counts[_hashed(windows, bits)] * FAR + inside)
    places = np.minimum.reduceat(ranked, begins) % FAR
    return windows[begins + places], places


def _windows(strings: list[bytes]) -> npt.NDArray[np.uint64]:
    joined = b"".join(strings)
    return np.ndarray((len(joined) - WINDOW + 1,), "<u8", joined, 0, (1,))


def _hashed(windows: npt.NDArray[np.uint64], bits: int) -> npt.NDArray[np.int64]:
    return ((windows * MIX) >> np.uint64(64 - bits)).astype(np.int64)
