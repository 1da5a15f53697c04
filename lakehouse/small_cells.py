"""The groups of persons that may be counted separately: in each of them every count is 0 or at least k.

A group that is too small to be shown is joined with others: first a channel within its region, then a region, then a
month of sign-up. It is counted among the others, so that totals stay exact. A name is shown from some month on up to
the last one: if a name came and went, its numbers would follow from the balances around the gap.

This module does not use Spark. Months are numbers: 0 is the first one, and the last one is the newest closed month.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

OTHER, ALL = "Other", "All"
NO_PROTECTION = 1  # as k: every person may be counted separately
SHORTEST = 12  # the fewest months for which a name is shown, or all months if there are fewer

Counts = tuple[int, ...]  # the measures of a cell in one month
Series = Sequence[Counts]  # one entry a month
Cell = tuple[str, str]  # region and channel
Parts = Mapping[str, Series]


@dataclass(frozen=True)
class Split:
    """From month `start` on, the names `shown` are counted separately, and all others together."""

    shown: tuple[str, ...]
    start: int

    def label(self, name: str, month: int) -> str:
        """The name under which `name` is counted in a month."""
        return name if month >= self.start and name in self.shown else OTHER


@dataclass(frozen=True)
class MemberGroups:
    """The groups of members: by region and, within the label of a region, by channel."""

    regions: Split
    channels: Mapping[str, Split]

    def label(self, cell: Cell, month: int) -> Cell:
        """The region and channel under which a cell is counted in a month; Other before anything is shown."""
        if month < self.regions.start:
            return OTHER, OTHER
        region = self.regions.label(cell[0], month)
        return region, self.channels[region].label(cell[1], month)


def holds(counts: Iterable[int], k: int) -> bool:
    """Whether each count is 0 or at least k."""
    return all(count == 0 or count >= k for count in counts)


def total(parts: Iterable[Series]) -> Series:
    """The sum of several series, month by month."""
    return [tuple(map(sum, zip(*month, strict=True))) for month in zip(*parts, strict=True)]


def first_held(series: Iterable[Series], k: int, months: int) -> int:
    """The first month from which on all series hold; `months` if they do not hold in the last one."""
    held = [all(holds(month, k) for month in each) for each in zip(*series, strict=True)]
    return _after_the_last_failure(held, months)


def _after_the_last_failure(held: Sequence[bool], months: int) -> int:
    return next((month + 1 for month in reversed(range(months)) if not held[month]), 0)


def ranked(parts: Parts) -> list[str]:
    """The names by size, the largest first. The first measure is the size."""
    return sorted(parts, key=lambda name: (-sum(month[0] for month in parts[name]), name))


def split(parts: Parts, k: int, *, covering: str = "", within: Split | None = None) -> Split:
    """The split that shows the most cells: the largest names separately, if each of them and the rest hold.

    `covering` is the name of persons who gave up their own. It is never shown alone: the others in the rest hold k
    too. With `within`, every group is a sum of that split's groups. No name is shown for less than a year.
    """
    names = within.shown if within else ranked({name: parts[name] for name in parts if name != covering})
    since = within.start if within else 0
    months = len(next(iter(parts.values()), ()))
    if k <= NO_PROTECTION:
        return Split((*names, *({covering} & set(parts))), 0)
    options = [option(parts, names[:count], k, covering, since) for count in range(1, len(names) + 1)]
    possible = [each for each in options if is_long(each.start, months)]
    return max(possible, key=lambda it: (_cells(it, parts, months), len(it.shown)), default=Split((), months))


def is_long(start: int, months: int) -> bool:
    """Whether a name that begins in a month is shown for a year: a name shown for one month is of no use to readers."""
    return months - start >= max(1, min(SHORTEST, months))


def option(parts: Parts, shown: Sequence[str], k: int, covering: str = "", since: int = 0) -> Split:
    """These names separately, from the first month in which that is allowed."""
    months = len(parts[shown[0]])
    rest = [parts[name] for name in parts if name not in shown]
    groups = [*(parts[name] for name in shown), *([total(rest)] if rest else [])]
    start = max(since, first_held(groups, k, months))
    if covering in parts:
        start = max(start, _first_covered(parts[covering], rest, k, months))
    return Split(tuple(shown), start)


def _first_covered(covered: Series, rest: Sequence[Series], k: int, months: int) -> int:
    """The first month from which on every covered person is among at least k others, in each measure."""
    pairs = [zip(own, every, strict=True) for own, every in zip(covered, total(rest), strict=True)]
    held = [all(own == 0 or every - own >= k for own, every in pair) for pair in pairs]
    return _after_the_last_failure(held, months)


def _cells(found: Split, parts: Parts, months: int) -> int:
    groups = len(found.shown) + (1 if set(parts) - set(found.shown) else 0)
    return found.start + (months - found.start) * groups


def member_groups(cells: Mapping[Cell, Series], k: int) -> MemberGroups:
    """The groups of members that show the most cells. Channel Other is also the channel of minors."""
    regions = by_region(cells)
    names = ranked(regions)
    months = len(next(iter(cells.values()), ()))
    if k <= NO_PROTECTION:
        return _grouped(cells, Split(tuple(names), 0), k)
    options = [option(regions, names[:count], k) for count in range(1, len(names) + 1)]
    splits = [Split((), 0), *(each for each in options if is_long(each.start, months))]
    possible = [_grouped(cells, regions, k) for regions in splits]
    return max(possible, key=lambda groups: (_rows(groups, cells, months), len(groups.regions.shown)))


def by_region(cells: Mapping[Cell, Series]) -> Parts:
    """The cells of each region together."""
    names = sorted({region for region, _ in cells})
    return {name: total([cells[cell] for cell in cells if cell[0] == name]) for name in names}


def coarser(groups: MemberGroups, cells: Mapping[Cell, Series], k: int) -> MemberGroups:
    """The same groups, joined if a count of `cells` does not hold: every new group is a sum of old ones."""
    months = len(next(iter(cells.values()), ()))
    if k <= NO_PROTECTION:
        return groups
    regions = groups.regions
    if regions.shown:
        later = option(by_region(cells), regions.shown, k, since=regions.start)
        if not is_long(later.start, months):
            return MemberGroups(Split((), 0), {OTHER: Split((), months)})
        regions = later
    return _grouped(cells, regions, k, groups.channels)


def _grouped(
    cells: Mapping[Cell, Series], regions: Split, k: int, within: Mapping[str, Split] | None = None
) -> MemberGroups:
    labels = sorted({regions.label(region, regions.start) for region, _ in cells})
    found = {label: _channels(cells, regions, label, k, (within or {}).get(label)) for label in labels}
    return MemberGroups(regions, found)


def _channels(cells: Mapping[Cell, Series], regions: Split, label: str, k: int, within: Split | None) -> Split:
    own = [cell for cell in cells if regions.label(cell[0], regions.start) == label]
    parts = {name: total([cells[cell] for cell in own if cell[1] == name])[regions.start :] for _, name in own}
    limit = within and Split(within.shown, max(0, within.start - regions.start))
    found = split(parts, k, covering=OTHER, within=limit)
    return Split(found.shown, found.start + regions.start)


def _rows(groups: MemberGroups, cells: Mapping[Cell, Series], months: int) -> int:
    return sum(len({groups.label(cell, month) for cell in cells}) for month in range(months))


def is_told_by(members: frozenset[Cell], groups: Iterable[frozenset[Cell]]) -> bool:
    """Whether a number of `members` follows from the numbers of `groups`, as the sum of some of them."""
    inside: frozenset[Cell] = frozenset().union(*(group for group in groups if group <= members))
    return inside == members


# --- Counts that cannot be summed ------------------------------------------------------------------------------------

Key = tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """A total and the parts whose members it counts; parts may count some members several times."""

    total: Key
    parts: tuple[Key, ...]


def withheld(counts: Mapping[Key, int], lines: Sequence[Line], k: int, plain: frozenset[Key]) -> frozenset[Key]:
    """The cells that are not shown: those below k, and enough others that no line reveals one by its total.

    `plain` are totals of the whole, which are always shown.
    """
    hidden = {key for key, count in counts.items() if count < k} - plain
    waiting = list(lines)
    while True:
        added = {one for line in waiting if (one := _another(line, counts, hidden, k, plain))}
        if not added:
            return frozenset(hidden)
        hidden |= added


def _another(line: Line, counts: Mapping[Key, int], hidden: set[Key], k: int, plain: frozenset[Key]) -> Key | None:
    """The smallest shown part of a line that has only one hidden part, or hidden parts with fewer than k together."""
    parts = [part for part in line.parts if part in counts]
    own = [part for part in parts if part in hidden]
    if not own or line.total in hidden or (len(own) > 1 and sum(counts[part] for part in own) >= k):
        return None
    return min((part for part in parts if part not in hidden | plain), key=lambda it: (counts[it], it), default=None)
