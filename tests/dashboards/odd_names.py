"""Plausible products of a shop whose names mean something to a parser of SQL, and a small export of them."""

from __future__ import annotations

import csv
from pathlib import Path

NAMES = (
    *("O'Brien", "it's -- y", "tab\\tword", "C:\\", "\\", "5\\' rope", "${env:HOME}", "x${spark.app.name}y"),
    *("100% wool", "50%% off", "a_b", "axb", "/* x */", "x') OR ('1'='1", "' OR 1=1 --", "`tick`", "semi;colon"),
    *("naïve café ☕", "日本", "😀 smile", "<b>&amp;", "{{ 7*7 }}", "%(x)s %s", "\\u0041", "\\%", "a\\_b", "'' ''"),
    *("<NULL>", "<empty string>", "a\tb", "x\\", "O''Brien", "\\\\server\\share", "A\\B", 'say "hi"', "line -- end --"),
)
COUNTRIES = ("Japan", "Germany")
COLUMNS = (
    "ID,Name,Age,Gender,City,Country,CreditCard,FullAddress,UserSignUpDate,UserLastPurchaseDate,UserStatus,"
    "UserTotalPurchases,UserSegment,UserLocation,UserSourceType,UserLastLoginDate,UserPurchaseFrequency,Product Name,"
    "Category,Subcategory,Price,Date_Purchase,Quantity,Rating,Comment"
)


def write(file: Path) -> Path:
    """Sell each name once in each of two regions, the first in January 2022."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        stream.write(f"{COLUMNS}\n")
        rows = csv.DictWriter(stream, next(csv.reader([COLUMNS])), restval="")
        for number, (name, country) in enumerate((name, country) for name in NAMES for country in COUNTRIES):
            rows.writerow(_row(number, name, country))
    return file


def _row(number: int, name: str, country: str) -> dict[str, object]:
    user = {"ID": 800_000 + number, "Age": 30, "Gender": "F", "Country": country, "UserSignUpDate": "2021-05-01"}
    bought = {"Product Name": name, "Category": "Books", "Subcategory": "Fiction", "Price": 10, "Quantity": 1}
    return {**user, **bought, "Date_Purchase": f"2022-01-{number % 28 + 1:02}", "Rating": 4}
