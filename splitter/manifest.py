"""The manifest: what a reader needs to check that it holds all of the input (docs/splitter.md)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from splitter.dialect import Dialect
    from splitter.parts import PartSummary

FORMAT = "splitter-manifest"
VERSION = 1


@dataclass(frozen=True)
class InputSummary:
    """The input as it was read."""

    file: str
    rows: int
    bytes: int
    sha256: str
    checksum: int
    blank_lines: int


@dataclass(frozen=True)
class Manifest:
    """One split."""

    input: InputSummary
    header: tuple[str, ...]
    rule: dict[str, str]
    dialect: Dialect
    line_end: str
    malformed: Mapping[str, int]
    parts: tuple[PartSummary, ...]

    def to_json(self) -> bytes:
        """Write it out; the same input and options give the same figures."""
        malformed = {"total": sum(self.malformed.values()), **self.malformed}
        content = {
            "format": FORMAT,
            "version": VERSION,
            "input": self._input(malformed["total"]),
            "header": list(self.header),
            "rule": self.rule,
            "malformed_rows": malformed,
            "parts": [self._part(part, malformed["total"]) for part in self.parts],
        }
        return json.dumps(content, ensure_ascii=False, indent=2).encode() + b"\n"

    def _input(self, malformed: int) -> dict[str, object]:
        return {
            "file": self.input.file,
            "encoding": self.dialect.decoder.removesuffix("-sig"),
            "rows": self.input.rows,
            "malformed_rows": malformed,
            "blank_lines": self.input.blank_lines,
            "columns": len(self.header),
            "bytes": self.input.bytes,
            "sha256": self.input.sha256,
            "checksum": self.input.checksum,
        }

    def _part(self, part: PartSummary, malformed: int) -> dict[str, object]:
        content: dict[str, object] = {
            "format": part.format,
            **part.place,
            "rows": part.rows,
            "malformed_rows": malformed if part.format == "csv" else 0,
            "columns": len(self.header),
            "bytes": part.bytes,
            "sha256": part.sha256,
            "checksum": part.checksum,
        }
        if part.format == "csv":
            content["dialect"] = self._csv_dialect()
        return content

    def _csv_dialect(self) -> dict[str, object]:
        return {
            "delimiter": self.dialect.delimiter,
            "quote": self.dialect.quote,
            "escape": "doubled quote",
            "encoding": self.dialect.encoder,
            "line_end": self.line_end,
            "header": True,
            "missing": "unquoted empty field",
        }
