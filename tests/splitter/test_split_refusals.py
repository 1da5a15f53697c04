"""What cannot be split: one sentence, an exit code, no stack trace, no value of a row, nothing left behind."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from splitter.__main__ import main

ROOT = Path(__file__).parents[2]
SECRET = "Quentin Invented"
ROW = f"{SECRET},4\n".encode()


def command(tmp_path: Path, data: bytes, *options: str) -> list[str]:
    source = tmp_path / "in.csv"
    source.write_bytes(data)
    return [str(source), "--out", str(tmp_path / "out"), *options]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "The file is empty"),
        (b"\n\r\n", "The file is empty"),
        (b"a,A\n" + ROW, "Columns 1 and 2 have the same name"),
        (b"a,\n" + ROW, "Column 2 has no name"),
        (b'a,""\n' + ROW, "Column 2 has no name"),
        (b"_row,b\n" + ROW, "Column 1 is named _row"),
        (ROW, "There is no header"),
        (b"Quentin Invented,q@example.org\n", "There is no header"),
        (b"a;b\n" + ROW, "--delimiter"),
        (b"\xff\xfea\x00,\x00b\x00\n\x00", "Give --encoding utf-16"),
        (b"a\x00,\x00b\x00\n\x00", "The header holds NUL bytes"),
        (b"\x1f\x8b\xff\n" + ROW, "The header is not text"),
        (b'"a"x,b\n' + ROW, "The header has a quote"),
        (b"a,b\n1,2\n" + ROW + b'"' + ROW + ROW, "the record that begins in line 4 is never closed"),
        (b'a,b\n1,"' + b"x" * (17 << 20) + b"\n", "longer than 16 MiB"),
        (b"a,b\n1," + b"x" * (17 << 20), "longer than 16 MiB"),
    ],
)
def test_input_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], data: bytes, says: str) -> None:
    assert main(command(tmp_path, data)) == 3
    check_said(capsys, says)
    assert not (tmp_path / "out").exists()


def check_said(capsys: pytest.CaptureFixture[str], says: str) -> None:
    captured = capsys.readouterr()
    assert says in captured.err
    assert captured.err.count("\n") == 1
    assert SECRET not in captured.err
    assert not captured.out


def test_undecodable_text_of_an_encoding_without_way_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(tmp_path, "a,b\n1,2\n".encode("utf-16") + b"\x00", "--encoding", "utf-16")) == 3
    check_said(capsys, "not in the given encoding")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--by", "nmae"], "Did you mean 'name'?"),
        (["--encoding", "nope"], "is not known"),
        (["--encoding", "hex"], "is not known"),
        (["--delimiter", ",,"], "--delimiter must be one character"),
        (["--quote", ","], "two different characters"),
        (["--database", "mysql://localhost/x"], "address of PostgreSQL"),
        (["--database", "postgresql://127.0.0.1:1/x"], "cannot be reached"),
        (["--database", "postgresql://127.0.0.1:1/x%zz"], "not a valid address"),
    ],
)
def test_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], says: str) -> None:
    assert main(command(tmp_path, b"name,n\n" + ROW, *options)) == 2
    check_said(capsys, says)
    assert not (tmp_path / "out").exists()


def test_no_such_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.csv"), "--out", str(tmp_path / "out")]) == 2
    check_said(capsys, "No such file")
    assert main([str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    check_said(capsys, "Is a directory")


def test_target_is_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = command(tmp_path, b"a,b\n" + ROW)
    (tmp_path / "out").write_text("")
    assert main(arguments) == 2
    check_said(capsys, "cannot be used")


def test_target_that_nobody_may_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = command(tmp_path, b"a,b\n" + ROW)
    arguments[2] = "/proc/out"  # not even root may make a folder here
    assert main(arguments) == 2
    check_said(capsys, "cannot be used")


@pytest.mark.parametrize("name", ["manifest.json", "part.csv", "part.sqlite"])
def test_target_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    arguments = command(tmp_path, b"a,b\n" + ROW)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("mine")
    assert main(arguments) == 2
    check_said(capsys, name)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [name]
    assert (tmp_path / "out" / name).read_text() == "mine"


def test_input_in_its_own_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "part.csv").write_bytes(b"a,b\n" + ROW)
    assert main([str(tmp_path / "part.csv"), "--out", str(tmp_path)]) == 2
    check_said(capsys, "in its own output folder")


def test_two_at_a_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = command(tmp_path, b"a,b\n" + ROW)
    (tmp_path / "out").mkdir()
    descriptor = os.open(tmp_path / "out", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    assert main(arguments) == 2
    os.close(descriptor)
    check_said(capsys, "Another splitter")


def test_a_password_is_warned_of_and_not_repeated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(tmp_path, b"a,b\n" + ROW, "--database", "postgresql://u:hush@127.0.0.1:1/x")) == 2
    said = capsys.readouterr().err
    assert "PGPASSWORD" in said
    assert "hush" not in said


def test_success_says_where_and_how_many(tmp_path: Path) -> None:
    arguments = command(tmp_path, b"a,b\n" + ROW * 4 + b"1\n")
    done = subprocess.run(
        [sys.executable, "-m", "splitter", *arguments], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == (
        "Split 5 rows into 2 JSON, 1 SQLite, 2 CSV (1 malformed, carried along in the CSV part); "
        f"manifest: {tmp_path}/out/manifest.json"
    )


def test_output_is_private(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        assert main(command(tmp_path, b"a,b\n" + ROW)) == 0
    finally:
        os.umask(previous)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "out").iterdir()} == {0o600}
