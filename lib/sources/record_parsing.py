"""From lines to records: the columns of the source as text, and the faults in a row's structure.

Besides `_file`, `_row`, `_batch_id` and `_extract_date`, every function returns the struct `record` and
`_corrupt_record`. `record` has one text field `c0`, `c1`, ... per name in the header (NULL for a malformed row).
`_corrupt_record` never repeats a value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from lib.files import literal
from lib.sources.input_parts import Part
from lib.sources.mapping import Layout
from lib.sources.row_positions import Placed, metadata, with_places
from lib.sql import quoted

PLACE = ("_file", "_row", "_batch_id", "_extract_date")
MOST_FIELDS = 20_000  # with more, Spark's CSV parser fails the job, with the row in its message
REPLACED = "\ufffd"
FRACTION = r"[:,\[][ \t]*-?[0-9]+[.eE]"
STRING_OR_NUMBER = r'("(?:[^"\\]++|\\.)*+")|(-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)'


def csv_records(lines: DataFrame, layout: Layout, header: Sequence[str]) -> DataFrame:
    """Rows of CSV, one per line; malformed: `undecodable`, `nul`, `fields: 23 of 25` or `quoting`."""
    value = F.col("value")
    decoded = lines.select(*PLACE, _decoded(value, layout).alias("value"))
    parsed = decoded.select(*PLACE, "value", _parsed(layout, len(header)).alias("parsed"))
    wrong_count = F.col("parsed").isNull() | F.col("parsed._bad").isNotNull()
    problem = (
        F.when(_undecodable(layout), "undecodable")
        .when(wrong_count, _field_count(layout, len(header)))
        .when(value.contains("\0"), "nul")
        .when(_suspect(layout, len(header)) & ~_framed(layout).rlike(well_formed(layout)), "quoting")
    )
    return _judged(parsed, problem)


def multiline_records(spark: SparkSession, parts: Sequence[Placed], layout: Layout) -> DataFrame:
    """Rows of CSV files whose quoted fields may hold line ends; one task reads each of these files."""
    header = parts[0].part.header
    rows = multiline_rows(spark, [placed.part for placed in parts], layout)
    placed_rows = with_places(spark, rows.select("*", *metadata()), parts, first=1)
    fields = [_decoded(F.col(f"c{at}"), layout).alias(f"c{at}") for at in range(len(header))]
    parsed = placed_rows.select(*PLACE, F.col("_bad").alias("value"), F.struct(*fields).alias("parsed"))
    lost = reduce(Column.__or__, (F.col(f"parsed.c{at}").contains(REPLACED) for at in range(len(header))))
    problem = F.when(F.coalesce(lost, F.expr("false")), "undecodable").when(
        F.col("value").isNotNull(), _field_count(layout, len(header))
    )
    return _judged(parsed, problem)


def multiline_rows(spark: SparkSession, parts: Sequence[Part], layout: Layout) -> DataFrame:
    """The rows of these files as Spark parses them, and the files' `_metadata`."""
    encoding = "utf-8" if layout.encoding == "utf-8" else "iso-8859-1"
    own = {"multiLine": "true", "header": str(layout.header).lower(), "encoding": encoding, "maxColumns": "1000000"}
    reader = spark.read.schema(_csv_schema(len(parts[0].header))).options(**_csv_options(layout), **own)
    return reader.csv([literal(part.location) for part in parts])


def json_records(lines: DataFrame, header: Sequence[str], broken: Column) -> DataFrame:
    """JSON objects, one per line; malformed: `undecodable`, `not an object` or `not JSON`.

    Values that are not strings become the text in the file: numbers digit by digit, objects as JSON.
    """
    fields = ", ".join(f"{quoted(name)} string" for name in header)
    # As an array of one, so that text after the object is an error too, and is not skipped.
    wrapped = F.concat(F.lit("["), _exact(F.col("value")), F.lit("]"))
    parsed = lines.select(
        *PLACE,
        F.coalesce(broken, F.expr("true")).alias("broken"),
        (F.col("value").startswith("{") | F.col("value").rlike(r"^\s*\{")).alias("object"),
        F.from_json(wrapped, f"array<struct<{fields}>>").alias("array"),
    )
    whole = (F.size("array") == 1) & F.col("array")[0].isNotNull()
    problem = (
        F.when(F.col("broken"), "undecodable")
        .when(~F.coalesce("object", F.expr("false")), "not an object")
        .when(~F.coalesce(whole, F.expr("false")), "not JSON")
    )
    named = [F.col("array")[0][name].alias(f"c{at}") for at, name in enumerate(header)]
    return _judged(parsed.select("*", F.struct(*named).alias("parsed")), problem)


def _exact(value: Column) -> Column:
    """JSON with quotes around numbers with a fraction or exponent: Spark would convert them through floating point.

    One expression finds strings and numbers, and only numbers get marks; the mark is NUL, which JSON never holds.
    """
    marked = F.regexp_replace(value, STRING_OR_NUMBER, "$1\0$2\0")
    quoted = F.replace(F.replace(marked, F.lit("\0\0"), F.lit("")), F.lit("\0"), F.lit('"'))
    return F.when(value.rlike(FRACTION) & ~value.contains("\0"), quoted).otherwise(value)


