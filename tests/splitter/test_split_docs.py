"""The example of docs/splitter.md is what the splitter does."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path
from textwrap import dedent
from typing import Any

from splitter.split import Order, split
from tests.splitter.reading import Output

PAGE = Path(__file__).parents[2] / "docs" / "splitter.md"


def test_the_example(tmp_path: Path) -> None:
    blocks = [dedent(block) for block in re.findall(r"\n\n((?:    .*\n)+)", PAGE.read_text())]
    source = next(block for block in blocks if block.startswith("id,comment"))
    (tmp_path / "export.csv").write_text(source)
    split(Order(tmp_path / "export.csv", tmp_path / "out"))
    expected = json.loads(next(block for block in blocks if '"splitter-manifest"' in block))
    assert without_sqlite_version(Output(tmp_path / "out").manifest) == without_sqlite_version(expected)


def without_sqlite_version(manifest: dict[str, Any]) -> dict[str, Any]:
    """Two versions of SQLite may lay out a file differently."""
    for name in ("file_sha256", "bytes"):
        manifest["parts"][1].pop(name)
    return manifest


def test_the_canonical_form_in_python() -> None:
    line = re.search(r"canonical = (\".*\").encode\(\)", PAGE.read_text())
    assert line
    assert line.group(1) == r'"7\0,\0,\0E"'
    assert sha256(b"7\0,\0,\0E").digest() == sha256(b"\0,".join([b"7", b"", b"\0E"])).digest()
