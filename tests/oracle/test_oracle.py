"""The second computation against the published check figures, and its results for hostile rows."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from tests.oracle import Batch, Oracle, compute
from tests.oracle.card import mask
from tests.oracle.case import batch, row, user
from tests.oracle.grain import GRAIN

EXPORT = Path(__file__).parents[3] / "shared" / "data" / "ecommerce.csv"
LOADED = date(2024, 1, 1)

MONEY = pa.decimal128(28, 4)


@pytest.fixture(scope="module")
def export() -> Oracle:
    if not EXPORT.exists():
        pytest.skip("the reference export is not here")
    return compute([Batch(EXPORT, None)], loaded_on=LOADED)


def total(oracle: Oracle, table: str, column: str) -> object:
    return sum(oracle.tables[table].column(column).to_pylist())


def test_check_figures_of_the_rows(export: Oracle) -> None:
    figures = export.figures
    assert (figures.rows, figures.accepted, figures.quarantined, figures.duplicates) == (1500, 388, 1112, 0)
    assert (figures.users, figures.minors, figures.churned) == (1500, 15, 893)
    assert (figures.revenue, figures.accepted_before_sign_up) == (Decimal(1053519), 268)
    assert figures.as_of == date(2023, 8, 26)
    assert {code: count for code, count in figures.reasons.items() if count} == {
        "price_not_positive": 740,
        "quantity_not_positive": 744,
        "product_name_missing": 75,
        "rating_out_of_range": 572,
        "age_out_of_range": 1032,
        "country_unknown": 38,
        "purchase_before_sign_up": 1016,
    }
    assert 740 + 744 - figures.quarantined == 372  # both


def test_check_figures_of_the_marts(export: Oracle) -> None:
    for table in ("monthly", "quarterly", "yearly", "trends"):
        assert total(export, f"mart_sales/{table}", "revenue") == Decimal(1053519)
    assert total(export, "mart_users/demographics", "users") == 1500
    assert total(export, "mart_users/sign_ups", "sign_ups") == 1500
    assert total(export, "mart_users/churn", "churned_users") == 893
    assert total(export, "mart_users/churn", "declared_churned") == 910


def test_each_row_of_a_mart_is_unique(export: Oracle) -> None:
    for name, grain in GRAIN.items():
        keys = list(zip(*(export.tables[name].column(column).to_pylist() for column in grain), strict=True))
        assert len(keys) == len(set(keys))


def test_columns_of_the_marts(export: Oracle) -> None:
    assert export.tables["mart_sales/monthly"].schema == pa.schema(
        [
            ("period_start", pa.date32()),
            ("region", pa.string()),
            ("category", pa.string()),
            ("order_lines", pa.int64()),
            ("units", pa.int64()),
            ("gross_revenue", MONEY),
            ("returned_revenue", MONEY),
            ("revenue", MONEY),
            ("revenue_previous", MONEY),
            ("growth", pa.float64()),
            ("revenue_last_year", MONEY),
            ("growth_last_year", pa.float64()),
            ("is_complete", pa.bool_()),
        ]
    )
    assert export.tables["mart_sales/trends"].schema.types[2:] == [pa.int64(), *[MONEY] * 4]
    assert export.tables["mart_sales/products"].schema.types[6:] == [
        *[pa.int64()] * 2,
        MONEY,
        *[pa.int64()] * 2,
        pa.int32(),
    ]


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({}, set()),
        ({"user": " "}, {"user_id_missing"}),
        ({"user": "4111 1111 1111 1111"}, {"user_id_missing"}),
        ({"user": "6.93217E+12"}, {"user_id_spoilt"}),
        ({"user": "1,23E+15"}, {"user_id_spoilt"}),
        ({"day": "2023-02-30"}, {"purchase_date_invalid"}),
        ({"day": "1999-12-31"}, {"purchase_date_invalid"}),
        ({"day": "2024-01-02"}, {"purchase_date_invalid"}),
        ({"day": "01/02/2023"}, {"purchase_date_invalid"}),
        ({"price": "1e3"}, {"price_invalid"}),
        ({"price": "0.00004"}, {"price_not_positive"}),
        ({"price": " 10.5 ", "quantity": "+2.0"}, set()),
        ({"quantity": "1.5"}, {"quantity_invalid"}),
        ({"quantity": "-1"}, {"quantity_not_positive"}),
        ({"rating": "6"}, {"rating_out_of_range"}),
        ({"age": "14"}, {"age_out_of_range"}),
        ({"age": "110"}, set()),
        ({"country": "Atlantis"}, {"country_unknown"}),
        ({"country": "Germany France"}, {"country_unknown"}),
        ({"sign_up": "", "login": "soon", "last_purchase": "2024-02-01"},
         {"sign_up_date_invalid", "last_login_invalid", "last_purchase_invalid"}),
        ({"category": "Toys", "segment": "Whale"}, {"value_not_in_contract"}),
        ({"category": "", "product": ""}, {"product_name_missing"}),
        ({"day": "2023-01-09"}, {"purchase_before_sign_up"}),
    ],
)  # fmt: skip
def test_reasons(tmp_path: Path, changes: dict[str, str], reasons: set[str]) -> None:
    figures = compute([batch(tmp_path / "a.csv", row(**changes))], loaded_on=LOADED).figures
    assert {code for code, count in figures.reasons.items() if count} == reasons


def test_malformed_rows_speak_of_nobody(tmp_path: Path) -> None:
    one = batch(tmp_path / "a.csv", row(), row(user="2")[:-1], [*row(user="3"), "more"])
    with one.path.open("ab") as file:
        file.write(",".join(row(user="4", product="Caf")).encode().replace(b"Caf", b"Caf\xe9") + b"\r\n")
    figures = compute([one], loaded_on=LOADED).figures
    assert (figures.rows, figures.accepted, figures.quarantined, figures.users) == (4, 1, 3, 1)
    assert {code: count for code, count in figures.reasons.items() if count} == {"row_malformed": 3}


def test_a_bad_purchase_does_not_cost_the_user(tmp_path: Path) -> None:
    figures = compute([batch(tmp_path / "a.csv", user(7))], loaded_on=LOADED).figures
    assert (figures.accepted, figures.quarantined, figures.users) == (0, 1, 1)


def test_a_duplicate_is_dropped_in_whichever_batch_it_comes(tmp_path: Path) -> None:
    first = batch(tmp_path / "a.csv", row(), row(product="", rating="9"))
    second = batch(tmp_path / "b.csv", row(price="10.00"), row(product="Unknown", rating=""), row(quantity="2"))
    figures = compute([first, second], loaded_on=LOADED).figures
    assert (figures.rows, figures.accepted, figures.duplicates, figures.revenue) == (5, 3, 2, Decimal(40))


def test_the_same_content_is_loaded_once(tmp_path: Path) -> None:
    batches = [batch(tmp_path / name, row()) for name in ("a.csv", "b.csv")]
    assert compute(batches, loaded_on=LOADED).figures.rows == 1


def test_as_of_is_given_or_newest_extract_or_day_after_newest_date(tmp_path: Path) -> None:
    undated = batch(tmp_path / "a.csv", row(login="2023-07-01"))
    dated = batch(tmp_path / "b.csv", row(user="2"), extract_date=date(2023, 3, 1))
    given = compute([undated, dated], as_of=date(2023, 2, 15), loaded_on=LOADED)
    assert given.figures.as_of == date(2023, 2, 15)
    assert compute([undated, dated], loaded_on=LOADED).figures.as_of == date(2023, 3, 1)
    assert compute([undated], loaded_on=LOADED).figures.as_of == date(2023, 7, 2)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("4111111111111111", "************1111"),
        ("pay 4111-1111 1111-1111.", "pay ****-**** ****-1111."),
        ("4111111111111112", "4111111111111112"),
        ("94111111111111111111", "94111111111111111111"),
        ("4111  1111 1111 1111", "****  **** **** 1111"),
        ("4111     1111 1111 1111", "4111     1111 1111 1111"),
        ("2023 4111111111111111 12", "2023 ************1111 12"),
        ("4222222222222", "*********2222"),
    ],
)
def test_card_numbers_are_masked(text: str, masked: str) -> None:
    assert mask(text) == masked
