"""Superset's settings with the rewriting and the judging of questions switched off, for a test that must then fail."""

from __future__ import annotations

import importlib
import runpy
import sys

SERVER = next(folder for folder in sys.path if folder.endswith("superset/server"))
importlib.import_module("rows").guarded = lambda sql, **_: sql  # type: ignore[attr-defined]  # Superset's own, replaced
importlib.import_module("questions").teach = lambda: None  # type: ignore[attr-defined]  # Superset's own, replaced
globals().update(
    {name: value for name, value in runpy.run_path(f"{SERVER}/superset_config.py").items() if name.isupper()}
)
