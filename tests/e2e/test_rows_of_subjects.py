"""When the rows of some subjects change, only the necessary files are written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from lib.contracts import model
from lib.contracts.model import Table
from lib.delta.tables import Tables
from lib.local_frames import frame_of

pytestmark = pytest.mark.spark

CONTRACT = """\
apiVersion: v3.2.0
kind: DataContract
id: clinic-stays
version: 1.0.0
status: active
schema:
  - name: stays
    physicalType: table
    description: Stays of patients
    dataGranularityDescription: one row per stay
    customProperties:
      - {property: load, value: subject}
      - {property: subject, value: patient}
    properties:
      - {name: stay, logicalType: integer, physicalType: bigint, primaryKey: true, description: The stay}
      - {name: patient, logicalType: integer, physicalType: bigint, required: true, description: Who stays}
      - {name: ward, logicalType: string, description: Where}
"""
FILES = 4
# Stay i of patient i div 10, four files of ten.
BEFORE = [(stay, stay // 10, "east") for stay in range(40)]
Row = tuple[int, int, str | None]


class Stays:
    """The table, in four files; a change must rewrite only the files of the changed rows."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self.spark = spark
        (folder / "contracts" / "clinic").mkdir(parents=True)
        (folder / "contracts" / "clinic" / "stays.yaml").write_text(CONTRACT, encoding="utf-8")
        self.table: Table = model.load(folder / "contracts")["stays"]
        self.tables = Tables(spark, str(folder / "lake"), "test")
        for file in range(FILES):
            self.tables.append(self.table, self._frame(BEFORE[file * 10 : file * 10 + 10]))

    def replace(self, rows: Sequence[Row], patients: Sequence[int]) -> int | None:
        subjects = frame_of(self.spark, [(patient,) for patient in patients], "patient bigint")
        return self.tables.replace_subjects(self.table, self._frame(rows), subjects).version

    def rows(self) -> list[tuple[int, int, str | None]]:
        return [tuple(row) for row in self.tables.read(self.table).orderBy("stay").collect()]

    def files(self) -> set[str]:
        return set(self.tables.read(self.table).inputFiles())

    def operation(self) -> str:
        location = self.tables.location(self.table)
        history = self.spark.sql(f"describe history delta.`{location}` limit 1").collect()
        return str(history[0]["operation"])

    def _frame(self, rows: Sequence[Row]) -> DataFrame:
        return frame_of(self.spark, rows, self.table.schema).coalesce(1)


@pytest.fixture
def stays(spark: SparkSession, tmp_path: Path) -> Stays:
    return Stays(spark, tmp_path)


def test_the_same_rows_are_no_commit(stays: Stays) -> None:
    before = stays.tables.version(stays.table)
    assert stays.replace(BEFORE[:20], [0, 1]) == before
    assert stays.rows() == BEFORE


def test_new_rows_are_added_and_no_file_is_touched(stays: Stays) -> None:
    before = stays.files()
    stays.replace([*BEFORE[:10], (40, 0, "west"), (41, 4, None)], [0, 4])
    assert stays.rows() == [*BEFORE, (40, 0, "west"), (41, 4, None)]
    assert before < stays.files()


def test_of_a_changed_row_only_its_file_is_written(stays: Stays) -> None:
    before = stays.files()
    stays.replace([*BEFORE[:9], (9, 0, None)], [0])
    assert stays.rows() == [*BEFORE[:9], (9, 0, None), *BEFORE[10:]]
    assert stays.operation() == "MERGE"
    assert len(before & stays.files()) == FILES - 1


def test_more_changed_rows_than_files_are_no_merge(stays: Stays) -> None:
    stays.replace([(stay, 1, "west") for stay in range(10, 18)] + [(40, 1, "new")], [1])
    assert stays.rows() == [*BEFORE[:10], *((s, 1, "west") for s in range(10, 18)), *BEFORE[20:], (40, 1, "new")]
    assert stays.operation() == "WRITE"


def test_rows_of_others_stay_whatever_is_given(stays: Stays) -> None:
    stays.replace([(0, 0, "north"), (20, 2, "north")], [0])
    assert stays.rows() == [(0, 0, "north"), *BEFORE[10:]]


def test_a_subject_without_rows_loses_them_all(stays: Stays) -> None:
    stays.replace([], [3])
    assert stays.rows() == BEFORE[:30]
