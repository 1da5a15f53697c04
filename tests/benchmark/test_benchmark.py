"""The benchmark's own arithmetic: what it counts, and how it splits a cost."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from splitter.sample.plan import Plan
from tests.benchmark.__main__ import emptied, exports, first_rows, ids, lines, table
from tests.benchmark.shell import Cost, commits, run, size_mib


def cost(seconds: float) -> Cost:
    return Cost(seconds, 2 * seconds, 100, 3, 1)


def test_a_command_costs_what_its_own_children_cost() -> None:
    busy = "import time; until = time.process_time() + 0.3\nwhile time.process_time() < until: pass"
    said = "import sys; print('gold/dim_date: 1.2 s, 4 Spark jobs\\naudit: 10.0 s, 22 Spark jobs', file=sys.stderr)"
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}], check=True); {said}"
    found = run([sys.executable, "-c", nested])
    assert found.jobs == 26
    assert found.processor_seconds >= 0.3
    assert found.seconds >= 0.3
    assert found.largest_mib >= 5


def test_a_command_that_fails_is_no_measurement() -> None:
    with pytest.raises(SystemExit, match=r"ended with 3: .'Nothing was there\.'."):
        run([sys.executable, "-c", "import sys; print('Nothing was there.', file=sys.stderr); sys.exit(3)"])


def test_commits_are_the_versions_of_all_tables(tmp_path: Path) -> None:
    for name in ("gold/a/_delta_log/00000000000000000000.json", "gold/a/_delta_log/00000000000000000012.json",
                 "mart/b/_delta_log/00000000000000000000.json", "gold/a/part-0.parquet"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * 1024)
    assert commits(tmp_path) == 14
    assert commits(tmp_path / "none") == 0
    assert size_mib(tmp_path) == pytest.approx(4 / 1024)


def test_two_sizes_give_a_fixed_part_and_a_slope() -> None:
    found = {200_000: {"full load": cost(98)}, 1_000_000: {"full load": cost(146), "peer": cost(9)}}
    assert lines(found) == {"full load": {"fixed": 86.0, "per_million": 60.0}}
    assert table(found).splitlines()[2:] == [
        "| full load | 98, 196, 100, 3, 1 | 146, 292, 100, 3, 1 |",
        "| peer |  | 9, 18, 100, 3, 1 |",
    ]


def test_exports_and_what_is_taken_from_them(tmp_path: Path) -> None:
    work = emptied(tmp_path / "work")
    full, batch = exports(work, Plan(rows=300, batches=2, later_fraction=0.1))
    assert full[1] < batch[1]
    assert len(first_rows(full[0], 7).read_text(encoding="utf-8").splitlines()) == 8
    persons = list(ids(full[0]))
    assert len(persons) == len(set(persons)) > 50
    assert not any(file.name == "sample.csv" for file in emptied(work).iterdir())


def test_a_folder_of_something_else_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("kept", encoding="utf-8")
    with pytest.raises(SystemExit, match="is not the folder of a benchmark"):
        emptied(tmp_path)
    assert (tmp_path / "precious").exists()
