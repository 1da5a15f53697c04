"""What is read into memory is what was written: a damaged file is left to Spark, which says what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, TableFeatures, write_deltalake
from pyarrow import parquet

from lib.audit.expectations import _is_read_differently
from lib.audit.staged import Staged
from lib.contracts.model import Catalog
from lib.delta.small import in_memory
from tests.audit.conftest import VISITS, read


def staged(catalog: Catalog, lake: Path, version: int = 0) -> Staged:
    return Staged(None, catalog["visits"], str(lake / "clinic/visits"), version)  # type: ignore[arg-type]  # not asked


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    rows = pa.table({"number": pa.array([1, 2, None], pa.int32()), "share": pa.array([0.5, 1.0, None], pa.float64())})
    write_deltalake(str(tmp_path / "lake/clinic/visits"), rows)
    return tmp_path / "lake"


def test_a_flipped_bit_of_a_page_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "sums.parquet"
    parquet.write_table(pa.table({"n": list(range(2000))}), file, write_page_checksum=True, use_dictionary=False)
    assert in_memory([str(file)]).num_rows == 2000
    content = bytearray(file.read_bytes())
    content[3000] ^= 1
    file.write_bytes(content)
    with pytest.raises((OSError, pa.ArrowException)):
        in_memory([str(file)])


@pytest.mark.parametrize("damage", ["gone", "empty", "torn"])
def test_a_damaged_file_is_left_to_spark(lake: Path, clinic: Catalog, damage: str) -> None:
    (file,) = (lake / "clinic/visits").glob("*.parquet")
    assert staged(clinic, lake).rows is not None
    content = file.read_bytes()
    file.unlink()
    if damage != "gone":
        file.write_bytes(content[: len(content) // 2] if damage == "torn" else b"")
    assert staged(clinic, lake).rows is None


def test_a_table_that_needs_a_newer_reader_is_left_to_spark(lake: Path, clinic: Catalog) -> None:
    DeltaTable(str(lake / "clinic/visits")).alter.add_feature(
        TableFeatures.DeletionVectors, allow_protocol_versions_increase=True
    )
    assert staged(clinic, lake, 0).rows is not None
    assert staged(clinic, lake, 1).rows is None


def test_what_pandas_would_read_differently_is_left_to_spark(lake: Path, clinic: Catalog, tmp_path: Path) -> None:
    assert _is_read_differently(staged(clinic, lake))  # a pattern
    catalog = read(tmp_path / "plain", VISITS.replace("logicalTypeOptions: {pattern: '^[A-Z][0-9]+$'}", ""))
    assert not _is_read_differently(staged(catalog, lake))
    nan = pa.table({"number": pa.array([1], pa.int32()), "share": pa.array([float("nan")], pa.float64())})
    write_deltalake(str(lake / "clinic/visits"), nan, mode="overwrite")
    assert _is_read_differently(staged(catalog, lake, 1))
