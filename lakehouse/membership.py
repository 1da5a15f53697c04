"""Members month by month: exact counts, and the groups of which every count is 0 or at least k."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from pyspark.sql import DataFrame

from lakehouse.small_cells import OTHER, Cell, Counts, MemberGroups, Series, is_told_by


@dataclass(frozen=True)
class Members:
    """Exact counts: for each cell and month the sign-ups, those who churned, and those whose source says so."""

    months: Sequence[date]
    complete: Sequence[bool]
    closed: int
    moved: Mapping[Cell, Series]

    @property
    def measures(self) -> Mapping[Cell, Series]:
        """All that is told of a cell in a closed month; the sign-ups come first, since they say how large it is."""
        return {cell: series[: self.closed] for cell, series in self.balances.items()}

    @cached_property
    def balances(self) -> Mapping[Cell, Series]:
        """For each cell and month: sign-ups, churned, declared, at the start, at the end, sign-ups to date."""
        return {cell: list(_balances(moved)) for cell, moved in self.moved.items()}


def read(tables: Mapping[str, DataFrame]) -> tuple[Members, int]:
    """The exact counts, and k. They pass through the driver: one row a month, region and channel."""
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


def shown(members: Members, groups: MemberGroups) -> Iterator[dict[str, Any]]:
    """The rows: of a closed month one for each group, of an open one a single row."""
    told: Mapping[Cell, frozenset[Cell]] = {}
    for number, month in enumerate(members.months):
        before, told = told, _members_of_groups(members, groups, number)
        for (region, channel), cells in sorted(told.items()):
            counts = [members.balances[cell][number] for cell in cells]
            sign_ups, churned, declared, at_start, at_end, to_date = map(sum, zip(*counts, strict=True))
            is_told = number > 0 and is_told_by(cells, before.values())
            previous = sum(members.moved[cell][number - 1][0] for cell in cells) if is_told else None
            yield {
                "month": month,
                "region": region,
                "channel": channel,
                "users_at_start": at_start,
                "sign_ups": sign_ups,
                "sign_ups_previous": previous,
                "sign_ups_to_date": to_date,
                "churned_users": churned,
                "users_at_end": at_end,
                "declared_churned": declared,
                "is_complete": members.complete[number],
            }


def _members_of_groups(members: Members, groups: MemberGroups, month: int) -> Mapping[Cell, frozenset[Cell]]:
    found: dict[Cell, set[Cell]] = defaultdict(set)
    for cell in members.moved:
        label = groups.label(cell, month) if month < members.closed else (OTHER, OTHER)
        found[label].add(cell)
    return {label: frozenset(cells) for label, cells in found.items()}
