"""A rotten file in the lake ends a run with one sentence that names it, and the sentence's remedy helps."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.e2e.conftest import Sample
from tests.e2e.lakes import Site, differences

pytestmark = [pytest.mark.spark, pytest.mark.timeout(1800)]


def rot(file: Path) -> None:
    """Change one byte of the end, which a reader needs first; only Hadoop's checksum shows it."""
    stat = file.stat()
    content = bytearray(file.read_bytes())
    content[-12] ^= 255
    file.write_bytes(content)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def tables_read(lake: Path) -> object:
    return json.loads((lake / "published.json").read_text(encoding="utf-8"))["tables"]


def test_a_rotten_file(site: Site, small: Sample, first_batch: Path) -> None:
    lake = site.copy(first_batch, "rotten")
    before = tables_read(lake)
    files = sorted((lake / "silver/purchases").glob("part-*.parquet"))
    for file in files:
        rot(file)
    ending = site.job("pipeline", lake, "--as-of", "2023-10-01")
    said = [
        f"A file of the lake {lake} is damaged or missing: {file.relative_to(lake)}. Nothing has been published. "
        "Run ./spark-submit.sh verify --full, which states what else is damaged and how to repair it.\n"
        for file in files
    ]
    assert ending.code == 4
    assert ending.err in said
    assert tables_read(lake) == before

    full = site.job("verify", lake, "--full")
    assert full.code == 4
    assert full.last_line.startswith("silver/purchases is not what the last job left: part-")
    assert full.last_line.endswith("Run ./spark-submit.sh pipeline, which computes it again or states what it needs.")

    mended = site.job("pipeline", lake)
    assert mended.code == 0, mended.err
    assert differences(lake, small.batches[0]) == []
    assert site.job("verify", lake, "--full").code == 0
