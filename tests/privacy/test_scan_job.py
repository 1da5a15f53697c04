"""The job that searches for values reports where they are, and never the values."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lib.keys import pseudonym, secret_key

ROOT = Path(__file__).resolve().parents[2]
PERSON = "person-canary-a1"


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    data = tmp_path / "lake/silver/users"
    data.mkdir(parents=True)
    pq.write_table(pa.table({"user_key": ["0" * 64]}), data / "part-0.parquet")
    return tmp_path / "lake"


def scan(lake: Path, values: str, *options: str) -> subprocess.CompletedProcess[str]:
    folder = lake.parent
    conf = folder / "conf.yaml"
    conf.write_text(
        f"lake: {lake}\ncontracts: {ROOT}/lakehouse\nsources: conf/sources\nsecrets: {folder}/secrets\n",
        encoding="utf-8",
    )
    return subprocess.run(
        [sys.executable, "jobs/scan_residue.py", "--conf", str(conf), "--values", "-", *options],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, input=values, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


def test_nothing_found_is_done(lake: Path) -> None:
    done = scan(lake, PERSON)
    assert (done.returncode, done.stdout) == (0, "")
    assert "1 values looked for in 1 files" in done.stderr
    assert not (lake.parent / "secrets/pseudonym.key").exists()


def test_a_value_is_found_and_not_repeated(lake: Path) -> None:
    (lake / "reports").mkdir()
    (lake / "reports/run.html").write_text(f"<p>{PERSON}</p>", encoding="utf-8")
    done = scan(lake, PERSON)
    assert done.returncode == 4
    assert done.stdout == "report\t1\treports/run.html\n"
    assert PERSON not in done.stdout + done.stderr


def test_a_pseudonym_is_found_by_the_id(lake: Path) -> None:
    key = secret_key(lake.parent / "secrets", "pseudonym")
    pq.write_table(pa.table({"user_key": [pseudonym(PERSON, key)]}), lake / "silver/users/part-1.parquet")
    assert scan(lake, PERSON).stdout.startswith("data file\t")
    assert scan(lake, "person-somebody-else").returncode == 0


def test_another_place_is_searched_too(lake: Path, tmp_path: Path) -> None:
    log = tmp_path / "driver.log"
    log.write_text(f"failed for {PERSON}", encoding="utf-8")
    assert scan(lake, PERSON, "--also", str(log)).returncode == 4


def test_wrong_use_is_one_sentence(lake: Path, tmp_path: Path) -> None:
    empty = scan(lake, " \n\n")
    assert (empty.returncode, empty.stderr.count("\n")) == (2, 1)
    missing = scan(lake, PERSON, "--lake", str(tmp_path / "nowhere"))
    assert missing.returncode == 2
    assert "There is no lake on this machine" in missing.stderr
