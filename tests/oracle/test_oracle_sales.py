"""The second computation of mart_sales on tiny cases."""

from datetime import date
from decimal import Decimal
from pathlib import Path

from tests.oracle import Batch, compute
from tests.oracle.case import Records, batch, row, rows, user
from tests.oracle.grain import GRAIN

LOADED = date(2024, 1, 1)


def mart(name: str, *batches: Batch, as_of: date | None, negative_is_return: bool = False) -> Records:
    oracle = compute(batches, as_of=as_of, k=1, open_months=0, loaded_on=LOADED, negative_is_return=negative_is_return)
    return list(oracle.tables[name].to_pylist())


def test_a_sale_has_the_region_of_its_day_in_whichever_order_files_arrive(tmp_path: Path) -> None:
    march = batch(tmp_path / "3.csv", user(1, country="Germany"), extract_date=date(2023, 3, 1))
    april = batch(tmp_path / "4.csv", user(1, country="Egypt"), extract_date=date(2023, 4, 1))
    may = batch(
        tmp_path / "5.csv",
        row(country="Brazil", day="2023-02-01", price="1"),
        row(country="Brazil", day="2023-03-31", price="2"),
        row(country="Brazil", day="2023-04-01", price="4"),
        row(country="Brazil", day="2023-05-01", price="8"),
        extract_date=date(2023, 5, 1),
    )
    for order in ([march, april, may], [may, april, march]):
        yearly = mart("mart_sales/yearly", *order, as_of=date(2023, 5, 1))
        assert rows(yearly, "region", "revenue") == [
            ("Africa", Decimal(4)),
            ("Americas", Decimal(8)),
            ("Asia", Decimal(0)),
            ("Europe", Decimal(3)),
            ("Oceania", Decimal(0)),
            ("Unknown", Decimal(0)),
        ]


def test_periods_are_dense_and_growth_needs_two_complete_ones(tmp_path: Path) -> None:
    one = batch(
        tmp_path / "a.csv",
        row(day="2022-12-15", price="5"),
        row(day="2023-01-01", price="10"),
        row(day="2023-02-28", price="15", quantity="2"),
        row(day="2023-04-02", price="7", category="Books"),
    )
    monthly = mart("mart_sales/monthly", one, as_of=date(2023, 5, 1))
    assert len(monthly) == 6 * 6 * 2  # December to May, regions, categories sold
    measures = ("period_start", "revenue", "revenue_previous", "growth", "is_complete")
    assert rows(monthly, *measures, region="Europe", category="Furniture") == [
        (date(2022, 12, 1), Decimal(5), None, None, False),
        (date(2023, 1, 1), Decimal(10), Decimal(5), None, True),
        (date(2023, 2, 1), Decimal(30), Decimal(10), 2.0, True),
        (date(2023, 3, 1), Decimal(0), Decimal(30), -1.0, True),
        (date(2023, 4, 1), Decimal(0), Decimal(0), None, True),
        (date(2023, 5, 1), Decimal(0), Decimal(0), None, False),
    ]


def test_a_period_that_ends_on_the_as_of_date_is_not_complete(tmp_path: Path) -> None:
    one = batch(tmp_path / "a.csv", row(day="2023-01-01"))
    assert {record["is_complete"] for record in mart("mart_sales/monthly", one, as_of=date(2023, 1, 31))} == {False}
    quarterly = mart("mart_sales/quarterly", one, as_of=date(2023, 4, 1))
    assert rows(quarterly, "period_start", "is_complete", region="Asia") == [
        (date(2023, 1, 1), True),
        (date(2023, 4, 1), False),
    ]


def test_last_year_is_the_same_month(tmp_path: Path) -> None:
    one = batch(
        tmp_path / "a.csv",
        row(sign_up="2021-01-01", day="2022-01-01", price="10"),
        row(sign_up="2021-01-01", day="2023-01-31", price="25"),
    )
    monthly = mart("mart_sales/monthly", one, as_of=date(2023, 2, 1))
    measures = ("period_start", "revenue_last_year", "growth_last_year")
    assert rows(monthly, *measures, region="Europe")[-3:] == [
        (date(2022, 12, 1), None, None),
        (date(2023, 1, 1), Decimal(10), 1.5),
        (date(2023, 2, 1), Decimal(0), None),
    ]


def test_a_part_of_last_years_month_is_no_comparison(tmp_path: Path) -> None:
    one = batch(
        tmp_path / "a.csv",
        row(sign_up="2021-01-01", day="2022-01-24", price="10"),
        row(sign_up="2021-01-01", day="2022-02-05", price="20"),
        row(sign_up="2021-01-01", day="2023-01-05", price="40"),
    )
    monthly = mart("mart_sales/monthly", one, as_of=date(2023, 3, 1))
    measures = ("period_start", "revenue_last_year", "growth_last_year")
    assert rows(monthly, *measures, region="Europe")[-3:-1] == [
        (date(2023, 1, 1), None, None),
        (date(2023, 2, 1), Decimal(20), -1.0),
    ]


