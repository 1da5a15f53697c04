"""Hand-made exports about invented people: rows are good unless a test changes them; and rows of marts."""

import csv
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from tests.oracle.export import Batch

Records = list[dict[str, object]]

GOOD = {
    "ID": "1",
    "Name": "Ada Example",
    "Age": "40",
    "Gender": "F",
    "City": "Sampleton",
    "Country": "Germany",
    "CreditCard": "",
    "FullAddress": "1 Example Road, Sampleton",
    "UserSignUpDate": "2023-01-10",
    "UserLastPurchaseDate": "2023-02-01",
    "UserStatus": "Active",
    "UserTotalPurchases": "1",
    "UserSegment": "High Value",
    "UserLocation": "Sampleton",
    "UserSourceType": "Referral",
    "UserLastLoginDate": "2023-02-01",
    "UserPurchaseFrequency": "Monthly",
    "Product Name": "Lamp",
    "Category": "Furniture",
    "Subcategory": "Light",
    "Price": "10",
    "Date_Purchase": "2023-02-01",
    "Quantity": "1",
    "Rating": "5",
    "Comment": "",
}
SHORT = {
    "sign_up": "UserSignUpDate",
    "last_purchase": "UserLastPurchaseDate",
    "login": "UserLastLoginDate",
    "status": "UserStatus",
    "segment": "UserSegment",
    "channel": "UserSourceType",
    "product": "Product Name",
    "day": "Date_Purchase",
    "user": "ID",
}


def row(**changes: str) -> list[str]:
    """A good row with changes, named in lower case: `price`, `day` (of purchase), `user`, `login`, ..."""
    named = {name.lower(): name for name in GOOD} | SHORT
    return list((GOOD | {named[name]: value for name, value in changes.items()}).values())


def user(number: int, **changes: str) -> list[str]:
    """A row about a user without a good purchase."""
    return row(user=str(number), price="", **changes)


def batch(path: Path, *rows: Sequence[str], extract_date: date | None = None) -> Batch:
    """A CSV file of these rows."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([list(GOOD), *rows])
    return Batch(path, extract_date)


def rows(mart: Records, *columns: str, **where: object) -> list[tuple[object, ...]]:
    """The named columns of the rows that meet every condition, in the order of the mart's grain."""
    kept = [record for record in mart if all(record[name] == value for name, value in where.items())]
    return [tuple(record[name] for name in columns) for record in kept]
