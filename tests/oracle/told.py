"""The exact counts that are shown: `docs/definitions.md`, "Small cells", by trying every way to show them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import product
from typing import Any

import pyarrow as pa

Row = dict[str, Any]
Exact = dict[str, pa.Table]
Label = Callable[[date, str, str], tuple[str, str]]
OTHER = ("Other", "Other")
MEMBERS = ("sign_ups", "churned_users", "declared_churned", "users_at_start", "users_at_end", "sign_ups_to_date")
CAME = ("sign_ups", "sign_ups_to_date")
ACTIVE = ("active_users", "buyers", "new_buyers", "repeat_buyers")


def _fits(count: int, k: int) -> bool:
    return not 0 < count < k


def _size_order(rows: Iterable[Row], column: str, measure: str) -> list[str]:
    size: dict[str, int] = defaultdict(int)
    for row in rows:
        size[row[column]] += row[measure]
    return sorted(size, key=lambda name: (-size[name], name))


def _since(rows: Iterable[Row], label: Label, months: Iterable[date], measures: tuple[str, ...], k: int) -> date | None:
    """The first month from which on, to the last month, every group of this way of showing fits."""
    bad = {
        month
        for (month, _), group in _groups(rows, label).items()
        if not all(_fits(sum(row[name] for row in group), k) for name in measures)
    }
    last = max(bad, default=None)
    later = [month for month in months if last is None or month > last]
    return min(later, default=None)


def _groups(rows: Iterable[Row], label: Label) -> dict[tuple[date, tuple[str, str]], list[Row]]:
    groups: dict[tuple[date, tuple[str, str]], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["month"], label(row["month"], row["region"], row.get("channel", ""))].append(row)
    return groups


# --- Members: sign-ups and churn --------------------------------------------------------------------------------------


def _members(exact: Exact) -> list[Row]:
    to_date = {
        (row["month"], row["region"], row["channel"]): row["sign_ups_to_date"]
        for row in exact["mart_users/sign_ups"].to_pylist()
    }
    rows = exact["mart_users/churn"].to_pylist()
    return [{**row, "sign_ups_to_date": to_date[row["month"], row["region"], row["channel"]]} for row in rows]


@dataclass(frozen=True)
class Way:
    """One way of telling members: regions from a month on, and within each of their labels channels from another."""

    shown: frozenset[str]
    start: date
    channels: Mapping[str, tuple[Sequence[str], date]]

    def label(self, month: date, region: str, channel: str) -> tuple[str, str]:
        """Region and channel under which a cell is counted."""
        if month < self.start:
            return OTHER
        label = region if region in self.shown else "Other"
        names, since = self.channels[label]
        return label, channel if month >= since and channel in names else "Other"


@dataclass(frozen=True)
class Told:
    """The closed months of members; some of their counts are shown."""

    rows: Sequence[Row]
    measures: tuple[str, ...]
    k: int

    @property
    def months(self) -> list[date]:
        """The closed months."""
        return sorted({row["month"] for row in self.rows})

    def best(self) -> Way:
        """The way that tells the most cells."""
        names = _size_order(self.rows, "region", self.measures[0])
        ways = [self.way(frozenset(), min(self.months), {})]
        for count in range(1, len(names) + 1):
            shown = frozenset(names[:count])
            start = _since(self.rows, _by_region(shown), self.months, self.measures, self.k)
            if start and _is_long(start, self.months):
                ways.append(self.way(shown, start, {}))
        return max(ways, key=lambda way: (len(_groups(self.rows, way.label)), len(way.shown)))

    def within(self, finer: Way) -> Way:
        """The way that is nowhere finer than another."""
        if not finer.shown:
            return self.way(finer.shown, finer.start, finer.channels)
        start = _since(self.rows, _by_region(finer.shown), self.months, self.measures, self.k)
        if start is None or not _is_long(max(start, finer.start), self.months):
            return Way(frozenset(), min(self.months), {"Other": ((), date.max)})
        return self.way(finer.shown, max(start, finer.start), finer.channels)

    def way(self, shown: frozenset[str], start: date, limits: Mapping[str, tuple[Sequence[str], date]]) -> Way:
        """These regions, each label with as many channels as can be told, at most those of `limits`."""
        of = {row["region"]: row["region"] if row["region"] in shown else "Other" for row in self.rows}
        later = [row for row in self.rows if row["month"] >= start]
        channels = {
            label: _channels(
                replace(self, rows=[row for row in later if of[row["region"]] == label]), limits.get(label)
            )
            for label in set(of.values())
        }
        return Way(shown, start, channels)


def _channels(told: Told, limit: tuple[Sequence[str], date] | None) -> tuple[Sequence[str], date]:
    adults = [row for row in told.rows if row["channel"] != "Other"]
    names, earliest = limit or (_size_order(adults, "channel", told.measures[0]), date.min)
    found: list[tuple[int, int, Sequence[str], date]] = []
    for count in range(1, len(names) + 1):
        shown = frozenset(names[:count])
        start = _since(told.rows, _by_channel(shown), told.months, told.measures, told.k)
        after = max((month for month in told.months if not _is_covered(told, shown, month)), default=date.min)
        starts = [month for month in told.months if start and month >= max(start, earliest) and month > after]
        if starts and _is_long(starts[0], told.months):
            parts = count + (1 if {row["channel"] for row in told.rows} - shown else 0)
            cells = (len(told.months) - len(starts)) + len(starts) * parts
            found.append((cells, count, names[:count], starts[0]))
    _, _, best, first = max(found, key=lambda way: way[:2], default=(0, 0, (), date.max))
    return best, first


def _is_covered(told: Told, shown: frozenset[str], month: date) -> bool:
    """Whether persons with a withheld channel (minors) are among k others wherever they are counted."""
    rest = [row for row in told.rows if row["month"] == month and row["channel"] not in shown]
    for name in told.measures:
        own = sum(row[name] for row in rest if row["channel"] == "Other")
        others = sum(row[name] for row in rest if row["channel"] != "Other")
        if own and others < told.k:
            return False
    return True


def _is_long(start: date, months: Sequence[date]) -> bool:
    return sum(month >= start for month in months) >= max(1, min(12, len(months)))


def _by_region(shown: frozenset[str]) -> Label:
    return lambda _month, region, _channel: (region if region in shown else "Other", "")


def _by_channel(shown: frozenset[str]) -> Label:
    return lambda _month, _region, channel: ("", channel if channel in shown else "Other")


def _label(rows: Sequence[Row], k: int, open_from: date, *, of_churn: bool) -> Label:
    """The label under which sign-ups are shown, or churn: as for sign-ups, or coarser."""
    closed = [row for row in rows if row["month"] < open_from]
    if not closed:
        return lambda _month, _region, _channel: OTHER
    if k <= 1:
        return lambda month, region, channel: (region, channel) if month < open_from else OTHER
    way = Told(closed, CAME, k).best()
    if of_churn:
        way = Told(closed, MEMBERS, k).within(way)
    return lambda month, region, channel: way.label(month, region, channel) if month < open_from else OTHER


def churn(exact: Exact, k: int, open_from: date) -> list[Row]:
    """The rows of churn."""
    rows = _members(exact)
    result = []
    for (month, (region, channel)), group in sorted(_groups(rows, _label(rows, k, open_from, of_churn=True)).items()):
        sums = {name: sum(row[name] for row in group) for name in MEMBERS[:5]}
        start = sums["users_at_start"]
        rate = sums["churned_users"] / start if start else None
        key = {"month": month, "region": region, "channel": channel}
        result.append({**key, **sums, "churn_rate": rate, "is_complete": group[0]["is_complete"]})
    return result


def sign_ups(exact: Exact, k: int, open_from: date) -> list[Row]:
    """The rows of sign_ups."""
    rows = _members(exact)
    groups = _groups(rows, _label(rows, k, open_from, of_churn=False))
    cells = {key: {(row["region"], row["channel"]) for row in group} for key, group in groups.items()}
    months = sorted({month for month, _ in groups})
    came = {(row["month"], row["region"], row["channel"]): row["sign_ups"] for row in rows}
    complete = {row["month"]: row["is_complete"] for row in rows}
    result = []
    for (month, label), group in sorted(groups.items()):
        now = sum(row["sign_ups"] for row in group)
        earlier = months[months.index(month) - 1] if month != months[0] else None
        before = _told_before(cells[month, label], [own for (m, _), own in cells.items() if m == earlier])
        own = cells[month, label]
        previous = sum(came[earlier, region, channel] for region, channel in own) if earlier and before else None
        is_growth = earlier and complete[month] and complete[earlier] and previous
        result.append(
            {
                "month": month,
                "region": label[0],
                "channel": label[1],
                "sign_ups": now,
                "sign_ups_previous": previous,
                "growth": (now - previous) / previous if is_growth and previous else None,
                "sign_ups_to_date": sum(row["sign_ups_to_date"] for row in group),
                "is_complete": complete[month],
            }
        )
    return result


def _told_before(cells: set[tuple[str, str]], groups: list[set[tuple[str, str]]]) -> bool:
    touched = [group for group in groups if group & cells]
    return all(group <= cells for group in touched) and set().union(*touched) == cells


# --- Activity ---------------------------------------------------------------------------------------------------------


def activity(exact: Exact, k: int, open_from: date) -> list[Row]:
    """The rows of activity."""
    rows = exact["mart_users/activity"].to_pylist()
    closed = [row for row in rows if row["month"] < open_from]
    months = sorted({row["month"] for row in closed})
    names = _size_order(closed, "region", ACTIVE[0])
    ways = [(1 if k > 1 else 0, 0, frozenset[str](), date.max)]
    for count in range(1, len(names) + 1):
        shown = frozenset(names[:count])
        start = min(months, default=None) if k <= 1 else _since(closed, _by_region(shown), months, ACTIVE, k)
        if start and _is_long(start, months):
            told = sum(month >= start for month in months)
            parts = count + (count < len(names))
            ways.append((len(months) - told + told * parts, count, shown, start))
    _, _, shown, start = max(ways, key=lambda way: way[:2])

    def label(month: date, region: str, _channel: str) -> tuple[str, str]:
        return (region if region in shown and start <= month < open_from else "Other"), ""

    return [
        {
            "month": month,
            "region": region,
            **{name: sum(row[name] for row in group) for name in ACTIVE},
            "is_complete": group[0]["is_complete"],
        }
        for (month, (region, _)), group in sorted(_groups(rows, label).items())
    ]


# --- Cohorts ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cohorts:
    """Everybody by month of sign-up; a cohort may be several months."""

    exact: Mapping[tuple[date, str, int], Row]
    size: Mapping[tuple[date, str], int]
    complete: Mapping[date, bool]
    closed: Sequence[date]
    k: int

    @property
    def months(self) -> list[date]:
        """All months, those that are not closed too."""
        return sorted(self.complete)

    @property
    def regions(self) -> set[str]:
        """All regions."""
        return {region for _, region in self.size}

    def users(self, cohort: Sequence[date], regions: Iterable[str]) -> int:
        """How many signed up."""
        return sum(self.size.get(cell, 0) for cell in product(cohort, regions))

    def curve(self, cohort: Sequence[date], regions: Iterable[str], column: str) -> list[int]:
        """A count month by month since the sign-up, as far as the youngest of the cohort can be followed."""
        reach = len(self.closed) - self.months.index(max(cohort))
        cells = list(product(cohort, regions))
        found = self.exact
        return [sum(found[c, r, j][column] for c, r in cells if (c, r, j) in found) for j in range(reach)]

    def fits(self, cohort: Sequence[date], regions: Iterable[str]) -> bool:
        """Whether size and curve may be told."""
        counts = [self.users(cohort, regions), *self.curve(cohort, regions, "retained_users")]
        return all(_fits(count, self.k) for count in counts)

    def rows(self, cohort: Sequence[date], region: str, regions: Iterable[str]) -> Iterator[Row]:
        """What is told of a cohort in a region."""
        users = self.users(cohort, regions)
        retained, active = (self.curve(cohort, regions, name) for name in ("retained_users", "active_users"))
        ends = next((j for j, count in enumerate(retained) if not _fits(count, self.k)), len(retained))
        is_told = all(_fits(count, self.k) for count in active[:ends])
        for since in range(ends if users else 0):
            yield self.row(
                cohort[0], region, since, users, retained[since], active[since] if is_told or not since else None
            )

    def row(self, month: date, region: str, since: int, *counts: int | None) -> Row:  # users, retained, active
        """One row."""
        users, retained, active = counts
        assert users
        return {
            "cohort_month": month,
            "region": region,
            "months_since": since,
            "cohort_users": users,
            "active_users": active,
            "retained_users": retained,
            "active_rate": None if active is None else active / users,
            "retention_rate": (retained or 0) / users,
            "is_complete": self.complete[self.months[self.months.index(month) + since]],
        }


def retention(exact: Exact, k: int, open_from: date) -> list[Row]:
    """The rows of retention."""
    members = _members(exact)
    label = _label(members, k, open_from, of_churn=False)
    size: dict[tuple[date, str], int] = defaultdict(int)
    for row in members:
        size[row["month"], row["region"]] += row["sign_ups"]
    found = {
        (row["cohort_month"], row["region"], row["months_since"]): row
        for row in exact["mart_users/retention"].to_pylist()
    }
    calendar = {row["month"]: row["is_complete"] for row in members}
    cohorts = Cohorts(found, size, calendar, [month for month in sorted(calendar) if month < open_from], k)
    result: list[Row] = []
    for cohort in _cohorts(cohorts):
        parts: dict[str, set[str]] = defaultdict(set)
        for row in members:
            if row["month"] == cohort[0]:
                parts[label(row["month"], row["region"], row["channel"])[0]].add(row["region"])
        apart = len(cohort) == 1 and all(cohorts.fits(cohort, own) for own in parts.values())
        for region, own in sorted(parts.items()) if apart else [("Other", cohorts.regions)]:
            result += cohorts.rows(cohort, region, own)
    for month in cohorts.months[len(cohorts.closed) :]:
        if users := cohorts.users([month], cohorts.regions):
            result.append(cohorts.row(month, "Other", 0, users, users, users))
    return result


def _cohorts(cohorts: Cohorts) -> list[list[date]]:
    """Months; where one of a quarter does not fit, the quarter; where a part of a year does not, the year."""

    def fits(cohort: list[date]) -> bool:
        return cohorts.users(cohort, cohorts.regions) >= cohorts.k and cohorts.fits(cohort, cohorts.regions)

    parts = [[month] for month in cohorts.closed if cohorts.users([month], cohorts.regions)]
    for span in (lambda month: (month.year, (month.month - 1) // 3), lambda month: (month.year, 0)):
        longer: dict[tuple[int, int], list[list[date]]] = defaultdict(list)
        for part in parts:
            longer[span(part[0])].append(part)
        if not all(fits(part) for part in parts):
            parts = []
            for own in longer.values():
                parts += own if all(fits(part) for part in own) else [[month for part in own for month in part]]
    return _joined(parts, lambda cohort: cohorts.users(cohort, cohorts.regions) >= cohorts.k)


def _joined(parts: Iterable[list[date]], is_large: Callable[[list[date]], bool]) -> list[list[date]]:
    done: list[list[date]] = []
    small: list[date] = []
    for part in parts:
        small += part
        if is_large(small):
            done.append(small)
            small = []
    if small and done:
        done[-1] += small
    return done


# --- Buyers -----------------------------------------------------------------------------------------------------------


def buyers(exact: Exact, k: int, _open_from: date) -> list[Row]:
    """The rows of buyers: round by round, whatever stands alone below a shown total takes the smallest with it."""
    rows = {
        (row["period"], row["period_start"], row["region"], row["category"]): row
        for row in exact["mart_sales/buyers"].to_pylist()
    }
    hidden = {key for key, row in rows.items() if row["buyers"] < k and key[2:] != ("All", "All")}
    lines = list(families(list(rows)))
    while True:
        taken = set()
        for total, parts in lines:
            low = [key for key in parts if key in hidden]
            if not low or total in hidden:
                continue
            if len(low) > 1 and sum(rows[key]["buyers"] for key in low) >= k:
                continue
            shown = [key for key in parts if key not in hidden and key[2:] != ("All", "All")]
            taken |= set(sorted(shown, key=lambda key: (rows[key]["buyers"], key))[:1])
        if not taken:
            return [row for key, row in rows.items() if key not in hidden]
        hidden |= taken


def families(keys: list[tuple[str, date, str, str]]) -> Iterator[tuple[tuple[str, date, str, str], list[Any]]]:
    """Each total with the cells whose buyers it counts: regions, categories, or periods of one length."""
    for period, start, region, category in keys:
        if region == "All":
            yield (
                (period, start, region, category),
                [key for key in keys if key[:2] == (period, start) and key[2] != "All" and key[3] == category],
            )
        if category == "All":
            yield (
                (period, start, region, category),
                [key for key in keys if key[:3] == (period, start, region) and key[3] != "All"],
            )
        for longer, shorter in (("quarter", "month"), ("year", "quarter"), ("year", "month")):
            if period == longer:
                yield (
                    (period, start, region, category),
                    [
                        key
                        for key in keys
                        if key[0] == shorter and key[2:] == (region, category) and _within(longer, start, key[1])
                    ],
                )


def _within(period: str, start: date, day: date) -> bool:
    months = 3 if period == "quarter" else 12
    return 0 <= (day.year - start.year) * 12 + day.month - start.month < months


TOLD: dict[str, Callable[[Exact, int, date], list[Row]]] = {
    "mart_users/sign_ups": sign_ups,
    "mart_users/churn": churn,
    "mart_users/activity": activity,
    "mart_users/retention": retention,
    "mart_sales/buyers": buyers,
}
