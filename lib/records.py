"""From lines to records: the columns of the source as text, and what is wrong with a row's structure.

Every function gives, beside `_file`, `_row`, `_batch_id` and `_extract_date`, the struct `record` with one text field
`c0`, `c1`, ... per name in the header (NULL for a malformed row) and `_corrupt_record`, which never repeats a value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 - Spark's own convention

from lib.sources import Source

PLACE = ("_file", "_row", "_batch_id", "_extract_date")
MOST_FIELDS = 20_000  # more make Spark's CSV parser fail the job with the row in its message
REPLACED = "\ufffd"


def csv_records(lines: DataFrame, source: Source, header: Sequence[str]) -> DataFrame:
    """Rows of CSV: `fields: 23 of 25`, `quote not closed` or `undecodable` if malformed."""
    decoded = lines.select(*PLACE, _decoded(source).alias("value"))
    parsed = decoded.select(*PLACE, "value", _parsed(source, len(header)).alias("parsed"))
    judged = parsed.select(*PLACE, _csv_problem(source, len(header)).alias("_corrupt_record"), "parsed")
    return judged.select(*PLACE, "_corrupt_record", F.expr("if(_corrupt_record is null, parsed, null)").alias("record"))


def _decoded(source: Source) -> Column:
    """The line as characters; of a single-byte encoding the upper half is translated, which needs no Java charset."""
    value = F.col("value")
    if source.encoding == "utf-8":
        return value
    upper = bytes(range(128, 256))
    meant = upper.decode(source.encoding, "replace")
    return F.translate(F.decode(value.cast("binary"), "ISO-8859-1"), upper.decode("iso-8859-1"), meant)


def _undecodable(source: Source) -> Column:
    value = F.col("value")
    return ~F.is_valid_utf8(value) if source.encoding == "utf-8" else value.contains(REPLACED)


def _parsed(source: Source, fields: int) -> Column:
    schema = ", ".join([*(f"c{number} string" for number in range(fields)), "_bad string"])
    options = {
        "mode": "PERMISSIVE", "columnNameOfCorruptRecord": "_bad", "columnPruning": "false",
        "sep": source.delimiter, "quote": source.quote, "escape": source.escape,
    }  # fmt: skip
    value = F.col("value")
    narrow = (F.octet_length(value) < MOST_FIELDS) | (_count(source.delimiter) < MOST_FIELDS)
    return F.when(narrow, F.from_csv(value, schema, options))


def _count(letter: str) -> Column:
    """How often an ASCII character stands in the line."""
    value = F.col("value")
    return F.octet_length(value) - F.octet_length(F.replace(value, F.lit(letter), F.lit("")))


def _csv_problem(source: Source, fields: int) -> Column:
    wrong_count = F.col("parsed").isNull() | F.col("parsed._bad").isNotNull()
    stated = F.concat(F.lit("fields: "), _fields(source).cast("string"), F.lit(f" of {fields}"))
    # A quote that is never closed can still give the right count, if it stands in the last field.
    odd = F.pmod(_count(source.quote), F.lit(2)) == 1
    return (
        F.when(_undecodable(source), "undecodable")
        .when(wrong_count, stated)
        .when(odd & _framed(source).rlike(_never_closed(source)), "quote not closed")
    )


def _framed(source: Source) -> Column:
    return F.concat(F.lit(source.delimiter), F.col("value"))


def _fields(source: Source) -> Column:
    delimiter, quoted = re.escape(source.delimiter), _quoted(source)
    plain = f"[^{_in_class(source.delimiter)}]*+"
    return F.regexp_count(_framed(source), F.lit(f"{delimiter}(?:{quoted}{plain}|{_opened(source)}|{plain})"))


def _never_closed(source: Source) -> str:
    delimiter, letters = re.escape(source.delimiter), _in_class(source.delimiter)
    closed = f"{_quoted(source)}[^{letters}]*+"
    plain = f"[^{letters}{_in_class(source.quote)}][^{letters}]*+"
    return f"^(?:{delimiter}(?:{closed}|{plain}|(?={delimiter}|\\z)))*+{delimiter}{_opened(source)}"


def _quoted(source: Source) -> str:
    return f"{re.escape(source.quote)}{_inside(source)}{re.escape(source.quote)}"


def _opened(source: Source) -> str:
    return f"{re.escape(source.quote)}{_inside(source)}\\z"


def _inside(source: Source) -> str:
    quote, escape = _in_class(source.quote), _in_class(source.escape)
    escaped = f"[{escape}][{quote}]" if source.quote == source.escape else f"[{escape}](?s:.)"
    return f"(?:[^{quote}{escape}]++|{escaped})*+"


def _in_class(letter: str) -> str:
    return f"\\{letter}" if not letter.isalnum() else letter
