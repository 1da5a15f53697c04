"""Nobody is singled out: no published count of persons is below k, and none below k follows from the others."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.cohorts import Exact
from lakehouse.cohorts import shown as shown_cohorts
from lakehouse.membership import BALANCES, Members, told
from lakehouse.small_cells import Line, Split, split, withheld
from splitter.sample.export import write_sample
from splitter.sample.plan import Plan
from tests.oracle import Batch, compute
from tests.oracle import told as oracle
from tests.oracle.case import batch, user
from tests.oracle.judge import Judge

K = 5
PERSONS = {
    "mart_users/demographics": ("users",),
    "mart_users/sign_ups": ("sign_ups", "sign_ups_previous", "sign_ups_to_date"),
    "mart_users/churn": ("users_at_start", "sign_ups", "churned_users", "users_at_end", "declared_churned"),
    "mart_users/activity": ("active_users", "buyers", "new_buyers", "repeat_buyers"),
    "mart_users/retention": ("cohort_users", "active_users", "retained_users"),
    "mart_sales/buyers": ("buyers",),
}
EXPORT = Path(__file__).parents[3] / "shared" / "data" / "ecommerce.csv"
LOADED = dt.date(2024, 1, 1)
Tables = Mapping[str, pa.Table]
Row = Mapping[str, Any]


@pytest.fixture(scope="module", params=["reference", "sample"])
def batches(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Batch]:
    """The reference export, and an invented shop of some hundred users."""
    if request.param == "reference":
        return [Batch(EXPORT, None)] if EXPORT.exists() else pytest.skip("the reference export is not there")
    file = tmp_path_factory.mktemp("sample") / "shop.csv"
    write_sample(Plan(rows=3000), file)
    return [Batch(file, dt.date(2023, 8, 25))]


@pytest.fixture(scope="module")
def exact(batches: list[Batch]) -> Tables:
    """Every count, even if it singles out a person."""
    return compute(batches, k=1, open_months=0, loaded_on=LOADED).tables


@pytest.fixture(scope="module")
def published(batches: list[Batch]) -> Tables:
    """The published tables."""
    return compute(batches, loaded_on=LOADED).tables


@pytest.fixture(scope="module")
def closed(batches: list[Batch]) -> Tables:
    """Every count of closed months, and the totals up to today."""
    return compute(batches, k=1, loaded_on=LOADED).tables


# --- What is published -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PERSONS)
def test_a_count_of_persons_is_none_or_at_least_k(published: Tables, name: str) -> None:
    few = [(row, column) for row in published[name].to_pylist() for column in PERSONS[name] if _few(row[column])]
    assert [found for found in few if not _is_total(name, found[0])] == []
    assert published[name].num_rows > 0


def test_what_is_protected_was_not_before(exact: Tables) -> None:
    for name, columns in PERSONS.items():
        assert any(_few(row[column]) for row in exact[name].to_pylist() for column in columns)


def _few(count: int | None) -> bool:
    return count is not None and 0 < count < K


def _is_total(name: str, row: Row) -> bool:
    """Whether a row counts all persons of a month, or the whole lake in a period."""
    if name == "mart_sales/buyers":
        return bool(row["region"] == row["category"] == "All")
    if name == "mart_users/retention":
        return bool(row["region"] == "Other" and row["months_since"] == 0)
    return (
        bool(row["region"] == "Other" and row.get("channel", "Other") == "Other") and name != "mart_users/demographics"
    )


@pytest.mark.parametrize(
    ("name", "month", "column"),
    [
        *(("mart_users/sign_ups", "month", column) for column in ("sign_ups", "sign_ups_to_date")),
        *(("mart_users/churn", "month", column) for column in PERSONS["mart_users/churn"]),
        *(("mart_users/activity", "month", column) for column in PERSONS["mart_users/activity"]),
    ],
)
def test_the_total_of_each_month_is_exact(exact: Tables, published: Tables, name: str, month: str, column: str) -> None:
    assert _summed(published[name], month, column) == _summed(exact[name], month, column)


def test_nobody_is_lost(exact: Tables, published: Tables) -> None:
    for name, column in (("mart_users/demographics", "users"), ("mart_users/sign_ups", "sign_ups")):
        assert sum(published[name].column(column).to_pylist()) == sum(exact[name].column(column).to_pylist())


def _summed(table: pa.Table, by: str, column: str) -> dict[dt.date, int]:
    sums: Counter[dt.date] = Counter()
    for row in table.to_pylist():
        sums[row[by]] += row[column]
    return dict(sums)


# --- What follows from it --------------------------------------------------------------------------------------------


def test_no_hidden_count_of_members_follows_from_what_is_published(exact: Tables, published: Tables) -> None:
    assert _told_members(exact, published) == []


@pytest.mark.parametrize("name", ["sign_ups", "churn"])
def test_the_judge_finds_the_leak_where_one_table_is_not_protected(exact: Tables, published: Tables, name: str) -> None:
    path = f"mart_users/{name}"
    assert _told_members(exact, {**published, path: exact[path]}) != []


def test_the_judge_tells_a_count_by_its_total() -> None:
    judge = Judge()
    judge.knows(["asia", "europe", "africa"], 14)
    judge.knows(["europe"], 7)
    assert judge.told(["asia", "africa"]) == []
    judge.knows(["africa"], 6)
    assert judge.told(["asia", "africa"]) == ["asia", "africa"]


def _told_members(exact: Tables, published: Tables) -> list[object]:
    """The hidden sign-ups and churned users by month, region and channel that follow from all tables together."""
    judge = Judge()
    cells = defaultdict(list)
    hidden = []
    for row in exact["mart_users/churn"].to_pylist():
        cells[row["month"]].append((row["region"], row["channel"]))
        key = (row["month"], row["region"], row["channel"])
        hidden += [(column, *key) for column in ("sign_ups", "churned_users") if _few(row[column])]
    for name, columns in (("sign_ups", ("sign_ups",)), ("churn", ("sign_ups", "churned_users"))):
        by_month = defaultdict(list)
        for row in published[f"mart_users/{name}"].to_pylist():
            by_month[row["month"]].append(row)
        for month, rows in by_month.items():
            for row in rows:
                own = [cell for cell in cells[month] if _covers(row, cell, rows)]
                for column in columns:
                    judge.knows(((column, month, *cell) for cell in own), row[column])
    return judge.told(hidden)


def _covers(row: Row, cell: tuple[str, str], rows: Sequence[Row]) -> bool:
    """Whether a published row counts an exact cell: by its names, or, as Other, if no other name counts it."""
    region, channel = cell
    regions = {other["region"] for other in rows}
    if row["region"] != (region if region in regions else "Other"):
        return False
    channels = {other["channel"] for other in rows if other["region"] == row["region"]}
    return bool(row["channel"] == (channel if channel in channels else "Other"))


def test_no_hidden_number_of_buyers_follows_from_what_is_published(closed: Tables, published: Tables) -> None:
    assert _told_buyers(closed, published["mart_sales/buyers"]) == []


def test_the_judge_finds_a_number_of_buyers_that_is_only_left_out(closed: Tables) -> None:
    table = closed["mart_sales/buyers"]
    kept = [row for row in table.to_pylist() if not _few(row["buyers"]) or row["region"] == row["category"] == "All"]
    assert _told_buyers(closed, pa.Table.from_pylist(kept, schema=table.schema)) != []


def _told_buyers(exact: Tables, table: pa.Table) -> list[object]:
    """The hidden numbers of buyers that follow. The attacker is told, too, where nobody counts in two parts of a total.

    Where all buyers of a period are in one cell, the plain total of the period is that cell.
    """
    counts = {_cell(row): row["buyers"] for row in exact["mart_sales/buyers"].to_pylist()}
    shown = {_cell(row): row["buyers"] for row in table.to_pylist()}
    whole = {cell[:2]: count for cell, count in counts.items() if cell[2:] == ("All", "All")}
    hidden = [cell for cell, count in counts.items() if cell not in shown and _few(count) and count != whole[cell[:2]]]
    lines = list(oracle.families(list(counts)))
    of_a_period = [(total, parts) for total, parts in lines if parts and parts[0][:2] == total[:2]]
    over_time = [(total, parts) for total, parts in lines if parts and parts[0][:2] != total[:2]]
    return [cell for known in (of_a_period, over_time) for cell in _judge_of_buyers(known, counts, shown).told(hidden)]


def _judge_of_buyers(
    lines: Iterable[tuple[Any, list[Any]]], counts: Mapping[Any, int], shown: Mapping[Any, int]
) -> Judge:
    judge = Judge()
    for cell, count in shown.items():
        judge.knows([cell], count)
    for total, parts in lines:
        if counts[total] > sum(counts[part] for part in parts):
            continue  # the total of an open period counts more than its closed months
        judge.knows_at_most({total: 1.0, **dict.fromkeys(parts, -1.0)}, 0)
        if sum(counts[part] for part in parts) == counts[total]:
            judge.knows_at_most({total: -1.0, **dict.fromkeys(parts, 1.0)}, 0)
    return judge


def _cell(row: Row) -> tuple[Any, ...]:
    return row["period"], row["period_start"], row["region"], row["category"]


# --- From one publication to the next --------------------------------------------------------------------------------


def test_a_new_user_of_today_is_no_difference_but_of_the_open_month(tmp_path: Path) -> None:
    days = [dt.date(2023, month, day) for month in range(1, 8) for day in range(1, 29)]
    genders = ("F", "F", "M")
    users = [
        user(number, sign_up=str(day), last_purchase="", login="", gender=genders[number % 3])
        for number, day in enumerate(days)
    ]
    today = user(10_000, sign_up="2023-08-09", last_purchase="", login="", country="Japan", day="2023-08-09")
    before = _day(tmp_path / "before.csv", *users)
    after = _day(tmp_path / "after.csv", *users, today)
    for name, key in (("sign_ups", "month"), ("churn", "month"), ("activity", "month"), ("retention", "cohort_month")):
        old, new = (_closed(tables[f"mart_users/{name}"], key) for tables in (before, after))
        assert old == new
        assert len(old) > 0
    old, new = (before["mart_users/demographics"].to_pylist(), after["mart_users/demographics"].to_pylist())
    assert [row for row in new if row["region"] != "Other"] != []
    assert {row["region"] for row in new if row not in old} == {"Other"}


def _day(file: Path, *rows: list[str]) -> Tables:
    return compute([batch(file, *rows, extract_date=dt.date(2023, 8, 10))], loaded_on=LOADED).tables


def _closed(table: pa.Table, key: str) -> list[Row]:
    return [row for row in table.to_pylist() if row[key] < dt.date(2023, 8, 1)]


# --- The engine's own functions against trying everything -----------------------------------------------------------

MOVED = st.tuples(st.integers(0, 30), st.integers(0, 9), st.integers(0, 9))
NAMES = st.sampled_from(["Search", "Mail", "Other"])


@st.composite
def members(draw: st.DrawFn) -> Members:
    """Some regions and channels over some months, some of them large."""
    months = draw(st.integers(1, 16))
    cells = [(region, channel) for region in ("Asia", "Europe", "Africa") for channel in ("Search", "Mail", "Other")]
    scale = {cell: draw(st.sampled_from([0, 1, 3, 40])) for cell in cells}
    moved = {cell: [_scaled(draw(MOVED), scale[cell]) for _ in range(months)] for cell in cells}
    dates = [dt.date(2022 + number // 12, number % 12 + 1, 1) for number in range(months)]
    return Members(dates, [True] * months, draw(st.integers(0, months)), moved)


def _scaled(moved: tuple[int, int, int], factor: int) -> tuple[int, int, int]:
    came, left, declared = (count * factor for count in moved)
    return came, min(left, came), declared


@settings(max_examples=150, deadline=None)
@given(members(), st.sampled_from([1, 2, 5]))
def test_members_are_told_as_by_trying_every_way(given_members: Members, k: int) -> None:
    open_from = [*given_members.months, dt.date(2030, 1, 1)][given_members.closed]
    tables = _exact(given_members)
    churn = [_plain(group) for group in told(given_members, given_members.churn_groups(k))]
    sign_ups = [_plain(group) for group in told(given_members, given_members.sign_up_groups(k))]
    assert _same(churn, oracle.churn(tables, k, open_from), BALANCES[:5])
    assert _same(sign_ups, oracle.sign_ups(tables, k, open_from), ("sign_ups", "sign_ups_to_date", "sign_ups_previous"))
    for row in churn:
        everybody = row["region"] == row["channel"] == "Other"
        assert everybody or not any(0 < row[name] < k for name in BALANCES)


def _plain(group: Any) -> Row:
    own = {"month": group.month, "region": group.region, "channel": group.channel}
    return {**own, **group.balances, "sign_ups_previous": group.previous}


def _same(found: Sequence[Row], expected: Sequence[Row], columns: Sequence[str]) -> bool:
    return _by_key(found, columns) == _by_key(expected, columns)


def _by_key(rows: Sequence[Row], columns: Sequence[str]) -> dict[tuple[Any, ...], list[Any]]:
    return {(row["month"], row["region"], row["channel"]): [row[name] for name in columns] for row in rows}


def _exact(given_members: Members) -> dict[str, pa.Table]:
    rows = [
        {
            "month": month,
            "region": cell[0],
            "channel": cell[1],
            **dict(zip(BALANCES, given_members.balances[cell][number], strict=True)),
            "is_complete": True,
        }
        for cell in given_members.moved
        for number, month in enumerate(given_members.months)
    ]
    table = pa.Table.from_pylist(rows)
    return {"mart_users/churn": table, "mart_users/sign_ups": table}


@settings(max_examples=100, deadline=None)
@given(members(), st.sampled_from([1, 2, 5]), st.data())
def test_cohorts_are_told_as_by_trying_every_way(given_members: Members, k: int, data: st.DataObject) -> None:
    open_from = [*given_members.months, dt.date(2030, 1, 1)][given_members.closed]
    active, last = _followed(given_members, data)
    found = [
        {**row, "month": row["cohort_month"], "channel": row["months_since"]}
        for row in shown_cohorts(Exact(given_members, active, last), k)
    ]
    tables = {**_exact(given_members), "mart_users/retention": _curves(given_members, active, last)}
    expected = [
        {**row, "month": row["cohort_month"], "channel": row["months_since"]}
        for row in oracle.retention(tables, k, open_from)
    ]
    assert _same(found, expected, ("cohort_users", "active_users", "retained_users", "is_complete"))


Seen = dict[tuple[int, str, int], int]


def _followed(given_members: Members, data: st.DataObject) -> tuple[Seen, Seen]:
    """For each cohort and region some users who are active later, and their last day."""
    active: Seen = {}
    last: Seen = {}
    for month, region in _cohorts(given_members):
        left = sum(own[month][0] for (name, _), own in given_members.moved.items() if name == region)
        months = range(month, max(given_members.closed, month + 1))
        for then in months:
            gone = left if then == months[-1] else min(left, data.draw(st.integers(0, 40)))
            active[month, region, then], last[month, region, then] = gone, gone
            left -= gone
    return active, last


def _cohorts(given_members: Members) -> Iterator[tuple[int, str]]:
    for region in sorted({region for region, _ in given_members.moved}):
        for month in range(len(given_members.months)):
            yield month, region


def _curves(given_members: Members, active: Seen, last: Seen) -> pa.Table:
    rows = []
    for month, region in _cohorts(given_members):
        users = sum(own[month][0] for (name, _), own in given_members.moved.items() if name == region)
        months = range(month, max(given_members.closed, month + 1))
        for then in months:
            kept = sum(last[month, region, later] for later in months if later >= then)
            rows.append(
                {
                    "cohort_month": given_members.months[month],
                    "region": region,
                    "months_since": then - month,
                    "cohort_users": users,
                    "active_users": users if then == month else active[month, region, then],
                    "retained_users": kept,
                }
            )
    return pa.Table.from_pylist(rows)


# --- What is shown, by example ---------------------------------------------------------------------------------------


def _months(*counts: int) -> list[tuple[int, ...]]:
    return [(count,) for count in counts]


def test_small_names_are_counted_together() -> None:
    parts = {"Asia": _months(*[9] * 12), "Europe": _months(*[7] * 12), "Africa": _months(*[3] * 12)}
    assert split({**parts, "Oceania": _months(*[2] * 12)}, K) == Split(("Asia", "Europe"), 0)
    # Africa alone would be a rest of three: the smallest other name goes in.
    assert split(parts, K) == Split(("Asia",), 0)


def test_a_name_is_shown_from_the_month_on_after_which_it_holds() -> None:
    parts = {"Asia": _months(*[9] * 14), "Europe": _months(7, 3, *[7] * 12)}
    assert split(parts, K) == Split(("Asia", "Europe"), 2)
    assert split(parts, K).label("Europe", 1) == "Other"


def test_nothing_is_shown_for_less_than_a_year() -> None:
    assert split({"Asia": _months(*[9] * 14), "Europe": _months(7, 7, 7, 3, *[7] * 10)}, K).shown == ()
    assert split({"Asia": _months(9, 9), "Europe": _months(7, 7)}, K) == Split(
        ("Asia", "Europe"), 0
    )  # there is no more


def test_who_gave_up_the_name_is_never_alone() -> None:
    parts = {"Search": _months(*[9] * 12), "Mail": _months(*[7] * 12), "Other": _months(*[8] * 12)}
    assert split(parts, K, covering="Other") == Split(("Search",), 0)
    assert split(parts, K) == Split(("Search", "Other", "Mail"), 0)


# --- Counts that cannot be summed ------------------------------------------------------------------------------------

TOTAL, A, B, C = ("total",), ("a",), ("b",), ("c",)
LINE = [Line(TOTAL, (A, B, C))]


@pytest.mark.parametrize(
    ("counts", "hidden"),
    [
        ({A: 9, B: 8, C: 7, TOTAL: 20}, set()),
        ({A: 9, B: 8, C: 4, TOTAL: 20}, {B, C}),  # alone it would follow from the total
        ({A: 9, B: 4, C: 4, TOTAL: 15}, {B, C}),
        ({A: 9, B: 2, C: 2, TOTAL: 12}, {A, B, C}),  # two of them are still fewer than five
        ({A: 4, B: 8, C: 9, TOTAL: 4}, {A}),  # one alone below the total, which is shown to all
    ],
)
def test_what_stands_alone_takes_the_smallest_other_with_it(
    counts: dict[tuple[str, ...], int], hidden: set[tuple[str, ...]]
) -> None:
    plain = frozenset({TOTAL}) if counts[TOTAL] >= K else frozenset()
    assert withheld(counts, LINE, K, plain) == hidden | ({TOTAL} if counts[TOTAL] < K else set())
