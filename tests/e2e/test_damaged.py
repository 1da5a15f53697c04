"""A damaged file of the lake ends a run in one sentence that names the file, and nothing is published."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.lakes import PROJECT, Site

pytestmark = [pytest.mark.spark, pytest.mark.timeout(1800)]


def flipped(file: Path) -> None:
    """One byte of the end, which a reader needs first, is another one: Hadoop's checksum does not fit."""
    content = bytearray(file.read_bytes())
    content[-12] ^= 255
    file.write_bytes(content)


def truncated(file: Path) -> None:
    """Half of it is there, and nothing says so but the file itself."""
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    file.with_name(f".{file.name}.crc").unlink()


@pytest.mark.parametrize(
    "damage",
    [
        flipped,
        pytest.param(truncated, marks=pytest.mark.long),
        pytest.param(Path.unlink, marks=pytest.mark.long),
    ],
)
def test_a_damaged_file(site: Site, first_batch: Path, damage: Callable[[Path], None]) -> None:
    lake = site.copy(first_batch, f"damaged-{damage.__name__}")
    before = (lake / "published.json").read_text(encoding="utf-8")
    files = sorted((lake / "silver/purchases").glob("part-*.parquet"))
    for file in files:
        damage(file)
    ending = site.job("pipeline", lake, "--as-of", "2023-10-01")
    said = [
        f"A file of the lake {lake} is damaged or missing: {file.relative_to(lake)}. Nothing has been published. "
        "Run ./spark-submit.sh verify --full, which says what else is and how to mend it.\n"
        for file in files
    ]
    assert ending.code == 4
    assert ending.err in said
    assert (lake / "published.json").read_text(encoding="utf-8") == before
    if (PROJECT / "jobs/verify.py").exists():
        assert site.job("verify", lake, "--full").code == 4
