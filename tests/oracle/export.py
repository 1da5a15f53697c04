"""The raw export, read with Python's csv: the reference reader for hostile rows."""

import csv
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa

from tests.oracle.card import mask

COLUMNS = {
    "age": "Age",
    "gender": "Gender",
    "country": "Country",
    "sign_up_date": "UserSignUpDate",
    "last_purchase_date": "UserLastPurchaseDate",
    "status": "UserStatus",
    "declared_total": "UserTotalPurchases",
    "segment": "UserSegment",
    "channel": "UserSourceType",
    "last_login_date": "UserLastLoginDate",
    "frequency": "UserPurchaseFrequency",
    "product": "Product Name",
    "category": "Category",
    "subcategory": "Subcategory",
    "price": "Price",
    "purchase_date": "Date_Purchase",
    "quantity": "Quantity",
    "rating": "Rating",
}
USER_ID = "ID"
BLANK = " \t\r\n\v\f"
LONGEST_FIELD = 2**31 - 1

SOURCE = pa.schema(
    [
        ("batch", pa.int64()),
        ("is_malformed", pa.bool_()),
        ("is_spoilt", pa.bool_()),
        ("user_key", pa.string()),
        *((name, pa.string()) for name in COLUMNS),
    ]
)
Row = tuple[int | bool | str | None, ...]


@dataclass(frozen=True)
class Batch:
    """One file of the export, and the day it was extracted on where that is known."""

    path: Path
    extract_date: date | None


def different(batches: Sequence[Batch]) -> list[Batch]:
    """The batches without repeated content: the same content is loaded only once."""
    first = {hashlib.sha256(batch.path.read_bytes()).digest(): batch for batch in reversed(batches)}
    return [batch for batch in batches if any(batch is kept for kept in first.values())]


def source(batches: Sequence[Batch], key: bytes) -> pa.Table:
    """One row per source row, in text: trimmed, card numbers masked, blank = NULL, malformed = NULL throughout."""
    rows = [row for number, batch in enumerate(batches) for row in _rows(number, batch, key)]
    columns = list(zip(*rows, strict=True)) or [()] * len(SOURCE)
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, SOURCE, strict=True)], schema=SOURCE
    )


def _rows(number: int, batch: Batch, key: bytes) -> Iterator[Row]:
    with batch.path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        csv.field_size_limit(LONGEST_FIELD)
        reader = csv.reader(file)
        header = next(reader, [])
        wanted = [header.index(name) for name in (USER_ID, *COLUMNS.values())] if header else []
        for fields in filter(None, reader):
            if _is_malformed(fields, len(header)):
                yield (number, True, False, *[None] * (1 + len(COLUMNS)))
            else:
                user_id, *values = [fields[position] for position in wanted]
                yield (number, False, _is_spoilt(user_id), _user_key(user_id, key), *_clean(values))


def _is_malformed(fields: list[str], width: int) -> bool:
    return len(fields) != width or not all(field.isascii() or _is_decodable(field) for field in fields)


def _is_decodable(field: str) -> bool:
    return not any("\udc80" <= char <= "\udcff" for char in field)


def _clean(values: list[str]) -> list[str | None]:
    return [_normal(mask(value)) or None for value in values]


def _normal(text: str) -> str:
    """Composed, without invisible characters in it and blanks around it."""
    if text.isascii():
        return text.strip(BLANK)
    seen = "".join(char for char in text if unicodedata.category(char) != "Cf")
    return unicodedata.normalize("NFC", seen).strip()


def _is_spoilt(user_id: str) -> bool:
    """Whether a spreadsheet has written the id as a rounded number."""
    return bool(re.fullmatch(r"\d+([.,]\d+)?E[+]\d+", _normal(user_id)))


def _user_key(user_id: str, key: bytes) -> str | None:
    """NULL if the row names nobody: it has no id, or a card number or a rounded number in its place."""
    name = _normal(user_id)
    if not name or mask(name) != name or _is_spoilt(user_id):
        return None
    return hmac.new(key, name.encode(), hashlib.sha256).hexdigest()
