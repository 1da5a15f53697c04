"""Open anonymous lines are seen in the files of a lake without Spark: with one of them a sale may count twice."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from lib.contracts import model
from lib.delta.pins import DataFile, Pin, Pins
from lib.privacy import anonymous_lines
from tests.e2e.lakes import PROJECT

CATALOG = model.load(PROJECT / "lakehouse")
PATH = "silver/erased_sales"


def base_of(root: Path, *files: list[str]) -> Pins:
    (root / PATH).mkdir(parents=True)
    for number, keys in enumerate(files):
        parquet.write_table(
            pa.table({"erased_sale_key": pa.array(keys, pa.string())}), root / PATH / f"{number}.parquet"
        )
    pinned = Pin(0, {}, {f"{number}.parquet": DataFile(1, "", 0, guarded=False) for number in range(len(files))})
    return Pins(tables={PATH: pinned})


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([], False),
        ([[]], False),
        ([["5f2a", "reopen-5f2a"]], False),
        ([["5f2a", "open-5f2a"]], True),
        ([["5f2a"], ["open-5f2a"]], True),
    ],
)
def test_one_open_line_is_enough(tmp_path: Path, files: list[list[str]], *, expected: bool) -> None:
    base = base_of(tmp_path, *files)
    assert anonymous_lines.may_be_open(str(tmp_path), CATALOG, base) is expected


def test_files_elsewhere_cannot_be_asked(tmp_path: Path) -> None:
    base = base_of(tmp_path, ["5f2a"])
    assert anonymous_lines.may_be_open("s3a://bucket/lake", CATALOG, base)


def test_a_lake_without_an_erasure_has_none() -> None:
    assert not anonymous_lines.may_be_open("s3a://bucket/lake", CATALOG, Pins())
