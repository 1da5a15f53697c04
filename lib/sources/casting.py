"""From text to types: the forms of text that are a date, an integer or a number.

All functions take and return Spark columns, with text in its normal form (`lib.normal_form`). A text that cannot be
read becomes NULL; no function here raises, for any text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from pyspark.sql import Column
from pyspark.sql import functions as F

from lib.sources.mapping import Source

NUMBER = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)\z"
WHOLE = r"^[+-]?(?:[0-9]+\.?0*|\.0+)\z"
ISO = "yyyy-MM-dd"
ISO_FORM = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\z"
TYPES = {"string": "string", "date": "date", "integer": "int", "number": "decimal(18,4)"}


def typed_value(text: Column, logical_type: str, source: Source) -> Column:
    """The value of the trimmed text in the source's notation, of the type in `TYPES`; otherwise NULL."""
    return _BY_TYPE[logical_type](text, source)


def _string(text: Column, _: Source) -> Column:
    return text


def _date(text: Column, source: Source) -> Column:
    return F.coalesce(*(_date_of(text, pattern) for pattern in source.date_formats))


def _date_of(text: Column, pattern: str) -> Column:
    if pattern == ISO:  # a cast costs a fraction of a formatter
        return F.when(text.rlike(ISO_FORM), text.try_cast("date"))
    return F.when(text.rlike(form(pattern)), F.try_to_date(text, pattern))


def form(pattern: str) -> str:
    """The regular expression of texts that may be dates of this pattern: years of four digits, and nothing after it."""
    return "^" + "".join(_form_of(match.group()) for match in re.finditer(r"'[^']*'|([A-Za-z])\1*|.", pattern)) + r"\z"


def _form_of(piece: str) -> str:
    if piece.startswith("'"):
        return re.escape(piece.strip("'")) or "'"
    if not piece[0].isalpha():
        return re.escape(piece)
    if piece[0] in "EaX" or (piece[0] == "M" and len(piece) > 2):  # noqa: PLR2004 - names of months and days, zones
        return ".+"
    return f"[0-9]{{{len(piece)}}}" if len(piece) > 1 else "[0-9]{1,2}"


def _integer(text: Column, source: Source) -> Column:
    plain = _plain(text, source)
    whole = F.when(plain.rlike(WHOLE), plain.try_cast("decimal(38,0)").try_cast("int"))
    return F.coalesce(plain.try_cast("int"), whole)


def _number(text: Column, source: Source) -> Column:
    plain = _plain(text, source)
    return F.when(plain.rlike(NUMBER), plain.try_cast("decimal(18,4)"))


def _plain(text: Column, source: Source) -> Column:
    """The number as SQL writes it; NULL if it is not in the source's notation."""
    if source.plain_numbers:
        return text
    decimal = re.escape(source.decimal_separator)
    whole = "[0-9]+"
    if source.thousands_separator:
        whole = f"(?:[0-9]+|[0-9]{{1,3}}(?:{re.escape(source.thousands_separator)}[0-9]{{3}})+)"
    written = f"^[+-]?(?:{whole}(?:{decimal}[0-9]*)?|{decimal}[0-9]+)\\z"
    removed = source.decimal_separator + (source.thousands_separator or "")
    return F.when(text.rlike(written), F.translate(text, removed, "."))


_BY_TYPE: Mapping[str, Callable[[Column, Source], Column]] = {
    "string": _string, "date": _date, "integer": _integer, "number": _number,
}  # fmt: skip