def _judged(parsed: DataFrame, problem: Column) -> DataFrame:
    judged = parsed.select(*PLACE, problem.alias("_corrupt_record"), "parsed")
    return judged.select(*PLACE, "_corrupt_record", F.expr("if(_corrupt_record is null, parsed, null)").alias("record"))


def _decoded(value: Column, layout: Layout) -> Column:
    """The intended characters: a single-byte encoding is read as ISO 8859-1 and translated, without a Java charset."""
    if layout.encoding == "utf-8":
        return value
    upper = bytes(range(128, 256))
    read = value if layout.multiline else F.decode(value.cast("binary"), "ISO-8859-1")
    return F.translate(read, upper.decode("iso-8859-1"), upper.decode(layout.encoding, "replace"))


def _undecodable(layout: Layout) -> Column:
    value = F.col("value")
    return ~F.is_valid_utf8(value) if layout.encoding == "utf-8" else value.contains(REPLACED)


def _csv_schema(fields: int) -> str:
    return ", ".join([*(f"c{at} string" for at in range(fields)), "_bad string"])


def _csv_options(layout: Layout) -> dict[str, str]:
    return {
        "mode": "PERMISSIVE",
        "columnNameOfCorruptRecord": "_bad",
        "columnPruning": "false",  # with it, Spark does not count the fields of a row
        "sep": layout.delimiter,
        "quote": layout.quote,
        "escape": layout.escape,
    }


def _parsed(layout: Layout, fields: int) -> Column:
    value = F.col("value")
    narrow = (F.octet_length(value) < MOST_FIELDS) | (_count(layout.delimiter) < MOST_FIELDS)
    return F.when(narrow, F.from_csv(value, _csv_schema(fields), _csv_options(layout)))


def _count(letter: str) -> Column:
    """The number of times that an ASCII character occurs in the line."""
    value = F.col("value")
    return F.octet_length(value) - F.octet_length(F.replace(value, F.lit(letter), F.lit("")))


def _suspect(layout: Layout, fields: int) -> Column:
    """Whether a row with the right number of fields may still have bad quotes; a full check costs far more than this.

    A closing quote with text after it leaves a quote at the beginning of the field, or has a blank after itself. A
    quote that is never closed is in the last field, and then the line does not end like that field's text.
    """
    value, quote, last = F.col("value"), layout.quote, F.coalesce(F.col(f"parsed.c{fields - 1}"), F.lit(""))
    before = "" if fields == 1 else layout.delimiter
    ends = value.endswith(F.concat(F.lit(before), last)) & ~last.contains(quote)
    ends_quoted = value.endswith(F.concat(F.lit(before + quote), last, F.lit(quote))) & ~last.contains(quote)
    begins = [F.coalesce(F.col(f"parsed.c{at}").startswith(quote), F.expr("false")) for at in range(fields)]
    return (
        reduce(Column.__or__, begins)
        | value.contains(f"{quote} ")
        | value.contains(f"{quote}\t")
        | ~(ends | ends_quoted)
    )


def _framed(layout: Layout) -> Column:
    return F.concat(F.lit(layout.delimiter), F.col("value"))


def _field_count(layout: Layout, expected: int) -> Column:
    delimiter, plain = re.escape(layout.delimiter), _plain(layout)
    field = f"{delimiter}(?:{_quoted(layout)}{plain}|{_opened(layout)}|{plain})"
    found = F.regexp_count(_framed(layout), F.lit(field)).cast("string")
    return F.concat(F.lit("fields: "), found, F.lit(f" of {expected}"))


def well_formed(layout: Layout) -> str:
    """A regular expression of lines (with a delimiter in front) whose quotes are closed, with nothing after them."""
    delimiter = re.escape(layout.delimiter)
    bare = f"[^{_in_class(layout.delimiter)}{_in_class(layout.quote)}]{_plain(layout)}"
    return f"^(?:{delimiter}(?:{_quoted(layout)}(?={delimiter}|\\z)|{bare}|(?={delimiter}|\\z)))*+\\z"


def _plain(layout: Layout) -> str:
    return f"[^{_in_class(layout.delimiter)}]*+"


def _quoted(layout: Layout) -> str:
    return f"{re.escape(layout.quote)}{_inside(layout)}{re.escape(layout.quote)}"


def _opened(layout: Layout) -> str:
    return f"{re.escape(layout.quote)}{_inside(layout)}\\z"


def _inside(layout: Layout) -> str:
    quote, escape = _in_class(layout.quote), _in_class(layout.escape)
    escaped = f"[{quote}][{quote}]" if layout.quote == layout.escape else f"[{escape}](?s:.)"
    return f"(?:[^{quote}{escape}]++|{escaped})*+"


def _in_class(letter: str) -> str:
    return letter if letter.isalnum() else f"\\{letter}"
