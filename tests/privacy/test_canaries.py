"""A value of each column of fifty persons is found before their erasure, and in no byte of the lake after it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from lib.residue.residue import Wanted, scan
from tests.privacy.conftest import COLUMNS, MARKED, REFUSED, Erased, mark
from tests.privacy.test_erasure import texts

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.timeout(580)]

ALL = {
    column: tuple(mark(column, number) for number in range(len(MARKED)))
    for column in ("user_id", *COLUMNS, *REFUSED)
}  # fmt: skip


@cache
def everything(lake: Path) -> bytes:
    """All bytes of a lake, as stored and decoded, not by the tested scanner."""
    return b"\n".join(name.encode() + b"\n" + text for name, text in texts(lake))


@pytest.mark.parametrize("column", ALL)
def test_each_is_there_before_and_none_after(before: Path, erased: Erased, column: str) -> None:
    assert [value for value in ALL[column] if value.encode() not in everything(before)] == []
    assert [value for value in ALL[column] if value.encode() in everything(erased.lake)] == []


def test_the_scanner_says_the_same(before: Path, erased: Erased) -> None:
    wanted = Wanted(texts=frozenset(value for values in ALL.values() for value in values))
    kinds = scan([before], wanted).by_kind
    assert kinds["data file"] >= 8
    assert set(kinds) == {"data file"}  # neither log, checksum nor checkpoint remembers a value, in no lake
    after = scan([erased.lake], wanted)
    assert (after.findings, after.unread) == ([], [])


def test_there_are_checkpoints_checksums_old_versions_and_an_orphan_to_look_through(
    before: Path, erased: Erased
) -> None:
    for pattern in ("*.checkpoint*.parquet", "*.crc", "*.json"):
        assert list((before / "bronze/sales_events/_delta_log").glob(pattern)), pattern
    assert list(erased.lake.rglob("*orphan*")) == []