def test_buyers_are_distinct_in_every_cell(tmp_path: Path) -> None:
    one = batch(
        tmp_path / "a.csv",
        row(user="1", product="Lamp"),
        row(user="1", category="Books", product="Atlas"),
        row(user="2", country="Japan", product="Lamp"),
    )
    buyers = mart("mart_sales/buyers", one, as_of=date(2023, 3, 1))
    assert rows(buyers, "region", "category", "buyers", period="quarter", period_start=date(2023, 1, 1)) == [
        ("All", "All", 2),
        ("All", "Books", 1),
        ("All", "Furniture", 2),
        ("Asia", "All", 1),
        ("Asia", "Furniture", 1),
        ("Europe", "All", 1),
        ("Europe", "Books", 1),
        ("Europe", "Furniture", 1),
    ]
    assert len(buyers) == 3 * 8


def test_products_share_a_rank(tmp_path: Path) -> None:
    one = batch(
        tmp_path / "a.csv",
        row(product="Lamp", price="10", rating="4"),
        row(product="Shade", price="20", rating="0"),
        row(product="", price="30", subcategory="", rating="2"),
        row(product="Lamp", price="10", rating="5"),
    )
    products = mart("mart_sales/products", one, as_of=date(2023, 3, 1))
    measures = ("subcategory", "product", "order_lines", "revenue", "rating_sum", "rating_count", "rank_in_region")
    assert rows(products, *measures, period="year") == [
        ("Light", "Lamp", 2, Decimal(20), 9, 2, 2),
        ("Light", "Shade", 1, Decimal(20), 0, 0, 2),
        ("Unknown", "Unknown", 1, Decimal(30), 2, 1, 1),
    ]


def test_moving_averages_begin_with_the_days_there_are(tmp_path: Path) -> None:
    one = batch(tmp_path / "a.csv", row(day="2022-12-31", price="10"), row(day="2023-01-02", price="1.00005"))
    trends = mart("mart_sales/trends", one, as_of=date(2023, 1, 8))
    measures = ("day", "order_lines", "revenue", "revenue_7d", "revenue_28d", "revenue_year_to_date")
    europe = rows(trends, *measures, region="Europe")
    assert len(trends) == 9 * 6
    assert europe[:3] == [
        (date(2022, 12, 31), 1, Decimal(10), Decimal(10), Decimal(10), Decimal(10)),
        (date(2023, 1, 1), 0, Decimal(0), Decimal(5), Decimal(5), Decimal(0)),
        (date(2023, 1, 2), 1, Decimal("1.0001"), Decimal("3.6667"), Decimal("3.6667"), Decimal("1.0001")),
    ]
    assert europe[-1] == (date(2023, 1, 8), 0, Decimal(0), Decimal("0.1429"), Decimal("1.2222"), Decimal("1.0001"))


def test_a_mean_is_rounded_half_up(tmp_path: Path) -> None:
    one = batch(tmp_path / "a.csv", row(day="2023-01-01", price="0.0001"))
    trends = mart("mart_sales/trends", one, as_of=date(2023, 1, 3))
    assert rows(trends, "revenue_7d", region="Europe") == [(Decimal("0.0001"),), (Decimal("0.0001"),), (Decimal(0),)]


def test_marts_count_up_to_the_as_of_date(tmp_path: Path) -> None:
    one = batch(tmp_path / "a.csv", row(day="2023-02-01"), row(day="2023-02-02", category="Books"))
    assert rows(mart("mart_sales/yearly", one, as_of=date(2023, 2, 1)), "category", "revenue", region="Europe") == [
        ("Furniture", Decimal(10))
    ]


def test_without_a_sale_the_mart_has_no_rows(tmp_path: Path) -> None:
    none_accepted = batch(tmp_path / "a.csv", user(1))
    later = batch(tmp_path / "b.csv", row())
    nothing = batch(tmp_path / "c.csv")
    for one, as_of in ((none_accepted, date(2023, 3, 1)), (later, date(2022, 1, 1)), (nothing, None)):
        tables = compute([one], as_of=as_of, loaded_on=LOADED).tables
        assert [tables[name].num_rows for name in GRAIN if name.startswith("mart_sales/")] == [0] * 6


def test_returns_where_the_source_declares_them(tmp_path: Path) -> None:
    one = batch(tmp_path / "a.csv", row(quantity="3"), row(quantity="-1", day="2023-02-02"), row(quantity="0"))
    yearly = mart("mart_sales/yearly", one, as_of=date(2024, 1, 1), negative_is_return=True)
    measures = ("order_lines", "units", "gross_revenue", "returned_revenue", "revenue")
    assert rows(yearly, *measures, period_start=date(2023, 1, 1), region="Europe") == [
        (1, 2, Decimal(30), Decimal(10), Decimal(20))
    ]
