"""The users who signed up in a month, followed to the last closed month, in cohorts of at least k persons."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from lakehouse.membership import Members
from lakehouse.small_cells import OTHER, MemberGroups, holds

Seen = Mapping[tuple[int, str, int], int]  # users by month of sign-up, region and month


@dataclass(frozen=True)
class Cohort:
    """The users who signed up in a month: their number, and how many were active, or stayed, in each later month."""

    month: int
    users: int
    active: tuple[int, ...]
    retained: tuple[int, ...]

    def holds(self, k: int) -> bool:
        """Whether all its figures that are shown by default may be shown."""
        return self.users >= k and holds(self.retained, k)


def together(cohorts: Sequence[Cohort]) -> Cohort:
    """Several cohorts as one, followed only as long as the youngest of them exists."""
    reach = min(len(cohort.retained) for cohort in cohorts)
    return Cohort(
        month=min(cohort.month for cohort in cohorts),
        users=sum(cohort.users for cohort in cohorts),
        active=tuple(sum(cohort.active[since] for cohort in cohorts) for since in range(reach)),
        retained=tuple(sum(cohort.retained[since] for cohort in cohorts) for since in range(reach)),
    )


def merged(cohorts: Sequence[Cohort], k: int, spans: Sequence[Mapping[int, int]]) -> list[list[Cohort]]:
    """Neighbours joined until each group holds: months into quarters, these into years, these with the next year.

    `spans` map each month to its span, one mapping per length, the shortest first.
    """
    groups = [[cohort] for cohort in cohorts]
    for span in spans:
        if all(together(group).holds(k) for group in groups):
            return groups
        groups = _joined(groups, span, k)
    return _with_neighbours(groups, k)


def _joined(groups: Sequence[list[Cohort]], span: Mapping[int, int], k: int) -> list[list[Cohort]]:
    places = list(dict.fromkeys(span[group[0].month] for group in groups))
    result = []
    for place in places:
        inside = [group for group in groups if span[group[0].month] == place]
        separate = all(together(group).holds(k) for group in inside)
        result += inside if separate else [[cohort for group in inside for cohort in group]]
    return result


def _with_neighbours(groups: Sequence[list[Cohort]], k: int) -> list[list[Cohort]]:
    result: list[list[Cohort]] = []
    waiting: list[Cohort] = []
    for group in groups:
        waiting = [*waiting, *group]
        if together(waiting).users >= k:
            result.append(waiting)
            waiting = []
    if waiting and result:
        result[-1] += waiting
    return result


def followed(cohort: Cohort, k: int) -> int:
    """The number of months for which a cohort is shown: until one of its counts falls below k."""
    return next((since for since, count in enumerate(cohort.retained) if not holds([count], k)), len(cohort.retained))


@dataclass(frozen=True)
class Exact:
    """The users active in a month, and those seen for the last time in it, by month of sign-up and region."""

    members: Members
    active: Seen
    last_seen: Seen

    def cohort(self, month: int, regions: Sequence[str]) -> Cohort:
        """The users of some regions who signed up in a month, followed to the last closed month."""
        users = sum(moved[month][0] for (region, _), moved in self.members.moved.items() if region in regions)
        months = range(month, max(self.members.closed, month + 1))
        active = [sum(self.active.get((month, region, then), 0) for region in regions) for then in months]
        last = [sum(self.last_seen.get((month, region, then), 0) for region in regions) for then in months]
        return Cohort(
            month, users, (users, *active[1:]), (users, *(sum(last[since:]) for since in range(1, len(last))))
        )

    @property
    def regions(self) -> list[str]:
        """All regions."""
        return sorted({region for region, _ in self.members.moved})


def shown(exact: Exact, k: int) -> Iterator[dict[str, Any]]:
    """The rows: cohorts by region if these hold, otherwise as a whole, joined with neighbours until they hold.

    A month that is not closed is a cohort; only its size is shown.
    """
    members = exact.members
    groups = members.sign_up_groups(k)
    wholes = [exact.cohort(month, exact.regions) for month in range(members.closed)]
    for cohorts in merged([whole for whole in wholes if whole.users], k, _spans(members.months)):
        parts = _by_region(exact, groups, cohorts[0].month, k) if len(cohorts) == 1 else {}
        for region, cohort in (parts or {OTHER: together(cohorts)}).items():
            yield from _rows(members, region, cohort, k)
    for month in range(members.closed, len(members.months)):
        whole = exact.cohort(month, exact.regions)
        if whole.users:
            yield _row(members, OTHER, whole, 0, whole.users)


def _by_region(exact: Exact, groups: MemberGroups, month: int, k: int) -> Mapping[str, Cohort]:
    """The cohort by the regions under which its sign-ups are shown; empty if a count of one region does not hold."""
    names: dict[str, list[str]] = defaultdict(list)
    for cell in exact.members.moved:
        names[groups.label(cell, month)[0]].append(cell[0])
    parts = {name: exact.cohort(month, sorted(set(regions))) for name, regions in sorted(names.items())}
    return (
        {}
        if any(not holds((p.users, *p.retained), k) for p in parts.values())
        else {name: part for name, part in parts.items() if part.users}
    )


def _rows(members: Members, region: str, cohort: Cohort, k: int) -> Iterator[dict[str, Any]]:
    reach = followed(cohort, k)
    is_told = holds(cohort.active[:reach], k)
    for since in range(reach):
        yield _row(members, region, cohort, since, cohort.active[since] if is_told or not since else None)


def _row(members: Members, region: str, cohort: Cohort, since: int, active: int | None) -> dict[str, Any]:
    month = cohort.month + since
    return {
        "cohort_month": members.months[cohort.month],
        "region": region,
        "months_since": since,
        "cohort_users": cohort.users,
        "active_users": active,
        "retained_users": cohort.retained[since],
        "active_rate": None if active is None else active / cohort.users,
        "retention_rate": cohort.retained[since] / cohort.users,
        "is_complete": members.complete[month],
    }


def _spans(months: Sequence[date]) -> Sequence[Mapping[int, int]]:
    """The quarter, then the year, of each month."""
    return [
        {number: month.year * 4 + (month.month - 1) // 3 for number, month in enumerate(months)},
        {number: month.year for number, month in enumerate(months)},
    ]
