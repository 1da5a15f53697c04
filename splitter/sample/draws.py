"""Random numbers by position: the same seed, name and index yield the same number on every machine and version.

NumPy promises stable bits across its versions, but not stable distributions. So the sample uses only integer
arithmetic: a SplitMix64 mix of (key of the name, index), and integer weights. Any user or row can be drawn alone, in
any order, and this keeps memory flat.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

Ints = npt.NDArray[np.int64]
Bits = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


@dataclass(frozen=True)
class Dice:
    """One independent stream of numbers per name."""

    seed: int

    def bits(self, name: str, index: Ints) -> Bits:
        digest = hashlib.blake2b(f"{self.seed}:{name}".encode(), digest_size=8).digest()
        mixed: Bits = index.astype(np.uint64) * _STEP + np.uint64(int.from_bytes(digest, "little"))
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX_1
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX_2
        mixed ^= mixed >> np.uint64(31)
        return mixed

    def below(self, name: str, index: Ints, limit: int | Ints) -> Ints:
        """Whole numbers from 0 to limit - 1 (limit below 2**31, otherwise the product overflows)."""
        top = (self.bits(name, index) >> np.uint64(33)).astype(np.int64)
        scaled: Ints = (top * np.asarray(limit, dtype=np.int64)) >> np.int64(31)
        return scaled

    def pick(self, name: str, index: Ints, weights: Sequence[int]) -> Ints:
        """Positions in `weights`, each as often as its weight."""
        edges = np.cumsum(np.asarray(weights, dtype=np.int64))
        return np.searchsorted(edges, self.below(name, index, int(edges[-1])), side="right").astype(np.int64)

    def planted(self, name: str, index: Ints, every: int) -> Ints:
        """0, or 1, 2, 3 ... for exactly one place in each run of `every` neighbours.

        A spread draw instead of a coin toss per row: a small sample has every defect too, and the counter lets
        the kinds of a defect take turns.
        """
        if every == 0:
            return np.zeros_like(index)
        group = index // every
        return np.where(self.below(name, group, every) == index % every, group + 1, 0).astype(np.int64)
