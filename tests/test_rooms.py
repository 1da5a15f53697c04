"""The rules on imports between rooms can fail: an import that is planted in a room is found."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter import api

PROJECT = Path(__file__).resolve().parents[1]
TOOLS = Path(sys.executable).parent
# The rooms of lib from above; in the last of them, which has no folder, stand errors and what else all others need.
(LAYERS,) = (
    [layer.strip() for layer in contract["layers"]]
    for contract in api.read_configuration(str(PROJECT / "pyproject.toml"))["contracts_options"]
    if contract["type"] == "layers"
)
ROOMS = [room for layer in LAYERS for room in layer.split(" | ") if (PROJECT / "lib" / room).is_dir()]


def above(room: str) -> str:
    """A module that the room must not import: one of the room before it."""
    at = next(number for number, layer in enumerate(LAYERS) if room in layer.split(" | "))
    return f"lib.{LAYERS[at - 1].split(' | ')[0]}"


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The check's output for a copy of the project in which every rule is broken once in every room."""
    copy = tmp_path_factory.mktemp("planted")
    for name in ("lib", "jobs", "lakehouse", "splitter"):
        shutil.copytree(PROJECT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for room in ROOMS:
        (copy / "lib" / room / "planted.py").write_text(f"import {above(room)}\nimport lakehouse\n", encoding="utf-8")
    (copy / "lib/unlisted.py").write_text("", encoding="utf-8")
    (copy / "splitter/planted.py").write_text("import pyspark\n", encoding="utf-8")
    (copy / "splitter/sample/planted.py").write_text("import lib.errors\n", encoding="utf-8")
    (copy / "jobs/planted.py").write_text("from lib.delta import lake\n", encoding="utf-8")
    with (copy / "lib/errors.py").open("a", encoding="utf-8") as errors:
        errors.write("\nimport lib.cli\n")
    return said(copy, TOOLS / "lint-imports", "--no-cache", "--config", PROJECT / "pyproject.toml")


def said(folder: Path, *command: str | Path) -> str:
    done = subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    return done.stdout


def test_there_are_rooms() -> None:
    assert len(ROOMS) == 13
    assert {"delta", "privacy", "dashboards"} <= set(ROOMS)


def test_the_map_of_the_rooms_is_as_they_are() -> None:
    found = re.findall(
        r"^\| `lib/(\w+)/` \| (.*) \|$", (PROJECT / "docs/architecture.md").read_text("utf-8"), re.MULTILINE
    )
    assert found == [(room, importlib.import_module(f"lib.{room}").__doc__) for room in ROOMS]


@pytest.mark.parametrize("room", ROOMS)
def test_an_import_against_the_order_is_found(planted: str, room: str) -> None:
    assert f"lib.{room} is not allowed to import {above(room)}:" in planted
    assert f"lib.{room}.planted -> lakehouse" in planted


@pytest.mark.parametrize(
    "finding",
    [
        "lib.errors -> lib.cli",
        "unlisted",
        "splitter.planted -> pyspark",
        "splitter.sample.planted -> lib.errors",
        "jobs.planted -> lib.delta.lake",
    ],
)
def test_every_other_rule_is_found_broken(planted: str, finding: str) -> None:
    assert finding in planted


@pytest.mark.parametrize("name", ["lib.errors", "jobs", "splitter.sample"])
def test_the_lakehouse_may_import_no_engine_in_any_folder(tmp_path: Path, name: str) -> None:
    folders = [each.relative_to(PROJECT) for each in (PROJECT / "lakehouse").rglob("*") if list(each.glob("*.yaml"))]
    assert len(folders) > 5
    for folder in (Path("lakehouse"), *folders):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "planted.py").write_text(f"import {name}\n", encoding="utf-8")
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    found = said(
        tmp_path, TOOLS / "ruff", "check", "--no-cache", "--select", "TID251", "--output-format", "concise", "."
    )
    assert found.count("TID251") == len(folders) + 1


def test_every_exception_to_a_rule_has_its_reason() -> None:
    """On the same line: `# noqa: CODE - why` and `# type: ignore[code]  # why`."""
    bare = re.compile(r"# (?:type: ignore(?:\[[a-z, -]*\])?|noqa(?:: [A-Z0-9, ]+)?)\s*$")
    folders = ("lib", "jobs", "lakehouse", "splitter", "superset", "tests")
    files = [file for folder in folders for file in (PROJECT / folder).rglob("*.py")]
    found = [
        f"{file.relative_to(PROJECT)}:{number}"
        for file in files
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        if bare.search(line)
    ]
    assert (len(files) > 200, found) == (True, [])
    assert bare.search("x = 1  # noqa: E501")
    assert bare.search("x = 1  # type: ignore[misc]")
