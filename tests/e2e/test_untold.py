"""A run that fails on a row names the mapping and the column, but no value of the row, not even with --verbose."""

from __future__ import annotations

import gzip
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.e2e.lakes import Ending, Site

pytestmark = [pytest.mark.spark, pytest.mark.timeout(580)]

# Each as it may stand in a message: as it is, in capitals, cut into pieces by punctuation.
CANARY = "Anna Canary-74318852906"
NUMBER = "1987654321"
TOLD = re.compile("(?i)canary-|74318852906|1987654321")
ROWS = f"ID,Land,Menge\n1,Chad,2\n{CANARY},Land of {CANARY},{NUMBER}\n"
EXPRESSIONS = {
    "a cast of the id": ("user_id", "cast(int(ID) as string)"),
    "a cast to a date": ("country", "string(date(Land))"),
    "a date of another form": ("country", "to_date(Land, 'dd/MM/yyyy')"),
    "an error that quotes": ("country", "if(Menge > 5, raise_error(Land), Land)"),
    "an assertion that quotes": ("country", "coalesce(string(assert_true(Land = 'Chad', Land)), Land)"),
    "an overflow": ("quantity", "int(Menge) * 1000"),
    "a small type": ("quantity", "cast(Menge as tinyint)"),
    "a division": ("quantity", f"10 / (int(Menge) - {NUMBER})"),
    "a place that is not there": ("country", "split(Land, ' ')[9]"),
    "a pattern from a row": ("country", "if(ID rlike concat(Land, '(['), Land, ID)"),
}


def written(folder: Path, columns: dict[str, object]) -> Path:
    sources = folder / "sources"
    sources.mkdir(exist_ok=True)
    document = {"format": "csv", "currency": "EUR", "columns": {"user_id": "ID", **columns}}
    (sources / "shop.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return sources


def told(ending: Ending, lake: Path, captured: str) -> list[str]:
    """The places of a value: in the output of the job and Java, or in a file of the lake except for bronze's rows."""
    files = [str(f) for f in lake.rglob("*") if f.is_file() and (f.suffix != ".parquet" or "_delta_log" in str(f))]
    files = [file for file in files if TOLD.search(Path(file).read_text("utf-8", "replace"))]
    said = {"out": ending.out, "err": ending.err, "java": captured}
    return [*files, *(name for name, text in said.items() if TOLD.search(text))]


@pytest.fixture
def run(site: Site, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[Ending, list[str]]]:
    def once(columns: dict[str, object], *inputs: str, verbose: bool = True) -> tuple[Ending, list[str]]:
        lake = site.lake(f"untold-{tmp_path.name}")
        options = [word for name in inputs for word in ("--input", name)]
        ending = site.job(
            "pipeline", lake, "--source", "shop", *options, *(["--verbose"] if verbose else []),
            deployment=site.deployment(sources=written(tmp_path, columns)),
        )  # fmt: skip
        return ending, told(ending, lake, "".join(capfd.readouterr()))

    return once


@pytest.mark.parametrize("case", EXPRESSIONS)
def test_an_expression_that_fails_on_a_row(
    run: Callable[..., tuple[Ending, list[str]]], tmp_path: Path, case: str
) -> None:
    column, expression = EXPRESSIONS[case]
    (tmp_path / "in.csv").write_text(ROWS, encoding="utf-8")
    ending, found = run({column: {"expression": expression}}, str(tmp_path / "in.csv"))
    assert (ending.code, found) == (3, [])
    assert ending.last_line.startswith(f"Source mapping 'shop': the expression of 'columns.{column}' fails on a row (")


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("upper(Lant)", "'columns.country' does not fit the input: UNRESOLVED_COLUMN.WITH_SUGGESTION, Lant. Did you"),
        ("upper(Land", "'columns.country' does not fit the input: PARSE_SYNTAX_ERROR."),
    ],
)
def test_an_expression_that_fits_no_row(
    run: Callable[..., tuple[Ending, list[str]]], tmp_path: Path, expression: str, said: str
) -> None:
    (tmp_path / "in.csv").write_text(ROWS, encoding="utf-8")
    ending, found = run({"country": {"expression": expression}}, str(tmp_path / "in.csv"))
    assert (ending.code, found) == (2, [])
    assert said in ending.last_line


def test_without_verbose_one_sentence_is_all(run: Callable[..., tuple[Ending, list[str]]], tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(ROWS, encoding="utf-8")
    ending, found = run({"country": {"expression": "date(Land)"}}, str(tmp_path / "in.csv"), verbose=False)
    assert (ending.code, found) == (3, [])
    assert ending.err.splitlines() == [ending.last_line]


def test_a_file_that_ends_too_early(run: Callable[..., tuple[Ending, list[str]]], tmp_path: Path) -> None:
    whole = gzip.compress("".join(f"{n},{CANARY} {n * n},{n}\n" for n in range(60_000)).encode())
    (tmp_path / "in.csv.gz").write_bytes(gzip.compress(b"ID,Land,Menge\n") + whole[: len(whole) // 2])
    ending, found = run({"country": "Land"}, str(tmp_path / "in.csv.gz"))
    assert (ending.code, found) == (3, [])
    assert "cannot be read to its end (SparkException, FAILED_READ_FILE.NO_HINT)" in ending.last_line


def test_a_table_whose_numbers_are_none(run: Callable[..., tuple[Ending, list[str]]], tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute('create table t ("_row" text, "ID" text, "Land" text)')
        database.execute("insert into t values (?, ?, ?)", (CANARY, CANARY, CANARY))
    database.close()
    ending, found = run({"country": "Land"}, f"sqlite:///{tmp_path}/shop.db?table=t")
    assert (ending.code, found) == (3, [])
    assert "cannot be read to its end (SparkNumberFormatException, CAST_INVALID_INPUT)" in ending.last_line


def test_a_row_of_a_wrong_structure(run: Callable[..., tuple[Ending, list[str]]], tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_text(f'ID,Land,Menge\n1,Chad\n2,"{CANARY}" {NUMBER},1\n{CANARY},{CANARY},1,2,3\n', encoding="utf-8")
    ending, found = run({"country": "Land"}, str(file))
    assert (ending.code, found) == (4, [])  # no row has a date


@pytest.mark.e2e
def test_through_the_real_command_too(site: Site, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(ROWS, encoding="utf-8")
    sources = written(tmp_path, {"user_id": {"expression": "cast(int(ID) as string)"}})
    options = ("--source", "shop", "--input", str(tmp_path / "in.csv"), "--verbose")
    ending = site.submit("pipeline", site.lake("untold-command"), *options, deployment=site.deployment(sources=sources))
    assert (ending.code, told(ending, site.lake("untold-command"), "")) == (3, [])
    assert "'columns.user_id' fails on a row" in ending.last_line
