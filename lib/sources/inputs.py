"""From the operator's inputs to batches: files are found, checked, and identified by their content."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from lib import faults
from lib.errors import InputRefused, UsageError
from lib.files import File, Files
from lib.sources import databases, manifests
from lib.sources.cards import has_long_number, masked_names
from lib.sources.input_parts import Part, check_columns, file_part, needed
from lib.sources.mapping import Source

ID_LENGTH = 32


@dataclass(frozen=True)
class Batch:
    """Rows that are loaded together or not at all. The `id` is computed from the content alone.

    `loaded_at` is the time of the first load, if the batch was lost since and comes again.
    """

    id: str
    source: str
    name: str
    parts: tuple[Part, ...]
    extract_date: date | None
    loaded_at: datetime | None = None

    @property
    def header(self) -> tuple[str, ...]:
        """The columns of all its parts, in the order of their first appearance."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.header))


def resolve(
    spark: SparkSession | None, inputs: Sequence[str], source: Source, extract_date: date | None = None
) -> list[Batch]:
    """The batches of the inputs, each content once, in the given order.

    Raises `InputRefused` if an input is missing, does not fit the mapping, or lacks mapped columns; `NeedsSpark` if
    there is no session and an input needs one.
    """
    found: dict[str, Batch] = {}
    for location in inputs:
        for batch in _batches(spark, location, source, extract_date):
            found.setdefault(batch.id, dataclasses.replace(batch, parts=_named(spark, batch.parts)))
    return list(found.values())


def _named(spark: SparkSession | None, parts: Sequence[Part]) -> tuple[Part, ...]:
    """The parts under names that the lake may hold: a file's name may contain a card number too."""
    names = [part.name for part in parts]
    if has_long_number(names):
        names = list(masked_names(needed(spark), names))
    return tuple(dataclasses.replace(part, name=name) for part, name in zip(parts, names, strict=True))


def _batches(spark: SparkSession | None, location: str, source: Source, extract_date: date | None) -> Iterator[Batch]:
    if databases.is_address(location):
        yield _of_table(needed(spark), location, source, extract_date)
        return
    files = Files()
    for file in files.find(location):
        content = manifests.content(files, file)
        if content is not None:
            parts = manifests.Manifest(spark, files, file, content, source).parts()
            digest = hashlib.sha256("\n".join(part.digest for part in parts).encode()).hexdigest()
            name = str(content["input"]["file"])
        else:
            parts = (_of_file(files, file, source),)
            digest, name = parts[0].digest, file.name
        yield Batch(digest[:ID_LENGTH], source.name, name, parts, extract_date or _stated_date(source, name))


def _of_file(files: Files, file: File, source: Source) -> Part:
    if source.format == "table":
        raise UsageError(
            f"Mapping '{source.name}' reads tables, {file.uri} is a file.", "Give sqlite:///file?table=name."
        )
    return file_part(files, file, source, source.layout, source.format)


def _of_table(spark: SparkSession, address: str, source: Source, extract_date: date | None) -> Batch:
    table = databases.parse(address)
    header = databases.columns(spark, table)
    check_columns(address, header, source, source.source_columns)
    try:
        digest = databases.digest(spark, table, header)
    except (PySparkException, Py4JJavaError) as error:
        raise InputRefused(
            f"{table.address} cannot be read to its end ({faults.kind(error)}).",
            "Check that the database still answers.",
        ) from error
    part = Part(address, table.table, "table", 0, digest, header)
    return Batch(digest[:ID_LENGTH], source.name, table.table, (part,), extract_date)


def _stated_date(source: Source, name: str) -> date | None:
    return source.extract_date.read(name) if source.extract_date else None
