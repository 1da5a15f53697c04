"""From what the operator names to batches: files found, checked, and identified by their content."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from pyspark.sql import SparkSession

from lib.contracts import Table
from lib.errors import InputRefused
from lib.files import File, Files
from lib.sources import Source, nearest

HEAD = 1 << 16
ID_LENGTH = 32
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
UTF_8_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Part:
    """One file or table of a batch: `digest` is the SHA-256 of its content, `header` the names of its columns."""

    location: str
    name: str
    format: str
    size: int
    digest: str
    header: tuple[str, ...]


@dataclass(frozen=True)
class Batch:
    """What is loaded together or not at all. Its `id` follows from its content alone."""

    id: str
    source: str
    name: str
    parts: tuple[Part, ...]
    extract_date: date | None

    @property
    def header(self) -> tuple[str, ...]:
        """The columns that any of its parts has, in the order in which they are met."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.header))


def resolve(
    spark: SparkSession, inputs: Sequence[str], source: Source, extract_date: date | None = None
) -> list[Batch]:
    """The batches that the inputs mean, each content once, in the order given.

    Raises `InputRefused` if an input is missing, is not what the mapping says, or lacks columns it maps.
    """
    files = Files(spark)
    batches = (_batch(files, file, source, extract_date) for location in inputs for file in files.find(location))
    return list({batch.id: batch for batch in reversed(list(batches))}.values())[::-1]


def dropped_columns(header: Iterable[str], source: Source, bronze: Table) -> tuple[str, ...]:
    """The columns of the source that do not enter the lake: named in the ledger, read by nobody."""
    entering = {column.name for column in bronze.stored}
    taken = {o.value for name, o in source.columns.items() if o.kind == "column" and name in entering}
    return tuple(name for name in header if name not in taken)


def _batch(files: Files, file: File, source: Source, extract_date: date | None) -> Batch:
    part = _file_part(files, file, source, source.format)
    stated = extract_date or (source.extract_date.read(file.name) if source.extract_date else None)
    return Batch(part.digest[:ID_LENGTH], source.name, file.name, (part,), stated)


def _file_part(files: Files, file: File, source: Source, format_: str) -> Part:
    header = _header(file, files.head(file, HEAD), source, format_)
    _check_columns(file.uri, header, source)
    return Part(file.uri, file.name, format_, file.size, files.sha256(file), header)


def _header(file: File, head: bytes, source: Source, format_: str) -> tuple[str, ...]:
    if not head.strip():
        raise InputRefused(f"{file.uri} is empty.", "Check the export that wrote it.")
    if head.startswith(UTF_16):
        raise InputRefused(f"{file.uri} is UTF-16, its mapping says {source.encoding}.", "Export it as UTF-8.")
    if head.startswith(UTF_8_MARK) and source.encoding != "utf-8":
        raise InputRefused(f"{file.uri} is UTF-8, its mapping says {source.encoding}.", "Correct 'encoding'.")
    if format_ == "csv":
        return _csv_header(file, head, source)
    return _json_keys(file, head, format_)


def _csv_header(file: File, head: bytes, source: Source) -> tuple[str, ...]:
    if not source.header:
        return source.names
    text = head.removeprefix(UTF_8_MARK).decode(source.encoding, "replace")
    lines = [line for line in text.replace("\r", "\n").split("\n") if line.strip()]
    if len(head) == HEAD and len(lines) == 1:
        raise InputRefused(f"{file.uri} has no line end in its first {HEAD} bytes.", "It does not look like CSV.")
    escape = None if source.escape == source.quote else source.escape
    rows = csv.reader(
        lines[:1], delimiter=source.delimiter, quotechar=source.quote, escapechar=escape, doublequote=escape is None
    )
    return tuple(name.strip() for name in next(rows))


def _json_keys(file: File, head: bytes, format_: str) -> tuple[str, ...]:
    text = head.removeprefix(UTF_8_MARK).decode("utf-8", "replace").lstrip()
    if format_ == "json" and not text.startswith("["):
        raise InputRefused(f"{file.uri} is not a JSON array.", "Use format jsonl for one object per line.")
    records = list(_records(text.removeprefix("[") if format_ == "json" else text))
    if not records and text.strip("[] \r\n\t"):
        raise InputRefused(f"{file.uri} does not begin with a JSON object.", "Check 'format' of the mapping.")
    return tuple(dict.fromkeys(key for record in records for key in record))


def _records(text: str) -> Iterator[dict[str, object]]:
    decoder = json.JSONDecoder()
    position = 0
    while True:
        position += len(text[position:]) - len(text[position:].lstrip(", \r\n\t"))
        try:
            record, position = decoder.raw_decode(text, position)
        except ValueError:  # the end of the head, most often in the middle of an object
            return
        if not isinstance(record, dict):
            return
        yield record


def _check_columns(location: str, header: Sequence[str], source: Source) -> None:
    missing = [name for name in source.source_columns if name not in header]
    if len(missing) == len(source.source_columns) and missing:
        # Perhaps its first line is a row already: nothing of it may be repeated in a message.
        raise InputRefused(
            f"{location} has none of the columns that mapping '{source.name}' reads: {', '.join(missing)}.",
            "Check its header, 'delimiter' and --source.",
        )
    if missing:
        near = "; ".join(f"'{name}' is missing, {nearest(name, header)}" for name in missing)
        raise InputRefused(f"{location} lacks columns that mapping '{source.name}' reads: {near}", "")
    for name in source.source_columns:
        if list(header).count(name) > 1:
            raise InputRefused(f"{location} has two columns named '{name}'.", "Rename one of them in the export.")


def combined_id(digests: Iterable[str]) -> str:
    """The id of a batch of several parts, from their SHA-256."""
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()[:ID_LENGTH]
