"""Rows that only a CSV can carry go to the CSV part byte for byte, and are counted."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from splitter.split import Order, split
from tests.splitter.reading import Output

if TYPE_CHECKING:
    from pathlib import Path

BROKEN = [b"1\n", b"1,2,3\r\n", b"\xff,2\n", b"a\x00b,2\n", b'"ab"c,2\n', b'"a""b"c,2\n']
GOOD = [b"10,a\n", b"11,b\n", b"12,c\n", b"13,d"]
DATA = [b"x,y\n", GOOD[0], BROKEN[0], BROKEN[1], GOOD[1], BROKEN[2], GOOD[2], *BROKEN[3:], GOOD[3]]


def run(folder: Path) -> Output:
    (folder / "in.csv").write_bytes(b"".join(DATA))
    split(Order(folder / "in.csv", folder / "out"))
    return Output(folder / "out")


def test_they_stand_in_the_csv_part_in_order_and_as_they_were(tmp_path: Path) -> None:
    written = (run(tmp_path).folder / "part.csv").read_bytes()
    assert written == b"".join([b"x,y\n", *BROKEN[:3], GOOD[2], *BROKEN[3:]])


def test_thirds_are_those_of_the_well_formed_rows(tmp_path: Path) -> None:
    output = run(tmp_path)
    assert output.json_rows() == [("10", "a"), ("13", "d")]
    assert output.sqlite_rows() == [(4, "11", "b")]


def test_they_are_counted_by_reason(tmp_path: Path) -> None:
    manifest = run(tmp_path).manifest
    counted = {"total": 6, "field_count": 2, "undecodable": 1, "nul": 1, "quoting": 2}
    assert manifest["malformed_rows"] == counted
    assert [part["malformed_rows"] for part in manifest["parts"]] == [0, 0, 6]
    assert [part["rows"] for part in manifest["parts"]] == [2, 1, 7]
    assert manifest["input"]["rows"] == 10


def test_the_checksum_covers_their_bytes(tmp_path: Path) -> None:
    output = run(tmp_path)
    rows = [b"\0M" + row.rstrip(b"\r\n") for row in BROKEN] + [b"12\0,c"]
    expected = sum(int(sha256(row).hexdigest()[:16], 16) for row in rows) % 2**64
    assert output.parts["csv"]["checksum"] == expected
    total = sum(part["checksum"] for part in output.manifest["parts"]) % 2**64
    assert output.manifest["input"]["checksum"] == total
