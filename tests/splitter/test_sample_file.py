"""The written files: same bytes every time, every defect planted, no data that could be a real person's."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splitter.sample.__main__ import main
from splitter.sample.catalogue import COUNTRIES, COUNTRY_WEIGHTS, PRODUCTS
from splitter.sample.export import write_sample
from splitter.sample.plan import EVERY_ROW, EVERY_USER, Plan
from splitter.sample.rows import HEADER, luhn_cards, typed_card

SMALL = Plan(rows=1000, seed=7)
THREE = Plan(rows=1000, seed=7, batches=3, later_fraction=0.1)
CARD = re.compile(r"(?:\d[ -]?){13,19}")


def written(plan: Plan, folder: Path) -> tuple[str, dict[str, Any]]:
    truth = write_sample(plan, folder / "sample.csv")
    text = b"".join(path.read_bytes() for path in sorted(folder.glob("sample*.csv")))
    return text.decode("utf-8", "surrogateescape"), json.loads(truth.read_text("utf-8"))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def passes_luhn(digits: str) -> bool:
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(sum(divmod(value, 10)) for value in doubled) % 10 == 0


def rows_of(text: str) -> list[dict[str, str]]:
    rows = [cells for cells in csv.reader(io.StringIO(text)) if len(cells) == 25]
    return [dict(zip(rows[0], cells, strict=True)) for cells in rows[1:]]


@pytest.mark.parametrize(
    ("plan", "file", "expected"),
    [
        (SMALL, "sample.csv", "b3862c39550e09dadf79c89eacf7adb2f3e62474dd4e32276a830b8ca5b43375"),
        (SMALL, "sample-truth.json", "eff6dd39129e72c3223c36af72e9016c433de928237f399b28a7e101212b8bf7"),
        (THREE, "sample-3.csv", "d38c83570a88a867f97aeafc68791313568ac92119b42ed65e7d076c59ed51f2"),
    ],
)
def test_same_options_give_the_same_bytes_on_every_machine(
    tmp_path: Path, plan: Plan, file: str, expected: str
) -> None:
    """Fails too when another version of Faker draws other pools: then the version and these figures change together."""
    write_sample(plan, tmp_path / "sample.csv")
    assert sha256(tmp_path / file) == expected


def test_a_run_of_its_own_gives_the_same_bytes(tmp_path: Path) -> None:
    """In another process with another hash seed."""
    write_sample(SMALL, tmp_path / "here.csv")
    command = [sys.executable, "-m", "splitter.sample", "--rows", "1000", "--seed", "7", "--out"]
    subprocess.run([*command, str(tmp_path / "there.csv")], check=True, env={"PYTHONHASHSEED": "99"}, cwd=Path.cwd())
    assert sha256(tmp_path / "here.csv") == sha256(tmp_path / "there.csv")


def test_another_seed_gives_other_rows(tmp_path: Path) -> None:
    first, second = (sha256(_one(Plan(rows=100, seed=seed), tmp_path)) for seed in (1, 2))
    assert first != second


def _one(plan: Plan, folder: Path) -> Path:
    write_sample(plan, folder / f"{plan.seed}.csv")
    return folder / f"{plan.seed}.csv"


def test_batch_1_is_the_same_with_and_without_later_batches(tmp_path: Path) -> None:
    write_sample(SMALL, tmp_path / "alone.csv")
    write_sample(THREE, tmp_path / "many.csv")
    assert sha256(tmp_path / "alone.csv") == sha256(tmp_path / "many-1.csv")


def test_header_is_that_of_the_export(tmp_path: Path) -> None:
    text, _ = written(Plan(rows=1), tmp_path)
    assert text.split("\n")[0] == HEADER
    assert len(HEADER.split(",")) == 25


@pytest.mark.parametrize("seed", range(3))
def test_a_thousand_rows_hold_every_defect(tmp_path: Path, seed: int) -> None:
    text, truth = written(Plan(rows=1000, seed=seed), tmp_path)
    planted = truth["overall"]["planted"]
    assert set(planted) == {*EVERY_ROW, *EVERY_USER}
    assert min(sum(kinds.values()) for kinds in planted.values()) > 0
    assert "\udce9" in text


def test_some_rows_fail_several_rules(tmp_path: Path) -> None:
    text, _ = written(SMALL, tmp_path)
    assert [row for row in rows_of(text) if row["Price"].startswith("-") and row["Quantity"].startswith("-")]


def test_there_are_minors_and_children(tmp_path: Path) -> None:
    text, _ = written(Plan(rows=20_000), tmp_path)
    ages = {int(row["Age"]) for row in rows_of(text) if row["Age"]}
    assert {15, 16, 17, 12, -3, 150, 111} <= ages


def test_card_numbers_are_typed_into_columns_that_enter_the_lake(tmp_path: Path) -> None:
    text, _ = written(Plan(rows=5000), tmp_path)
    found = [match for row in rows_of(text) for match in CARD.findall(row["Product Name"] + "|" + row["UserSegment"])]
    assert all(passes_luhn(re.sub(r"\D", "", match)) for match in found)
    assert {re.sub(r"\d", "", match.strip())[:1] for match in found} == {"", " ", "-"}


def test_all_card_numbers_are_valid_and_from_test_ranges() -> None:
    cards = luhn_cards(np.arange(0, 10**9, 999_983, dtype=np.int64)).tolist()
    assert all(passes_luhn(str(card)) for card in cards)
    assert {str(card)[:6] for card in cards} == {"411111", "424242", "400000", "555555", "222300", "520082"}


def test_typed_card_keeps_its_digits() -> None:
    assert typed_card(7) == "4242 4200 0000 0075"
    assert passes_luhn(typed_card(14).replace("-", ""))


def test_no_mail_address_and_no_phone_number(tmp_path: Path) -> None:
    text, _ = written(SMALL, tmp_path)
    assert "@" not in text
    assert not re.search(r"\+\d{2}", text)


def test_line_breaks_inside_quotes_only_on_request(tmp_path: Path) -> None:
    for multiline in (False, True):
        folder = tmp_path / str(multiline)
        folder.mkdir()
        text, _ = written(Plan(rows=2000, multiline=multiline), folder)
        assert (text.count("\n") > 2001) == multiline
        assert '""' in text
        assert "とても" in text


def test_dates_in_names_and_in_the_truth(tmp_path: Path) -> None:
    truth = write_sample(Plan(rows=10, batches=2), tmp_path / "shop.csv", date_in_name=True)
    names = [batch["file"] for batch in json.loads(truth.read_text("utf-8"))["batches"]]
    assert names == ["shop-1_2023-08-25.csv", "shop-2_2023-09-01.csv"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*names, "shop-truth.json"])


def test_later_batches_bring_newcomers_moves_repeats_and_late_rows(tmp_path: Path) -> None:
    plan = Plan(rows=5000, batches=2, later_fraction=0.1)
    _, truth = written(plan, tmp_path)
    first, second = (rows_of(_text(tmp_path / f"sample-{batch}.csv")) for batch in (1, 2))
    known = {row["ID"]: row for row in first}
    again = [row for row in second if row["ID"] in known]
    assert len(again) < len(second)
    assert [row for row in again if known[row["ID"]]["Country"] != row["Country"]]
    assert [row for row in again if "2000" < row["Date_Purchase"] <= "2023-08-25"]
    assert truth["batches"][1]["brings"]["repeat"] > 20


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "surrogateescape")


def test_a_user_buys_about_four_times_and_prices_follow_the_category(tmp_path: Path) -> None:
    text, _ = written(Plan(rows=20_000, defects=0), tmp_path)
    rows = rows_of(text)
    assert 3 < len(rows) / len({row["ID"] for row in rows}) < 6
    price = {row["Subcategory"]: float(row["Price"]) for row in rows}
    assert price["Snacks"] < 5 < price["Shirt"] < 50 < price["Laptop"]


def test_catalogue_lists_fit_together() -> None:
    assert len(COUNTRIES) == len(set(COUNTRIES)) == len(COUNTRY_WEIGHTS)
    assert all(product.weight > 0 and product.cents > 0 for product in PRODUCTS)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--rows", "0"], "--rows must lie between"),
        (["--rows", "5", "--batches", "0"], "--batches must lie between"),
        (["--rows", "5", "--later-fraction", "0"], "--later-fraction must be"),
        (["--rows", "5", "--defects", "-1"], "--defects must lie"),
        (["--rows", "5", "--extract-date", "1999-01-01"], "--extract-date must lie"),
        (["--rows", "5", "--step-days", "0"], "--step-days must lie"),
        (["--rows", "5", "--seed", "-1"], "--seed must be"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    assert main([*arguments, "--out", str(tmp_path / "s.csv")]) == 2
    assert sentence in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_missing_folder_is_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--rows", "5", "--out", str(tmp_path / "nowhere" / "s.csv")]) == 2
    assert "is not a folder" in capsys.readouterr().err


def test_the_command_says_where_the_truth_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--rows", "5", "--out", str(tmp_path / "s.csv")]) == 0
    assert str(tmp_path / "s-truth.json") in capsys.readouterr().err


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    """Peak of a run over two blocks of users against one of six, in processes of their own."""
    program = (
        "import resource, sys; from splitter.sample.__main__ import main; main(sys.argv[1:]);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    peaks = []
    for rows in (75_000, 225_000):
        command = [sys.executable, "-c", program, "--rows", str(rows), "--out", str(tmp_path / "s.csv")]
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path.cwd())
        peaks.append(int(done.stdout))
    assert peaks[1] < 1.15 * peaks[0]
