"""The engine knows nothing of shops: another domain is loaded, judged, published, corrected by rights, and served."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.hospital.conftest import CONTRACTS, HERE, Hospital
from tests.serving.server import running

pytestmark = [pytest.mark.spark, pytest.mark.e2e]
Rows = Callable[[Path, str, str], list[tuple[Any, ...]]]
MARCH, APRIL = dt.date(2023, 3, 1), dt.date(2023, 4, 1)
MART = "mart_care/admissions"
FIGURES = "month ward stays of_registered nights"


def test_both_kinds_of_rows_meet_in_the_mart(loaded: Path, rows: Rows) -> None:
    assert rows(loaded, MART, FIGURES) == [
        (MARCH, "Cardiology", 1, 1, 3),
        (MARCH, "Unknown", 1, 1, None),
        (APRIL, "Surgery", 1, 0, None),
    ]


def test_each_table_with_row_rules_judges_its_rows(loaded: Path, rows: Rows) -> None:
    assert rows(loaded, "silver/patient_quarantine", "_row reasons") == [
        (2, ["birth_year_impossible"]),
        (4, ["patient_missing"]),
    ]
    assert rows(loaded, "silver/stay_quarantine", "_row reasons") == [(4, ["admitted_on_invalid"])]
    broken = [row for row in rows(loaded, "mart_operations/quality", "table_name rule violations") if row[2]]
    assert broken == [
        ("silver/admission_rows", "admitted_on_invalid", 1),
        ("silver/admission_rows", "left_before_admission", 1),
        ("silver/patient_rows", "birth_year_impossible", 1),
        ("silver/patient_rows", "patient_missing", 1),
    ]


def test_every_source_row_has_one_outcome(loaded: Path, rows: Rows) -> None:
    assert rows(loaded, "mart_operations/runs", "batches rows_in accepted quarantined users") == [(2, 8, 5, 3, 4)]


def test_a_batch_of_one_kind_changes_what_the_other_kind_says(hospital: Hospital, loaded: Path, rows: Rows) -> None:
    lake = hospital.copy(loaded, "later")
    assert hospital.load(lake, "registry-2").code == 0
    assert rows(lake, MART, FIGURES)[2] == (APRIL, "Surgery", 1, 1, None)
    assert len(rows(lake, "silver/stay_quarantine", "_row")) == 1


def test_the_order_of_the_files_does_not_matter(hospital: Hospital, loaded: Path, rows: Rows) -> None:
    lake = hospital.lake("backwards")
    for file in ("wards-1", "registry-1"):
        assert hospital.load(lake, file).code == 0
    assert rows(lake, MART, FIGURES) == rows(loaded, MART, FIGURES)
    assert hospital.job("pipeline", lake, "--rebuild").code == 0
    assert rows(lake, MART, FIGURES) == rows(loaded, MART, FIGURES)


def test_what_passes_a_rule_of_today_is_replayed(hospital: Hospital, loaded: Path, tmp_path: Path, rows: Rows) -> None:
    lake, contracts = hospital.copy(loaded, "replayed"), tmp_path / "contracts"
    shutil.copytree(CONTRACTS, contracts)
    rule = contracts / "silver/patient_rows.yaml"
    rule.write_text(rule.read_text(encoding="utf-8").replace("- 130", "- 150"), encoding="utf-8")
    done = hospital.job("replay_quarantine", lake, contracts=contracts)
    assert done.last_line.startswith("1 of the rows in quarantine passed.")
    assert rows(lake, "silver/patient_quarantine", "_row") == [(4,)]


def test_an_erased_patient_leaves_both_bronze_tables(
    hospital: Hospital, loaded: Path, tmp_path: Path, rows: Rows
) -> None:
    lake, file = hospital.copy(loaded, "erased"), tmp_path / "patients.txt"
    file.write_text("p1\n", encoding="utf-8")
    done = hospital.job("erase_subjects", lake, "--subjects", str(file), "--grace", "0")
    assert "COMPLETE: 1 erased" in done.last_line
    assert rows(lake, "bronze/patient_records", "_row") == [(2,), (3,), (4,)]
    assert rows(lake, "bronze/admission_records", "_row") == [(3,), (4,)]
    assert rows(lake, MART, FIGURES) == [(APRIL, "Surgery", 1, 0, None)]


def test_a_patient_can_have_columns_of_both_corrected(
    hospital: Hospital, loaded: Path, tmp_path: Path, rows: Rows
) -> None:
    lake, file = hospital.copy(loaded, "corrected"), tmp_path / "corrections.jsonl"
    file.write_text('{"patient_id": "p2", "birth_year": 1980}\n{"patient_id": "p4", "ward": "Eye"}\n', encoding="utf-8")
    done = hospital.job("rectify_subject", lake, "--corrections", str(file))
    assert done.code == 0, done.err
    assert rows(lake, "silver/patient_quarantine", "_row") == [(4,)]
    assert rows(lake, MART, FIGURES)[2] == (APRIL, "Eye", 1, 0, None)


def test_of_a_lost_bronze_table_its_own_batch_is_asked_for(hospital: Hospital, loaded: Path, rows: Rows) -> None:
    lake = hospital.copy(loaded, "lost")
    for file in (lake / "bronze/admission_records").glob("*.parquet"):
        file.unlink()
    asked = hospital.job("pipeline", lake)
    assert asked.code == 4
    assert "bronze/admission_records" in asked.last_line
    assert "--source wards --input wards-1.csv" in asked.last_line
    assert "registry" not in asked.last_line
    assert hospital.load(lake, "wards-1").code == 0
    assert rows(lake, MART, FIGURES) == rows(loaded, MART, FIGURES)


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ("format: csv\ncolumns: {patient_id: Nr}\n", "'bronze' must name a bronze table"),
        ("format: csv\nbronze: patients\ncolumns: {patient_id: Nr}\n", "'bronze' must name a bronze table"),
        ("format: csv\nbronze: admission_records\ncolumns: {patient_id: Patient}\n", "'hospital' is missing"),
        (
            "format: csv\nbronze: admission_records\nhospital: North\ncolumns: {patient_id: Patient}\n",
            "'hospital' must be two letters such as NW",
        ),
        (
            "format: csv\nbronze: patient_records\nhospital: NW\ncolumns: {patient_id: Nr}\n",
            "'hospital' is not a key of a mapping",
        ),
        (
            "format: csv\ndelimiter: ';'\nbronze: admission_records\nhospital: ZZ\ncolumns: {patient_id: Patient}\n",
            "Source 'other' states ZZ, but this lake holds NW. One lake holds one hospital",
        ),
    ],
)
def test_a_mapping_says_which_table_and_what_the_table_asks(
    hospital: Hospital, loaded: Path, mapping: str, said: str
) -> None:
    (hospital.sources / "other.yaml").write_text(mapping, encoding="utf-8")
    Path(hospital.path("other-1")).write_text("Nr;Patient\n9;p9\n", encoding="utf-8")
    done = hospital.load(loaded, "other-1")
    assert done.code == 2, done.err
    assert said in done.last_line


def test_people_read_what_their_role_allows(loaded: Path, tmp_path: Path) -> None:
    folder = tmp_path / "server"
    folder.mkdir()
    shutil.copy(HERE / "roles.yaml", folder)
    shutil.copytree(CONTRACTS, folder / "contracts")
    question = "select ward, sum(stays) from mart_care.admissions group by ward order by ward"
    with running(folder, loaded) as server:
        assert server.rows("head", question) == [("Cardiology", 1), ("Surgery", 1), ("Unknown", 1)]
        assert server.rows("cardiologist", question) == [("Cardiology", 1)]
