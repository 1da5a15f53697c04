"""Published tables are read at the version that the publication names, and compared row by row."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
from deltalake import write_deltalake

from tests.oracle.delta import compare, published

NAME = "mart_users/activity"
CHURN = pa.schema(
    [("month", pa.date32()), ("region", pa.string()), ("channel", pa.string()), ("churn_rate", pa.float64())]
)


def activity(*rows: tuple[int, str, int]) -> pa.Table:
    months, regions, users = zip(*rows, strict=True)
    return pa.table({"month": [date(2023, month, 1) for month in months], "region": regions, "active_users": users})


def churn(rate: float | None) -> dict[str, pa.Table]:
    row = {"month": date(2023, 1, 1), "region": "Asia", "channel": "Referral", "churn_rate": rate}
    return {"mart_users/churn": pa.Table.from_pylist([row], schema=CHURN)}


def test_the_version_of_the_publication_is_read(tmp_path: Path) -> None:
    first, second = activity((1, "Asia", 1)), activity((1, "Asia", 2))
    for table in (first, second):
        write_deltalake(str(tmp_path / NAME), table, mode="overwrite")
    tables = {NAME: {"path": NAME, "version": 0}}
    (tmp_path / "published.json").write_text(json.dumps({"run_id": "r", "tables": tables}), encoding="utf-8")
    assert compare({NAME: first}, published(tmp_path)) == []
    assert compare({NAME: second}, published(tmp_path)) == [
        "mart_users/activity: row differs: (month=2023-01-01, region=Asia) active_users=1, expected 2"
    ]


def test_the_order_of_rows_is_free() -> None:
    assert (
        compare({NAME: activity((1, "Asia", 1), (2, "Asia", 2))}, {NAME: activity((2, "Asia", 2), (1, "Asia", 1))})
        == []
    )


def test_rows_missing_and_surplus_are_named() -> None:
    assert compare({NAME: activity((1, "Asia", 1))}, {NAME: activity((1, "Africa", 1))}) == [
        "mart_users/activity: row missing: (month=2023-01-01, region=Asia)",
        "mart_users/activity: row not expected: (month=2023-01-01, region=Africa)",
    ]


def test_a_repeated_row_is_a_difference() -> None:
    one = activity((1, "Asia", 1))
    assert compare({NAME: one}, {NAME: pa.concat_tables([one, one])}) == [
        "mart_users/activity: row differs: (month=2023-01-01, region=Asia) occurs 2 times, expected 1"
    ]


def test_at_most_five_examples() -> None:
    expected, actual = ([(month, "Asia", users) for month in range(1, 9)] for users in (1, 2))
    lines = compare({NAME: activity(*expected)}, {NAME: activity(*actual)})
    assert len(lines) == 6
    assert lines[-1] == "mart_users/activity: row differs: 3 more"


def test_doubles_have_a_tolerance_and_null_is_not_zero() -> None:
    assert compare(churn(0.1), churn(0.1 + 1e-15)) == []
    assert len(compare(churn(0.1), churn(0.1 + 1e-9))) == 1
    assert len(compare(churn(None), churn(0.0))) == 1


def test_money_is_not_a_double() -> None:
    expected = pa.table({"period": pa.array([Decimal("1.5000")], pa.decimal128(28, 4))})
    lines = compare({"mart_sales/any": expected}, {"mart_sales/any": pa.table({"period": [1.5]})})
    assert lines[0] == "mart_sales/any: period is double, expected decimal128(28, 4)"


def test_tables_and_columns_are_compared_first() -> None:
    one = activity((1, "Asia", 1))
    assert compare({NAME: one}, {"mart_operations/runs": one}) == ["mart_users/activity: not published"]
    assert compare({}, {NAME: one}) == ["mart_users/activity: published, not expected"]
    assert compare({NAME: one}, {NAME: one.select(["region", "month"])}) == [
        "mart_users/activity: columns ['region', 'month'], expected ['month', 'region', 'active_users']"
    ]
