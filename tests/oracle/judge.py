"""The attacker: somebody who has all published tables and asks which hidden counts follow from them.

A linear programme holds what is known: unknown counts are at least 0, published ones are sums of them. A count that the
attacker can neither see nor may know is told if its largest and its smallest possible value are the same.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

Name = Hashable
Puzzle = tuple[int, Any, Any, Any, Any]  # how many counts; sums that are known, and what they are; the same of bounds
TOLERANCE = 1e-6


@dataclass
class Judge:
    """The attacker's knowledge of some counts."""

    names: dict[Name, int] = field(default_factory=dict)
    equal: list[tuple[dict[int, float], float]] = field(default_factory=list)
    at_most: list[tuple[dict[int, float], float]] = field(default_factory=list)

    def knows(self, parts: Iterable[Name], figure: float) -> None:
        """A published figure is the sum of these counts."""
        self.equal.append((self._terms(dict.fromkeys(parts, 1.0)), figure))

    def knows_at_most(self, terms: Mapping[Name, float], figure: float) -> None:
        """A weighted sum of counts is no more than a figure."""
        self.at_most.append((self._terms(terms), figure))

    def told(self, hidden: Iterable[Name]) -> list[Name]:
        """Those of the counts that follow from what is known."""
        asked = {self.names[name]: name for name in hidden if name in self.names}
        found = []
        for part in self._parts():
            puzzle = self._puzzle(part)
            found += [asked[place] for place in sorted(part & asked.keys()) if self._is_fixed(place, part, puzzle)]
        return found

    def _terms(self, terms: Mapping[Name, float]) -> dict[int, float]:
        return {self.names.setdefault(name, len(self.names)): weight for name, weight in terms.items()}

    @staticmethod
    def _is_fixed(place: int, part: frozenset[int], puzzle: Puzzle) -> bool:
        low, high = (_extreme(puzzle, sorted(part).index(place), sign) for sign in (1.0, -1.0))
        return abs(high - low) < TOLERANCE

    def _parts(self) -> Iterator[frozenset[int]]:
        """The counts that hang together: a puzzle of its own each."""
        lines = [list(terms) for terms, _ in (*self.equal, *self.at_most)]
        pairs = [(line[0], other) for line in lines for other in line]
        size = len(self.names)
        graph = csr_matrix(([1] * len(pairs), tuple(zip(*pairs, strict=True))), shape=(size, size))
        _, part = connected_components(graph, directed=False)
        for number in set(part.tolist()):
            yield frozenset(np.flatnonzero(part == number).tolist())

    def _puzzle(self, part: frozenset[int]) -> Puzzle:
        order = {number: column for column, number in enumerate(sorted(part))}
        equal, below = ([row for row in rows if part.issuperset(row[0])] for rows in (self.equal, self.at_most))
        return len(order), *_matrix(equal, order), *_matrix(below, order)


def _extreme(puzzle: Puzzle, column: int, sign: float) -> float:
    """The least (sign 1) or the greatest (sign -1) that a count can be."""
    size, equal, equal_to, below, bound = puzzle
    goal = np.zeros(size)
    goal[column] = sign
    found = linprog(goal, A_ub=below, b_ub=bound, A_eq=equal, b_eq=equal_to, bounds=(0, None), method="highs")
    if found.status == UNBOUNDED:
        return -sign * np.inf
    assert found.status == 0, found.message
    return sign * float(found.fun)


UNBOUNDED = 3


def _matrix(
    rows: list[tuple[dict[int, float], float]], order: Mapping[int, int]
) -> tuple[csr_matrix | None, list[float] | None]:
    if not rows:
        return None, None
    entries = [
        (weight, line, order[number]) for line, (terms, _) in enumerate(rows) for number, weight in terms.items()
    ]
    weights, lines, columns = zip(*entries, strict=True)
    return csr_matrix((weights, (lines, columns)), shape=(len(rows), len(order))), [figure for _, figure in rows]
