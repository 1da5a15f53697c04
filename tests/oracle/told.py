"""Which of the exact counts are told: `docs/definitions.md`, "Small cells", by trying every way of telling them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
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


def _since(rows: list[Row], label: Label, months: list[date], measures: tuple[str, ...], k: int) -> date | None:
    """From when on to the last of the months every group of this way of telling fits."""
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


def _label_of_sign_ups(rows: list[Row], k: int, open_from: date) -> Label:
    """Regions and channels by their sign-ups alone."""
    return _closed_only(_way_of_sign_ups(rows, k, open_from)[0], open_from)


def _label_of_churn(rows: list[Row], k: int, open_from: date) -> Label:
    """As the sign-ups, or joined where another count is small."""
    told, shown, since, channels = _way_of_sign_ups(rows, k, open_from)
    closed = [row for row in rows if row["month"] < open_from]
    months = sorted({row["month"] for row in closed})
    if k <= 1 or not months:
        return _closed_only(told, open_from)
    start = since
    if shown:
        own = _since(closed, _by_region(shown), months, MEMBERS, k)
        if own is None or not _is_long(max(own, since), months):
            return lambda _month, _region, _channel: OTHER
        start = max(own, since)
    return _closed_only(_way(closed, shown, start, months, k, MEMBERS, channels)[0], open_from)


def _closed_only(told: Label, open_from: date) -> Label:
    return lambda month, region, channel: told(month, region, channel) if month < open_from else OTHER


def _is_long(start: date, months: list[date]) -> bool:
    return sum(month >= start for month in months) >= max(1, min(12, len(months)))


def _way_of_sign_ups(rows: list[Row], k: int, open_from: date) -> Any:
    closed = [row for row in rows if row["month"] < open_from]
    months = sorted({row["month"] for row in closed})
    names = _size_order(closed, "region", "sign_ups")
    if k <= 1:
        return (lambda _month, region, channel: (region, channel)), frozenset(names), None, {}
    ways = []
    for count in range(len(names) + 1):
        shown = frozenset(names[:count])
        start = _since(closed, _by_region(shown), months, CAME, k) if count else min(months, default=open_from)
        if start is not None and (not count or _is_long(start, months)):
            told, channels = _way(closed, shown, start, months, k, CAME, None)
            ways.append((told, shown, start, channels))
    return max(ways, key=lambda way: (len(_groups(closed, way[0])), len(way[1])))


def _by_region(shown: frozenset[str]) -> Label:
    return lambda _month, region, _channel: (region if region in shown else "Other", "")


def _way(
    rows: list[Row],
    shown: frozenset[str],
    start: date,
    months: list[date],
    k: int,
    measures: tuple[str, ...],
    within: Any,
) -> tuple[Label, Any]:
    """Regions from `start` on; within each of their labels the channels, as many as possible."""
    later = [month for month in months if month >= start]
    channels: dict[str, tuple[list[str], date | None]] = {}
    for label in {region if region in shown else "Other" for region in {row["region"] for row in rows}}:
        inside = [
            row
            for row in rows
            if row["month"] >= start and (row["region"] if row["region"] in shown else "Other") == label
        ]
        channels[label] = _channels(inside, later, k, measures, within and within[label])

    def told(month: date, region: str, channel: str) -> tuple[str, str]:
        if month < start:
            return OTHER
        label = region if region in shown else "Other"
        names, since = channels[label]
        return label, channel if since is not None and month >= since and channel in names else "Other"

    return told, channels


def _channels(
    rows: list[Row], months: list[date], k: int, measures: tuple[str, ...], within: Any
) -> tuple[list[str], date | None]:
    names = _size_order([row for row in rows if row["channel"] != "Other"], "channel", "sign_ups")
    earliest = date.min
    if within:
        names, earliest = within[0], within[1] or date.max
    found: list[tuple[int, int, list[str], date]] = []
    for count in range(1, len(names) + 1):
        shown = frozenset(names[:count])
        start = _since(rows, _by_channel(shown), months, measures, k)
        uncovered = [month for month in months if not _is_covered(rows, shown, month, k, measures)]
        after = max(uncovered, default=date.min)
        starts = [month for month in months if start and month >= max(start, earliest) and month > after]
        if starts and _is_long(starts[0], months):
            parts = count + (1 if {row["channel"] for row in rows} - shown else 0)
            cells = (len(months) - len(starts)) + len(starts) * parts
            found.append((cells, count, names[:count], starts[0]))
    if not found:
        return [], None
    _, _, told, first = max(found, key=lambda way: way[:2])
    return told, first


def _by_channel(shown: frozenset[str]) -> Label:
    return lambda _month, _region, channel: ("", channel if channel in shown else "Other")


def _is_covered(rows: list[Row], shown: frozenset[str], month: date, k: int, measures: tuple[str, ...]) -> bool:
    """Whether those whose channel is withheld (minors) are among k others wherever they are counted."""
    rest = [row for row in rows if row["month"] == month and row["channel"] not in shown]
    for name in measures:
        own = sum(row[name] for row in rest if row["channel"] == "Other")
        others = sum(row[name] for row in rest if row["channel"] != "Other")
        if own and others < k:
            return False
    return True


def churn(exact: Exact, k: int, open_from: date) -> list[Row]:
    """The rows of churn."""
    rows = _members(exact)
    result = []
    for (month, (region, channel)), group in sorted(_groups(rows, _label_of_churn(rows, k, open_from)).items()):
        sums = {name: sum(row[name] for row in group) for name in MEMBERS[:5]}
        start = sums["users_at_start"]
        rate = sums["churned_users"] / start if start else None
        key = {"month": month, "region": region, "channel": channel}
        result.append({**key, **sums, "churn_rate": rate, "is_complete": group[0]["is_complete"]})
    return result


def sign_ups(exact: Exact, k: int, open_from: date) -> list[Row]:
    """The rows of sign_ups."""
    rows = _members(exact)
    groups = _groups(rows, _label_of_sign_ups(rows, k, open_from))
    cells = {key: {(row["region"], row["channel"]) for row in group} for key, group in groups.items()}
    months = sorted({month for month, _ in groups})
    came = {(row["month"], row["region"], row["channel"]): row["sign_ups"] for row in rows}
    complete = {row["month"]: row["is_complete"] for row in rows}
    result = []
    for (month, label), group in sorted(groups.items()):
        now = sum(row["sign_ups"] for row in group)
        earlier = months[months.index(month) - 1] if month != months[0] else None
        before = _told_before(cells[month, label], [own for (m, _), own in cells.items() if m == earlier])
        previous = sum(came[earlier, *cell] for cell in cells[month, label]) if earlier and before else None
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


def retention(exact: Exact, k: int, open_from: date) -> list[Row]:
    """The rows of retention."""
    members = _members(exact)
    label = _label_of_sign_ups(members, k, open_from)
    calendar = {row["month"]: row["is_complete"] for row in members}
    months = sorted(calendar)
    closed = [month for month in months if month < open_from]
    found = {
        (row["cohort_month"], row["region"], row["months_since"]): row
        for row in exact["mart_users/retention"].to_pylist()
    }
    size: dict[date, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in members:
        size[row["month"]][row["region"]] += row["sign_ups"]

    def curve(cohorts: list[date], regions: Iterable[str], column: str) -> list[int]:
        reach = len(closed) - months.index(max(cohorts))
        return [
            sum(found.get((c, r, j), {column: 0})[column] for c, r in product(cohorts, regions)) for j in range(reach)
        ]

    def users(cohorts: list[date], regions: Iterable[str]) -> int:
        return sum(size[c][r] for c, r in product(cohorts, regions))

    everywhere = sorted({row["region"] for row in members})

    def fits(cohorts: list[date]) -> bool:
        told = curve(cohorts, everywhere, "retained_users")
        return users(cohorts, everywhere) >= k and all(_fits(count, k) for count in told)

    result = []
    for cohorts in _cohorts(
        [month for month in closed if users([month], everywhere)], fits, k, lambda c: users(c, everywhere)
    ):
        parts: dict[str, set[str]] = defaultdict(set)
        for row in members:
            if row["month"] == cohorts[0]:
                parts[label(row["month"], row["region"], row["channel"])[0]].add(row["region"])
        apart = len(cohorts) == 1 and all(
            _fits(users(cohorts, own), k) and all(_fits(n, k) for n in curve(cohorts, own, "retained_users"))
            for own in parts.values()
        )
        for region, own in sorted(parts.items()) if apart else [("Other", set(everywhere))]:
            if users(cohorts, own):
                result += _curve(
                    cohorts[0],
                    region,
                    users(cohorts, own),
                    curve(cohorts, own, "retained_users"),
                    curve(cohorts, own, "active_users"),
                    k,
                    months,
                    calendar,
                )
    for month in months[len(closed) :]:
        if users([month], everywhere):
            count = users([month], everywhere)
            result += _curve(month, "Other", count, [count], [count], 1, months, calendar)
    return result


def _curve(
    cohort: date,
    region: str,
    users: int,
    retained: list[int],
    active: list[int],
    k: int,
    months: list[date],
    calendar: dict[date, bool],
) -> Iterator[Row]:
    ends = next((j for j, count in enumerate(retained) if not _fits(count, k)), len(retained))
    is_told = all(_fits(count, k) for count in active[:ends])
    for since in range(ends):
        shown = active[since] if is_told or since == 0 else None
        yield {
            "cohort_month": cohort,
            "region": region,
            "months_since": since,
            "cohort_users": users,
            "active_users": shown,
            "retained_users": retained[since],
            "active_rate": None if shown is None else shown / users,
            "retention_rate": retained[since] / users,
            "is_complete": calendar[months[months.index(cohort) + since]],
        }


def _cohorts(
    months: list[date], fits: Callable[[list[date]], bool], k: int, users: Callable[[list[date]], int]
) -> list[list[date]]:
    """Months; where one of a quarter does not fit, the quarter; where a part of a year does not, the year."""
    parts = [[month] for month in months]
    for span in (lambda m: (m.year, (m.month - 1) // 3), lambda m: m.year):
        if all(fits(part) for part in parts):
            return parts
        longer: dict[Any, list[list[date]]] = defaultdict(list)
        for part in parts:
            longer[span(part[0])].append(part)
        parts = []
        for own in longer.values():
            parts += own if all(fits(part) for part in own) else [sum(own, [])]
    done: list[list[date]] = []
    small: list[date] = []
    for part in parts:
        small = small + part
        if users(small) >= k:
            done.append(small)
            small = []
    if small and done:
        done[-1] = done[-1] + small
    return done


# --- Buyers -----------------------------------------------------------------------------------------------------------


def buyers(exact: Exact, k: int, _open_from: date) -> list[Row]:
    """The rows of buyers: round by round, whatever stands alone below a shown total takes the smallest with it."""
    rows = {
        (row["period"], row["period_start"], row["region"], row["category"]): row
        for row in exact["mart_sales/buyers"].to_pylist()
    }
    hidden = {key for key, row in rows.items() if row["buyers"] < k and key[2:] != ("All", "All")}
    families = list(_families(list(rows)))
    while True:
        taken = set()
        for total, parts in families:
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


def _families(keys: list[tuple[str, date, str, str]]) -> Iterator[tuple[tuple[str, date, str, str], list[Any]]]:
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
