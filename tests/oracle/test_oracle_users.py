"""The second computation of mart_users on tiny cases."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from tests.oracle import Batch, compute
from tests.oracle.case import Records, batch, row, rows, user

LOADED = date(2024, 1, 1)
REST = ("Other", "Other", "Other", "Other")


def mart(name: str, *batches: Batch, as_of: date, k: int = 1, open_months: int = 0) -> Records:
    oracle = compute(batches, as_of=as_of, k=k, open_months=open_months, loaded_on=LOADED)
    return list(oracle.tables[f"mart_users/{name}"].to_pylist())


def demographics(path: Path, users: Iterable[list[str]], k: int = 2) -> list[tuple[object, ...]]:
    columns = ("region", "gender", "age_band", "segment", "status", "users")
    return rows(mart("demographics", batch(path / "a.csv", *users), as_of=date(2023, 8, 1), k=k), *columns)


def test_small_cells_give_up_status_then_segment_then_age_band_then_gender(tmp_path: Path) -> None:
    users = [
        *(user(number, status="Active") for number in (1, 2)),
        *(user(number, status="Churned", segment="Occasional Shopper") for number in (3,)),
        *(user(number, status="Active", segment="Occasional Shopper") for number in (4,)),
        *(user(number, segment=segment, age="50") for number, segment in ((5, "High Value"), (6, "Frequent Shopper"))),
        *(user(number, gender="M", age=age) for number, age in ((7, "20"), (8, "30"))),
        *(user(number, gender=gender, age="70") for number, gender in ((9, "X"), (10, "Y"))),
    ]
    assert demographics(tmp_path, users) == [
        ("Europe", "F", "35-44", "High Value", "Active", 2),
        ("Europe", "F", "35-44", "Occasional Shopper", "Other", 2),
        ("Europe", "F", "45-54", "Other", "Other", 2),
        ("Europe", "M", "Other", "Other", "Other", 2),
        ("Europe", *REST, 2),
    ]


def test_the_smallest_other_cell_joins_a_rest_that_is_too_small(tmp_path: Path) -> None:
    users = [
        *(user(number, gender="F") for number in (1, 2, 3)),
        *(user(number, gender="M") for number in (4, 5)),
        user(6, gender="X"),
    ]
    assert demographics(tmp_path, users) == [
        ("Europe", "F", "35-44", "High Value", "Active", 3),
        ("Europe", *REST, 3),
    ]


def test_regions_below_k_become_other(tmp_path: Path) -> None:
    places = ("Japan", "Egypt", "Germany", "Germany")
    users = [user(number, country=country) for number, country in enumerate(places)]
    assert demographics(tmp_path, users) == [
        ("Europe", "F", "35-44", "High Value", "Active", 2),
        ("Other", *REST, 2),
    ]


def test_the_smallest_region_joins_other_where_that_is_too_small(tmp_path: Path) -> None:
    places = ("Japan", "Germany", "Germany", "Germany", "Egypt", "Egypt", "Brazil", "Brazil")
    users = [user(number, country=country) for number, country in enumerate(places)]
    assert demographics(tmp_path, users) == [
        ("Americas", "F", "35-44", "High Value", "Active", 2),
        ("Europe", "F", "35-44", "High Value", "Active", 3),
        ("Other", *REST, 3),
    ]


def test_a_lake_of_fewer_than_k_users_has_no_row(tmp_path: Path) -> None:
    assert demographics(tmp_path, [user(1), user(2, country="Japan")], k=3) == []


def test_minors_have_no_segment_status_or_channel(tmp_path: Path) -> None:
    one = batch(tmp_path / "a.csv", user(1, age="17", status="Churned"), user(2, age="15"), user(3, age="18"))
    assert rows(mart("demographics", one, as_of=date(2023, 3, 1), k=1), "age_band", "segment", "status", "users") == [
        ("15-17", "Other", "Other", 2),
        ("18-24", "High Value", "Active", 1),
    ]
    january = {"month": date(2023, 1, 1), "region": "Europe"}
    churn = mart("churn", one, as_of=date(2023, 3, 1))
    assert rows(churn, "channel", "sign_ups", "declared_churned", **january) == [("Other", 2, 1), ("Referral", 1, 0)]


def test_the_greatest_row_of_a_day_wins(tmp_path: Path) -> None:
    one = batch(
        tmp_path / "a.csv",
        user(1, login="2023-02-01", country="Japan"),
        user(1, login="2023-02-02", last_purchase="", country="Egypt"),
        user(1, login="", country="Brazil"),
        extract_date=date(2023, 3, 1),
    )
    assert rows(mart("demographics", one, as_of=date(2023, 3, 1), k=1), "region") == [("Africa",)]


def test_users_without_extract_date_are_observed_on_their_newest_date(tmp_path: Path) -> None:
    one = batch(
        tmp_path / "a.csv",
        user(1, country="Japan", login="2023-06-01", day="2023-02-01"),
        user(1, country="Egypt", login="2023-02-01", day="2023-07-01"),
    )
    assert rows(mart("demographics", one, as_of=date(2023, 8, 1), k=1), "region", "users") == [("Africa", 1)]


def test_sign_ups_are_dense_and_growth_needs_two_complete_months(tmp_path: Path) -> None:
    days = ("2023-01-01", "2023-02-01", "2023-02-28", "2023-03-31", "2023-05-02")
    one = batch(tmp_path / "a.csv", *(user(number, sign_up=day) for number, day in enumerate(days)))
    sign_ups = mart("sign_ups", one, as_of=date(2023, 5, 1))
    assert len(sign_ups) == 5 * 6
    measures = ("month", "sign_ups", "sign_ups_previous", "growth", "sign_ups_to_date", "is_complete")
    assert rows(sign_ups, *measures, region="Europe") == [
        (date(2023, 1, 1), 1, None, None, 1, True),
        (date(2023, 2, 1), 2, 1, 1.0, 3, True),
        (date(2023, 3, 1), 1, 2, -0.5, 4, True),
        (date(2023, 4, 1), 0, 1, -1.0, 4, True),
        (date(2023, 5, 1), 0, 0, None, 4, False),
    ]


def test_without_a_stated_sign_up_the_first_activity_counts(tmp_path: Path) -> None:
    one = batch(tmp_path / "a.csv", row(sign_up="", login="2023-03-01", last_purchase="", day="2023-02-10"))
    assert rows(mart("sign_ups", one, as_of=date(2023, 3, 15)), "month", "sign_ups", region="Europe") == [
        (date(2023, 2, 1), 1),
        (date(2023, 3, 1), 0),
    ]


def test_a_user_without_any_date_counts_in_demographics_only(tmp_path: Path) -> None:
    one = batch(tmp_path / "a.csv", user(1, sign_up="", login="", last_purchase=""))
    oracle = compute([one], as_of=date(2023, 3, 1), k=1, open_months=0, loaded_on=LOADED)
    filled = {name for name, table in oracle.tables.items() if table.num_rows}
    assert filled == {"mart_users/demographics"}


def test_a_user_who_signs_up_after_the_as_of_date_counts_nowhere(tmp_path: Path) -> None:
    one = batch(tmp_path / "a.csv", row(sign_up="2023-04-01", day="2023-02-01"))
    oracle = compute([one], as_of=date(2023, 3, 1), k=1, open_months=0, loaded_on=LOADED)
    filled = {name for name, table in oracle.tables.items() if table.num_rows}
    assert filled == {
        f"mart_sales/{name}" for name in ("monthly", "quarterly", "yearly", "buyers", "products", "trends")
    }


def test_activity_counts_new_and_repeat_buyers(tmp_path: Path) -> None:
    one = batch(
        tmp_path / "a.csv",
        row(user="1", day="2023-01-05", last_purchase="", login=""),
        row(user="1", day="2023-03-05", last_purchase="", login=""),
        row(user="2", day="2023-03-06", last_purchase="", login="2023-02-06"),
    )
    measures = ("month", "active_users", "buyers", "new_buyers", "repeat_buyers")
    assert rows(mart("activity", one, as_of=date(2023, 3, 31)), *measures, region="Europe") == [
        (date(2023, 1, 1), 2, 1, 1, 0),
        (date(2023, 2, 1), 1, 0, 0, 0),
        (date(2023, 3, 1), 2, 2, 1, 1),
    ]


def test_retention_ignores_what_lies_before_sign_up(tmp_path: Path) -> None:
    one = batch(
        tmp_path / "a.csv",
        user(1, sign_up="2023-01-01", login="2023-03-01", last_purchase=""),
        row(user="2", sign_up="2023-01-10", day="2022-12-01", login="", last_purchase=""),
    )
    measures = ("months_since", "cohort_users", "active_users", "retained_users", "active_rate", "retention_rate")
    retention = mart("retention", one, as_of=date(2023, 4, 15))
    assert rows(retention, *measures, "is_complete") == [
        (0, 2, 2, 2, 1.0, 1.0, True),
        (1, 2, 0, 1, 0.0, 0.5, True),
        (2, 2, 1, 1, 0.5, 0.5, True),
        (3, 2, 0, 0, 0.0, 0.0, False),
    ]
    assert rows(retention, "cohort_month", "region", months_since=0) == [(date(2023, 1, 1), "Europe")]


def test_a_user_churns_on_the_ninetieth_day_after_the_last_purchase(tmp_path: Path) -> None:
    one = batch(tmp_path / "a.csv", user(1, sign_up="2023-01-01", last_purchase="2023-02-01", status="Churned"))
    measures = (
        "month",
        "users_at_start",
        "sign_ups",
        "churned_users",
        "users_at_end",
        "churn_rate",
        "declared_churned",
    )
    assert rows(mart("churn", one, as_of=date(2023, 5, 2)), *measures, region="Europe") == [
        (date(2023, 1, 1), 0, 1, 0, 1, None, 1),
        (date(2023, 2, 1), 1, 0, 0, 1, 0.0, 0),
        (date(2023, 3, 1), 1, 0, 0, 1, 0.0, 0),
        (date(2023, 4, 1), 1, 0, 0, 1, 0.0, 0),
        (date(2023, 5, 1), 1, 0, 1, 0, 1.0, 0),
    ]
    assert sum(record["churned_users"] == 1 for record in mart("churn", one, as_of=date(2023, 5, 1))) == 0


def test_a_user_who_bought_before_sign_up_only_churns_after_sign_up(tmp_path: Path) -> None:
    one = batch(tmp_path / "a.csv", row(sign_up="2023-01-10", last_purchase="2022-06-01", day="2022-07-01"))
    churn = mart("churn", one, as_of=date(2023, 12, 31))
    assert rows(churn, "month", region="Europe", churned_users=1) == [(date(2023, 4, 1),)]
