"""The notebook runs over a published lake, draws what it promises, and is stored without its drawings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lib.errors import UsageError
from lib.publication.reader import published
from tests.e2e.lakes import PROJECT

NOTEBOOK = PROJECT / "notebooks/explore_marts.ipynb"
PICTURES = 6


def test_it_is_kept_without_outputs() -> None:
    cells = [cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert cells
    assert [cell["outputs"] for cell in cells] == [[]] * len(cells)
    assert {cell["execution_count"] for cell in cells} == {None}


@pytest.mark.spark
@pytest.mark.timeout(600)
def test_it_runs_and_draws(in_order: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--output-dir", str(tmp_path), NOTEBOOK],
        env={**os.environ, "LAKEHOUSE_LAKE": str(in_order)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    cells = json.loads((tmp_path / NOTEBOOK.name).read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == PICTURES
    assert "equal in both" in "".join(outputs[-1]["text"])  # the format allows a text to be a list of lines


@pytest.mark.spark
def test_only_marts_can_be_read(in_order: Path) -> None:
    marts = published(in_order)
    assert {name.partition("/")[0] for name in marts.tables} == {"mart_sales", "mart_users"}
    with pytest.raises(UsageError, match="'gold/dim_user' is not published"):
        marts.arrow("gold/dim_user")


def test_nothing_published_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Nothing is published in"):
        published(tmp_path)
