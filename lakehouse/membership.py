"""Members month by month: exact counts, and groups in which every count is 0 or at least k."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from pyspark.sql import DataFrame

from lakehouse.small_cells import OTHER, Cell, Counts, MemberGroups, Series, coarser, is_told_by, member_groups

# The figures of a group in a month, in this order.
BALANCES = ("sign_ups", "churned_users", "declared_churned", "users_at_start", "users_at_end", "sign_ups_to_date")
SIGN_UPS, TO_DATE = 0, 5


@dataclass(frozen=True)
class Members:
    """Exact counts for each cell and month: sign-ups, churned users, and users whom the source declares churned."""

    months: Sequence[date]
    complete: Sequence[bool]
    closed: int
    moved: Mapping[Cell, Series]

    def measures(self, *places: int) -> Mapping[Cell, Series]:
        """Some of the balances of closed months. The sign-ups come first, since they state the size of a cell."""
        return {
            cell: [tuple(month[place] for place in places) for month in series[: self.closed]]
            for cell, series in self.balances.items()
        }

    def sign_up_groups(self, k: int) -> MemberGroups:
        """The groups by which sign-ups are shown."""
        return member_groups(self.measures(SIGN_UPS, TO_DATE), k)

    def churn_groups(self, k: int) -> MemberGroups:
        """The groups by which churn is shown: as for sign-ups, or coarser: a reader of both must not learn more."""
        return coarser(self.sign_up_groups(k), self.measures(*range(len(BALANCES))), k)

    @cached_property
    def balances(self) -> Mapping[Cell, Series]:
        """For each cell and month the counts that `BALANCES` names."""
        return {cell: list(_balances(moved)) for cell, moved in self.moved.items()}


def read(tables: Mapping[str, DataFrame]) -> tuple[Members, int]:
    """The exact counts, and k. They pass through the driver: one row per month, region and channel."""
    settings = tables["disclosure"].collect()[0]
    rows = sorted(tables["membership_monthly"].collect(), key=lambda row: row.month)
    months = {row.month: row.is_complete for row in rows}
    moved: dict[Cell, list[Counts]] = defaultdict(list)
    for row in rows:
        moved[row.region, row.channel].append((row.sign_ups, row.churned_users, row.declared_churned))
    closed = sum(month < settings.open_from for month in months)
    return Members(list(months), list(months.values()), closed, dict(moved)), settings.k


def _balances(moved: Series) -> Iterator[Counts]:
    at_start = to_date = 0
    for sign_ups, churned, declared in moved:
        at_end, to_date = at_start + sign_ups - churned, to_date + sign_ups
        yield sign_ups, churned, declared, at_start, at_end, to_date
        at_start = at_end


@dataclass(frozen=True)
class Group:
    """The figures of a group in a month: its balances, and the sign-ups of the month before if these were shown."""

    month: date
    region: str
    channel: str
    balances: Mapping[str, int]
    previous: int | None
    is_complete: bool
    is_previous_complete: bool


def told(members: Members, groups: MemberGroups) -> Iterator[Group]:
    """One row for each group of a closed month, and a single row for an open month."""
    now: Mapping[Cell, frozenset[Cell]] = {}
    for number, month in enumerate(members.months):
        before, now = now, _cells(members, groups, number)
        for (region, channel), cells in sorted(now.items()):
            counts = [members.balances[cell][number] for cell in cells]
            yield Group(
                month=month,
                region=region,
                channel=channel,
                balances=dict(zip(BALANCES, map(sum, zip(*counts, strict=True)), strict=True)),
                previous=_previous(members, number, cells, before),
                is_complete=members.complete[number],
                is_previous_complete=number > 0 and members.complete[number - 1],
            )


def _previous(
    members: Members, number: int, cells: frozenset[Cell], before: Mapping[Cell, frozenset[Cell]]
) -> int | None:
    if number == 0 or not is_told_by(cells, before.values()):
        return None
    return sum(members.balances[cell][number - 1][SIGN_UPS] for cell in cells)


def _cells(members: Members, groups: MemberGroups, month: int) -> Mapping[Cell, frozenset[Cell]]:
    found: dict[Cell, set[Cell]] = defaultdict(set)
    for cell in members.moved:
        label = groups.label(cell, month) if month < members.closed else (OTHER, OTHER)
        found[label].add(cell)
    return {label: frozenset(cells) for label, cells in found.items()}
