"""A small star schema in memory, and the marts computed from it as a run of the engine would."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from lib.build.transformations import transform
from lib.contracts.model import Table, load
from lib.delta.lake import declare_functions
from lib.local_frames import frame_of

CATALOG = load(Path("lakehouse"))
REGIONS = ("Africa", "Americas", "Asia", "Europe", "Oceania", "Unknown")
UNKNOWN_KEY = -1
Cell = tuple[Any, ...]


@dataclass(frozen=True)
class User:
    """The current version of a user."""

    name: str
    region: str = "Europe"
    gender: str = "Female"
    age_band: str = "25-34"
    segment: str = "Regular"
    status: str = "Active"
    channel: str = "Search"


@dataclass(frozen=True)
class Sale:
    """One line; a negative quantity is a return. `region` is that of the user's version of the day."""

    user: str
    day: str
    price: str = "10"
    quantity: int = 1
    category: str = "Books"
    product: str = "Atlas"
    rating: int | None = None
    region: str = "Europe"


@dataclass(frozen=True)
class Activity:
    """What a user did on a day."""

    user: str
    day: str
    kind: str = "login"
    is_after_sign_up: bool = True


@dataclass(frozen=True)
class Star:
    """All inputs of the marts, in natural terms; keys follow from them."""

    spark: SparkSession
    users: Sequence[User] = ()
    sales: Sequence[Sale] = ()
    activities: Sequence[Activity] = ()
    # Normally every count is shown, so that a test sees it; the protection of persons has its own tests.
    k: int = 1
    open_months: int = 0

    def read(self, mart: str, *columns: str, as_of: str, **where: str) -> list[Cell]:
        """The given columns of a mart, in the order of its key, where the named columns have the given values."""
        frame = self.frame(mart, as_of=as_of)
        for column, value in where.items():
            frame = frame.where(frame[column] == value)
        rows = frame.orderBy(*CATALOG[mart].key).select(*columns).collect()
        return [tuple(_plain(value) for value in row) for row in rows]

    def frame(self, mart: str, *, as_of: str) -> DataFrame:
        """A mart with the columns and types of its contract."""
        declare_functions(self.spark, CATALOG)
        self._provide()
        for table in _needed(CATALOG[mart]):
            frame = self._compute(table, as_of)
            # Like the engine: cut the plan of a frame that several tables read.
            (frame.localCheckpoint() if table.persist else frame).createOrReplaceTempView(table.name)
        return self.spark.table(mart)

    def _compute(self, table: Table, as_of: str) -> DataFrame:
        told = {"k": self.k, "open_months": self.open_months} if "k" in table.parameters else {}
        own = replace(table, parameters={**table.parameters, **told})
        day = date.fromisoformat(as_of)
        rows = transform(self.spark, own, {"as_of": day, "up_to": day})
        return rows.select(*(rows[column.name].cast(column.physical_type) for column in table.stored))

    def _provide(self) -> None:
        days = sorted({sale.day for sale in self.sales} | {activity.day for activity in self.activities})
        products = sorted({(sale.category, sale.product) for sale in self.sales})
        self._view("dim_date", ((_date_key(day), *_calendar(date.fromisoformat(day))) for day in days))
        self._view("dim_geography", ((_geography_key(name), name, name, name) for name in REGIONS))
        self._view("dim_product", ((products.index(it), it[0], "Any", it[1]) for it in products))
        self._view("dim_user", [_version(None), *map(_version, self.users)])
        self._view("fact_sales", (_line(key, sale, products) for key, sale in enumerate(self.sales)))
        self._view("fact_user_activity", (_activity(key, it) for key, it in enumerate(self.activities)))

    def _view(self, name: str, rows: Iterable[Cell]) -> None:
        frame_of(self.spark, list(rows), CATALOG[name].schema).createOrReplaceTempView(name)


def everything_of(sales: Iterable[Sale], *, signed_up: str) -> list[Activity]:
    """The activities that go with sales: a sign-up of every buyer on the given day, and the purchases themselves."""
    bought = [Activity(sale.user, sale.day, "purchase", sale.day >= signed_up) for sale in sales if sale.quantity > 0]
    names = sorted({activity.user for activity in bought})
    return [*(Activity(name, signed_up, "sign_up") for name in names), *dict.fromkeys(bought)]


def _needed(table: Table) -> list[Table]:
    """The table and the views and cells that it reads, in loading order."""
    names = {table.name}
    for candidate in reversed(CATALOG.tables):
        if candidate.name in names:
            names.update(name for name in candidate.inputs if CATALOG[name].is_view or CATALOG[name].load == "sum")
    return [candidate for candidate in CATALOG if candidate.name in names]


def _plain(value: object) -> object:
    """Dates as ISO text and money without trailing zeros, so that expected rows are readable."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value.normalize() if value % 1 else value.quantize(Decimal(1)))
    return value


def _date_key(day: str) -> int:
    return int(day.replace("-", ""))


def _calendar(day: date) -> Cell:
    quarter = day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    return day, day.strftime("%G-W%V"), day.replace(day=1), quarter, day.replace(month=1, day=1)


def _geography_key(region: str) -> int:
    return UNKNOWN_KEY if region == "Unknown" else REGIONS.index(region)


def _user_key(name: str) -> int:
    return int.from_bytes(name.encode()[:7], "big")


def _version(user: User | None) -> Cell:
    """The row of a user's current version; without a user, that of the Unknown member."""
    first = date(1900, 1, 1)
    if user is None:
        return (UNKNOWN_KEY, UNKNOWN_KEY, "Unknown", first, None, True, *["Unknown"] * 7, UNKNOWN_KEY, UNKNOWN_KEY)
    key = _user_key(user.name)
    attributes = (user.gender, user.age_band, user.region, user.status, user.segment, user.channel, "Monthly")
    return (key, key, user.name, first, None, True, *attributes, _geography_key(user.region), 1)


def _line(key: int, sale: Sale, products: Sequence[tuple[str, str]]) -> Cell:
    user, price = _user_key(sale.user), Decimal(sale.price)
    product = products.index((sale.category, sale.product))
    keys = (key, _date_key(sale.day), user, user, product, _geography_key(sale.region), 1)
    return (*keys, sale.quantity, price, sale.quantity * price, sale.rating)


def _activity(key: int, activity: Activity) -> Cell:
    user = _user_key(activity.user)
    return key, _date_key(activity.day), user, user, activity.kind, activity.is_after_sign_up
