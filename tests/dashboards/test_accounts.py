"""Superset reads the endpoint's list of people as the endpoint's gate does; no server is started."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from lib.dashboards.servers import SERVER, VENV

LISTED = "# people\n\nanna:sales_analyst:a:b:c\nbroken line\nhalf:one\nbert:executive:d\n"


def test_a_line_that_names_nobody_shuts_out_nobody_else(tmp_path: Path) -> None:
    (tmp_path / "endpoint_users").write_text(LISTED, encoding="utf-8")
    done = subprocess.run(
        [str(VENV / "bin/python"), "-c", "import accounts, json; print(json.dumps(accounts.accounts()))"],
        env={"PYTHONPATH": str(SERVER), "LAKEHOUSE_SECRETS": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == {"anna": ["sales_analyst", "a:b:c"], "bert": ["executive", "d"]}
