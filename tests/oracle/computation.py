"""From batches to marts: the SQL files of `sql/`, one table each, run in order in one DuckDB."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa

from tests.oracle.country import countries
from tests.oracle.export import Batch, different, source
from tests.oracle.grain import GRAIN
from tests.oracle.told import TOLD

SQL = Path(__file__).parent / "sql"
STEPS = (
    *("typed", "reason", "line", "observation", "version", "as_of", "closed", "region", "kind_of_period"),
    *("sale", "sales_by_period"),
    *("activity", "member", "member_activity", "member_month", "member_grid", "churn_day"),
)
REASONS = (
    "row_malformed",
    "user_id_missing",
    "user_id_spoilt",
    "purchase_date_invalid",
    "price_invalid",
    "price_not_positive",
    "quantity_invalid",
    "quantity_not_positive",
    "product_name_missing",
    "rating_out_of_range",
    "age_out_of_range",
    "country_unknown",
    "sign_up_date_invalid",
    "last_login_invalid",
    "last_purchase_invalid",
    "purchase_before_sign_up",
    "value_not_in_contract",
)


@dataclass(frozen=True)
class Figures:
    """What a run must report: purchases by outcome (source rows), users, and source rows by reason code.

    `rows = accepted + quarantined + duplicates`. `revenue` is that of all accepted lines, whatever the as-of
    date; `churned` the sum of `churned_users`; `as_of` None where no row states a date.
    """

    rows: int
    accepted: int
    quarantined: int
    duplicates: int
    users: int
    revenue: Decimal
    accepted_before_sign_up: int
    minors: int
    churned: int
    as_of: date | None
    reasons: dict[str, int]


@dataclass(frozen=True)
class Oracle:
    """The expected marts by published name, and the figures of the load."""

    tables: dict[str, pa.Table]
    figures: Figures


def compute(
    batches: Sequence[Batch],
    *,
    as_of: date | None = None,
    k: int = 5,
    open_months: int = 1,
    key: bytes = b"a key for tests only",
    loaded_on: date,
    churn_inactivity_days: int = 90,
    negative_is_return: bool = False,
) -> Oracle:
    """The marts that a lake holds after these batches, loaded in any order."""
    parameters = {
        "as_of": pa.array([as_of], pa.date32()),
        "loaded_on": pa.array([loaded_on], pa.date32()),
        "k": pa.array([k], pa.int64()),
        "open_months": pa.array([open_months], pa.int64()),
        "churn_inactivity_days": pa.array([churn_inactivity_days], pa.int32()),
        "negative_is_return": pa.array([negative_is_return], pa.bool_()),
    }
    with duckdb.connect() as con:
        _register(con, "parameter", pa.table(parameters))
        _load(con, different(batches), key)
        con.execute(_sql("macro"))
        for step in STEPS:
            con.execute(f"create table {step} as {_sql(step)}")
        exact = {name: _mart(con, name) for name in GRAIN}
        return Oracle(_told(con, exact, k), _figures(con))


def _sql(name: str) -> str:
    return (SQL / f"{name}.sql").read_text(encoding="utf-8")


def _register(con: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    con.register(f"registered_{name}", table)
    con.execute(f"create table {name} as select * from registered_{name}")


def _load(con: duckdb.DuckDBPyConnection, batches: Sequence[Batch], key: bytes) -> None:
    _register(con, "source", source(batches, key))
    _register(con, "batch", _batches(batches))
    names = con.execute("select distinct country from source where country is not null").fetchall()
    _register(con, "country", countries(name for (name,) in names))


def _batches(batches: Sequence[Batch]) -> pa.Table:
    return pa.table(
        {
            "number": pa.array(range(len(batches)), pa.int64()),
            "extract_date": pa.array([batch.extract_date for batch in batches], pa.date32()),
        }
    )


def _mart(con: duckdb.DuckDBPyConnection, name: str) -> pa.Table:
    return con.sql(f"select * from ({_sql(name)}) order by {', '.join(GRAIN[name])}").to_arrow_table()


def _told(con: duckdb.DuckDBPyConnection, exact: dict[str, pa.Table], k: int) -> dict[str, pa.Table]:
    """The exact counts that may be published. With k = 1 that is everything except for months that are not closed."""
    (open_from,) = con.execute("select open_from from closed").fetchall()[0]
    if open_from is None:
        return exact
    told = {name: TOLD[name](exact, k, open_from) for name in TOLD}
    return {
        name: pa.Table.from_pylist(told[name], schema=table.schema) if name in told else table
        for name, table in exact.items()
    }


def _figures(con: duckdb.DuckDBPyConnection) -> Figures:
    figures = con.sql(_sql("figures")).to_arrow_table().to_pylist()[0]
    counted = dict(con.execute("select code, count(*) from reason group by code").fetchall())
    return Figures(**figures, reasons={code: counted.get(code, 0) for code in REASONS})
