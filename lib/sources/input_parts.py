"""One file or table of a batch: its layout is found and checked against its mapping before any row is read."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pyspark.sql import SparkSession

from lib.errors import InputRefused, nearest
from lib.files import File, Files
from lib.sources.mapping import CSV, Layout, Source

HEAD = 1 << 16
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
UTF_8_MARK = b"\xef\xbb\xbf"
CONTROLS = "".join(map(chr, range(0x21)))  # what a blank line may hold


class NeedsSpark(Exception):
    """Without Spark an input cannot be identified: it is in a database, or its name has to be masked."""


def needed(spark: SparkSession | None) -> SparkSession:
    """The session. Raises `NeedsSpark` if it has not started yet."""
    if spark is None:
        raise NeedsSpark
    return spark


@dataclass(frozen=True)
class Part:
    """One file or table. `size` in bytes; `digest`: SHA-256 of its content; `header`: its columns.

    `format` is `csv`, `jsonl`, `json` or `table`; `layout` is for CSV; `rows` is the number that a manifest promises.
    """

    location: str
    name: str
    format: str
    size: int
    digest: str
    header: tuple[str, ...]
    layout: Layout = CSV
    rows: int | None = None


def file_part(files: Files, file: File, source: Source, layout: Layout, format_: str) -> Part:
    """A file as a part.

    Raises `InputRefused` if it is empty, in another encoding or format, or lacks mapped columns.
    """
    head = files.head(file, HEAD)
    _check_bytes(file, head, layout if format_ == "csv" else CSV)
    if format_ == "csv":
        header = _csv_header(file, head, layout, source)
        check_columns(file.uri, header, source, source.source_columns)
    else:
        header = _json_header(file, head, format_, source)
    return Part(file.uri, file.name, format_, file.size, files.sha256(file), header, layout)


def check_columns(location: str, header: Sequence[str], source: Source, needed: Sequence[str]) -> None:
    """Refuse a part that lacks needed columns, or has one of them twice."""
    missing = [name for name in needed if name not in header]
    if missing and len(missing) == len(needed):
        # Its first line may be a row already, so a message must not repeat any of it.
        raise InputRefused(
            f"{location} has none of the columns that mapping '{source.name}' reads: {', '.join(missing)}.",
            "Check its header, the mapping's 'delimiter', and --source.",
        )
    if missing:
        near = "; ".join(f"'{name}' is missing. {nearest(name, header)}" for name in missing)
        raise InputRefused(f"{location} lacks columns that mapping '{source.name}' reads: {near}")
    for name in needed:
        if list(header).count(name) > 1:
            raise InputRefused(f"{location} has two columns named '{name}'.", "Rename one of them in the export.")


def _check_bytes(file: File, head: bytes, layout: Layout) -> None:
    if not head.removeprefix(UTF_8_MARK).strip():
        raise InputRefused(f"{file.uri} is empty.", "Check the export that wrote it.")
    if head.startswith(UTF_16):
        raise InputRefused(f"{file.uri} is UTF-16, but is to be read as {layout.encoding}.", "Export it as UTF-8.")
    if head.startswith(UTF_8_MARK) and layout.encoding != "utf-8":
        raise InputRefused(f"{file.uri} is UTF-8, but is to be read as {layout.encoding}.", "Correct 'encoding'.")


def _csv_header(file: File, head: bytes, layout: Layout, source: Source) -> tuple[str, ...]:
    if not layout.header:
        return source.names
    text = head.removeprefix(UTF_8_MARK).decode(layout.encoding, "replace")
    lines = [line for line in text.replace("\r", "\n").split("\n") if line.strip(CONTROLS)]
    if len(head) == HEAD and len(lines) == 1:
        raise InputRefused(f"{file.uri} has no line end in its first {HEAD} bytes.", "It does not look like CSV.")
    escape = None if layout.escape == layout.quote else layout.escape
    rows = csv.reader(
        lines[:1], delimiter=layout.delimiter, quotechar=layout.quote, escapechar=escape, doublequote=escape is None
    )
    return tuple(name.strip() for name in next(rows))


def _json_header(file: File, head: bytes, format_: str, source: Source) -> tuple[str, ...]:
    """The names in the file's first objects, and those that the mapping reads: any object may leave a key out."""
    text = head.removeprefix(UTF_8_MARK).decode("utf-8", "replace").lstrip()
    if format_ == "json" and not text.startswith("["):
        raise InputRefused(f"{file.uri} is not a JSON array.", "Use format jsonl for one object per line.")
    records = list(_objects(text.removeprefix("[") if format_ == "json" else text))
    if not records and text.strip("[] \r\n\t"):
        raise InputRefused(f"{file.uri} does not begin with a JSON object.", "Check the mapping's 'format'.")
    names = tuple(dict.fromkeys(name for record in records for name in record))
    subject = source.columns.get(source.subject or "")
    if names and subject is not None and subject.kind == "column":
        check_columns(file.uri, names, source, [subject.value])
    return tuple(dict.fromkeys((*names, *source.source_columns)))


def _objects(text: str) -> Iterator[dict[str, object]]:
    decoder = json.JSONDecoder()
    position = 0
    while True:
        position = len(text) - len(text[position:].lstrip(", \r\n\t"))
        try:
            record, position = decoder.raw_decode(text, position)
        except ValueError:  # the end of the head, most often in the middle of an object
            return
        if not isinstance(record, dict):
            return
        yield record
