"""Readers can do what README and docs describe: commands, options, links, tables and examples are real."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from lib import errors
from lib.contracts import model, pages
from lib.sources.mapping import load_source

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
CATALOG = model.load(ROOT / "lakehouse")
OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")
# Made by runs, not by the repository; or an example's name for one of the reader's own files.
NOT_IN_THE_REPOSITORY = {"conf/sources/flea_market.yaml"}


def blocks(language: str) -> list[str]:
    """The fenced blocks of README.md in that language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def commands(language: str) -> list[str]:
    """Their commands, one a line; a line that ends with a backslash goes on."""
    lines = [line for block in blocks(language) for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line.startswith(("./", ".venv/", "make"))]


def help_of(*command: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, "--help"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


@cache
def options_of(*command: str) -> frozenset[str]:
    """The options that a command's help names."""
    return frozenset(OPTION.findall(help_of(*command)))


def job_options(job: str) -> frozenset[str]:
    """The possible options of a job: its own, and those of spark-submit that the launcher passes on."""
    return options_of(sys.executable, f"jobs/{job}.py") | options_of("./spark-submit.sh")


def used(words: list[str]) -> set[str]:
    """The options on a command line."""
    return {word.partition("=")[0] for word in words if word.startswith("-")}


def test_every_line_to_run_is_one_command() -> None:
    lines = [line for block in blocks("bash") for line in block.splitlines()]
    assert lines == commands("bash")
    assert "./spark-submit.sh" in lines
    assert "make test" in lines


@pytest.mark.parametrize("line", commands("bash") + commands("text"))
def test_a_command_names_what_there_is(line: str) -> None:
    program, *words = shlex.split(line)
    if program == "make":
        targets = re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert set(words) <= set(targets)
    elif program == "./spark-submit.sh":
        job = words.pop(0) if words and not words[0].startswith("-") else "pipeline"
        assert (ROOT / "jobs" / f"{job}.py").is_file()
        assert used(words) <= job_options(job)
    else:
        assert (program, words[0]) == (".venv/bin/python", "-m")
        assert used(words[2:]) <= options_of(sys.executable, "-m", words[1])


def test_an_option_that_does_not_exist_would_be_noticed() -> None:
    assert not used(["--no-such-option=1"]) & job_options("pipeline")


def test_every_job_has_its_row() -> None:
    jobs = {file.stem for file in (ROOT / "jobs").glob("*.py")}
    assert jobs <= set(re.findall(r"^\| `(\w+)`", README, flags=re.MULTILINE))


def test_the_exit_codes_are_those_of_the_errors() -> None:
    kinds: list[type[errors.LakehouseError]] = [errors.LakehouseError, *errors.LakehouseError.__subclasses__()]
    known = {kind.exit_code for kind in kinds} | {errors.HUNG_UP, errors.INTERRUPTED, errors.TERMINATED}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", README, flags=re.MULTILINE)} == {0, *known}


def test_the_page_of_tables_is_made_from_the_contracts() -> None:
    written = (ROOT / "docs/tables.md").read_text(encoding="utf-8")
    assert written == pages.tables(CATALOG), "run: ./spark-submit.sh describe_tables --out docs/tables.md"


def test_the_page_of_tables_names_each_table_and_its_columns_once() -> None:
    document = pages.tables(CATALOG)
    assert {document.count(f"\n## {table.path}\n") for table in CATALOG.stored} == {1}
    assert "`gold/buyer_counts`" in document.split("which are not stored:")[1].split("\n")[0]
    section = document.split("\n## mart_sales/trends\n")[1].split("\n## ")[0]
    names = [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")]
    assert names == [column.name for column in CATALOG["trends"].stored]
    assert "| `day` (key) | date |" in section


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_points_to_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    assert [link for link in links if not (page.parent / link.partition("#")[0]).exists()] == []
    files = set(
        re.findall(r"`((?:conf|docs|jobs|lakehouse|lib|splitter|tests)/[\w./-]+\.(?:py|sql|yaml|md|sh))`", text)
    )
    named = {file for file in files - NOT_IN_THE_REPOSITORY if "NAME" not in file}  # NAME stands for any
    assert {file for file in named if not (ROOT / file).is_file()} == set()


def test_the_mapping_is_one(tmp_path: Path) -> None:
    (mapping,) = blocks("yaml")
    (tmp_path / "flea_market.yaml").write_text(mapping, encoding="utf-8")
    source = load_source(tmp_path, "flea_market", CATALOG["bronze/sales_events"])
    assert source.declares == {"currency": "EUR", "negative_quantity": "return", "duplicates": "drop"}
    assert source.columns["user_id"].kind == "expression"


def test_the_published_version_is_read_not_the_newest(tmp_path: Path) -> None:
    table = tmp_path / "data" / "lake" / "mart_sales" / "monthly"
    for revenue in (125, 999):
        rows = pa.table({"period_start": ["2023-01-01", "2023-01-01"], "revenue": [revenue, 0]})
        write_deltalake(table, rows, mode="overwrite")
    data = {file.name: file.read_bytes() for file in map(Path, DeltaTable(table, version=0).file_uris())}
    files = {name: [len(content), hashlib.sha256(content).hexdigest()] for name, content in data.items()}
    tables = {"mart_sales/monthly": {"path": "mart_sales/monthly", "version": 0, "files": files}}
    (tmp_path / "data" / "lake" / "published.json").write_text(json.dumps({"tables": tables}), encoding="utf-8")
    (code,) = blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert "2023-01-01" in done.stdout
    assert "125" in done.stdout
    assert "999" not in done.stdout
