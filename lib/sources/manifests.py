"""Manifests of the Data Splitter (docs/splitter.md): three parts that form one batch, if they are complete."""

from __future__ import annotations

import codecs
import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pyspark.sql import SparkSession

from lib.errors import InputRefused
from lib.files import File, Files
from lib.sources import databases
from lib.sources.input_parts import Part, check_columns, file_part, needed
from lib.sources.mapping import Layout, Source

FORMAT, VERSION = "splitter-manifest", 1
LARGEST = 1 << 24
FILE_FORMATS = {"json": "jsonl", "csv": "csv"}


def content(files: Files, file: File) -> Mapping[str, Any] | None:
    """The content of a splitter's manifest; None if the file is something else."""
    if not file.name.endswith(".json") or file.size > LARGEST:
        return None
    try:
        found = json.loads(files.head(file, LARGEST))
    except ValueError:
        return None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        return None
    if found.get("version") != VERSION:
        raise InputRefused(f"{file.uri} is a manifest of version {found.get('version')}.", f"Known is {VERSION}.")
    return found


@dataclass(frozen=True)
class Manifest:
    """A manifest, with everything needed to compare its parts with its statements."""

    spark: SparkSession | None
    files: Files
    file: File
    content: Mapping[str, Any]
    source: Source

    def parts(self) -> tuple[Part, ...]:
        """The parts, each checked against the manifest. Raises `InputRefused` if one is missing or differs."""
        try:
            return tuple(self._part(entry) for entry in self.content["parts"])
        except (KeyError, TypeError) as error:
            raise InputRefused(f"{self.file.uri} lacks {error}.", "Split the input again.") from error

    @property
    def _header(self) -> tuple[str, ...]:
        return tuple(self.content["header"])

    def _part(self, entry: Mapping[str, Any]) -> Part:
        if entry["format"] == "postgresql":
            return self._server_part(entry)
        file = self.files.find(self.files.beside(self.file, entry["file"]))[0]
        if entry["format"] == "sqlite":
            return self._sqlite_part(file, entry)
        part = file_part(self.files, file, self.source, self._layout(entry), FILE_FORMATS[entry["format"]])
        self._require(file.name, part.size == entry["bytes"] and part.digest == entry["sha256"])
        return dataclasses.replace(part, header=self._header, rows=entry["rows"])

    def _layout(self, entry: Mapping[str, Any]) -> Layout:
        """The layout of the CSV part: as the splitter wrote it; the mapping describes only the splitter's input."""
        dialect = entry.get("dialect")
        if dialect is None:
            return self.source.layout
        return Layout(
            delimiter=dialect["delimiter"],
            quote=dialect["quote"],
            escape=dialect["quote"],
            encoding=codecs.lookup(dialect["encoding"]).name,
            multiline=self.source.layout.multiline,
        )

    def _sqlite_part(self, file: File, entry: Mapping[str, Any]) -> Part:
        self._require(file.name, self.files.sha256(file) == entry["file_sha256"])
        check_columns(file.uri, self._header, self.source, self.source.source_columns)
        address = f"sqlite:///{quote(self.files.local_path(file))}?table={quote(entry['table'])}"
        return Part(address, file.name, "table", file.size, entry["sha256"], self._header, rows=entry["rows"])

    def _server_part(self, entry: Mapping[str, Any]) -> Part:
        mark = "&" if "?" in entry["database"] else "?"
        address = f"{entry['database']}{mark}table={quote(entry['table'])}&schema={quote(entry['schema'])}"
        check_columns(address, self._header, self.source, self.source.source_columns)
        found = databases.count_and_checksum(needed(self.spark), databases.parse(address), self._header)
        self._require(address, found == (entry["rows"], entry["checksum"]))
        size = entry["bytes"]
        return Part(address, entry["table"], "table", size, entry["sha256"], self._header, rows=entry["rows"])

    def _require(self, part: str, condition: object) -> None:
        if not condition:
            raise InputRefused(f"{self.file.uri}: {part} is not what the manifest says.", "Split the input again.")
