"""Manifests of the Data Splitter (docs/splitter.md): three parts that together are one batch, if they are whole."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from pyspark.sql import SparkSession

from lib import databases
from lib.errors import InputRefused
from lib.files import File, Files
from lib.parts import Part, check_columns, file_part
from lib.sources import Layout, Source

FORMAT, VERSION = "splitter-manifest", 1
LARGEST = 1 << 24
FILE_FORMATS = {"json": "jsonl", "csv": "csv"}


def manifest(files: Files, file: File) -> Mapping[str, Any] | None:
    """The content of a splitter's manifest; None if the file is something else."""
    if not file.name.endswith(".json") or file.size > LARGEST:
        return None
    try:
        content = json.loads(files.head(file, LARGEST))
    except ValueError:
        return None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        return None
    if content.get("version") != VERSION:
        raise InputRefused(f"{file.uri} is a manifest of version {content.get('version')}.", f"Known is {VERSION}.")
    return content


def parts(
    spark: SparkSession, files: Files, file: File, content: Mapping[str, Any], source: Source
) -> tuple[Part, ...]:
    """The parts that a manifest names, each compared with what the manifest says of it.

    Raises `InputRefused` if one is missing or differs.
    """
    try:
        return tuple(_part(spark, files, file, entry, source, tuple(content["header"])) for entry in content["parts"])
    except (KeyError, TypeError) as error:
        raise InputRefused(f"{file.uri} lacks {error}.", "Split the input again.") from error


def _part(
    spark: SparkSession, files: Files, beside: File, entry: Mapping[str, Any], source: Source, header: tuple[str, ...]
) -> Part:
    if entry["format"] == "postgresql":
        return _server_part(spark, entry, source, header)
    file = files.find(files.beside(beside, entry["file"]))[0]
    if entry["format"] == "sqlite":
        return _sqlite_part(files, file, entry, source, header)
    format_ = FILE_FORMATS[entry["format"]]
    part = file_part(files, file, source, _layout(entry, source), format_)
    _require(part.size == entry["bytes"] and part.digest == entry["sha256"], beside, file.name)
    whole = header if format_ == "jsonl" else part.header
    return dataclasses.replace(part, header=whole, rows=entry["rows"])


def _layout(entry: Mapping[str, Any], source: Source) -> Layout:
    dialect = entry.get("dialect", {})
    quote = dialect.get("quote", source.layout.quote)
    return dataclasses.replace(
        source.layout,
        delimiter=dialect.get("delimiter", source.layout.delimiter),
        quote=quote,
        escape=quote,
        encoding=dialect.get("encoding", source.layout.encoding),
        header=True,
    )


def _sqlite_part(files: Files, file: File, entry: Mapping[str, Any], source: Source, header: tuple[str, ...]) -> Part:
    _require(files.sha256(file) == entry["file_sha256"], file, file.name)
    check_columns(file.uri, header, source, source.source_columns)
    address = f"sqlite:///{files.local_path(file)}?table={entry['table']}"
    return Part(address, file.name, "table", file.size, entry["sha256"], header, rows=entry["rows"])


def _server_part(spark: SparkSession, entry: Mapping[str, Any], source: Source, header: tuple[str, ...]) -> Part:
    mark = "&" if "?" in entry["database"] else "?"
    address = f"{entry['database']}{mark}table={entry['table']}&schema={entry['schema']}"
    table = databases.parse(address)
    check_columns(address, header, source, source.source_columns)
    found = databases.count_and_checksum(spark, table, header)
    if found != (entry["rows"], entry["checksum"]):
        raise InputRefused(f"{address} is not what the manifest says.", "Split the input again.")
    return Part(address, entry["table"], "table", entry["bytes"], entry["sha256"], header, rows=entry["rows"])


def _require(condition: bool, beside: File, name: str) -> None:  # noqa: FBT001 - a check reads best so
    if not condition:
        raise InputRefused(f"{beside.uri}: part {name} is not what the manifest says.", "Split the input again.")
