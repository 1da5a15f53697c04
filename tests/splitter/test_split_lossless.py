"""The union of the parts is the input, for any content of its fields."""

from __future__ import annotations

import csv
import io
import tempfile
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splitter import split as module
from splitter.dialect import Dialect, dialect
from splitter.rows import Records
from splitter.split import Order, split
from tests.splitter.reading import Output, canonical, checksum, parse, table_sha256

if TYPE_CHECKING:
    from collections.abc import Callable

SHARED = Path(__file__).parents[3] / "shared" / "data" / "ecommerce.csv"

characters = st.one_of(
    st.sampled_from(list('",;\r\n\t \\%é€𝄞\u2028\x0b\x1c{}N_E')),
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
)
values = st.one_of(st.none(), st.just(""), st.text(characters, max_size=8))
terminators = st.sampled_from(["\n", "\r\n", "\r"])


@st.composite
def field_texts(draw: st.DrawFn) -> str:
    """Draw a field as a CSV holds it."""
    value = draw(values)
    if value is None:
        return ""
    bare = not any(mark in value for mark in '",\r\n') and value != ""
    return value if bare and draw(st.booleans()) else '"' + value.replace('"', '""') + '"'


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Draw a CSV of two to four columns with mixed line ends, perhaps without the last."""
    width = draw(st.integers(2, 4))
    rows = draw(st.lists(st.lists(field_texts(), min_size=width, max_size=width), max_size=12))
    lines = [",".join(row) + draw(terminators) for row in [[f"c{i}" for i in range(width)], *rows]]
    text = "".join(lines)
    return text.rstrip("\r\n") if draw(st.booleans()) and not text.endswith('\n"') else text


def run(data: bytes, folder: Path, by: str | None = None, how: Dialect | None = None) -> Output:
    source = folder / "in.csv"
    source.write_bytes(data)
    split(Order(source, folder / "out", by, dialect=how or Dialect()))
    return Output(folder / "out")


@settings(deadline=None)
@given(documents(), st.sampled_from([None, "c1"]))
def test_the_parts_are_the_input(text: str, by: str | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        output = run(text.encode(), Path(folder), by=by)
        expected = list(enumerate(parse(text)[1:], start=1))
        table = output.sqlite_rows()
        parts = [output.json_rows(), [row[1:] for row in table], output.csv_rows()]
        assert sorted(map(canonical, chain(*parts))) == sorted(canonical(row) for _, row in expected)
        assert dict(expected).items() >= {row[0]: row[1:] for row in table}.items()
        check_figures(output, text.encode(), parts, table)


def check_figures(output: Output, data: bytes, parts: list[list[Any]], table: list[Any]) -> None:
    manifest = output.manifest
    assert manifest["malformed_rows"]["total"] == 0
    assert manifest["input"]["sha256"] == sha256(data).hexdigest()
    assert manifest["input"]["bytes"] == len(data)
    assert manifest["input"]["rows"] == sum(map(len, parts))
    assert manifest["input"]["checksum"] == checksum(canonical(row) for rows in parts for row in rows)
    assert [part["rows"] for part in manifest["parts"]] == [len(rows) for rows in parts]
    assert [part["checksum"] for part in manifest["parts"]] == [checksum(map(canonical, rows)) for rows in parts]
    assert output.parts["sqlite"]["sha256"] == table_sha256(table)
    for part in (output.parts["json"], output.parts["csv"]):
        written = (output.folder / part["file"]).read_bytes()
        assert (part["sha256"], part["bytes"]) == (sha256(written).hexdigest(), len(written))


@settings(deadline=None)
@given(documents(), st.integers(1, 7))
def test_where_a_block_ends_does_not_matter(text: str, block: int) -> None:
    def records(read: Callable[[int], str]) -> list[Any]:
        reader = Records(read, dialect(None, '"', "utf-8"))
        width = len(reader.header()[0])
        return [
            pair for batch in reader.batches(width) for pair in zip(batch.numbers, batch.rows, batch.raws, strict=True)
        ]

    whole, pieces = io.StringIO(text, newline=""), io.StringIO(text, newline="")
    assert records(lambda _: pieces.read(block)) == records(whole.read)


@settings(deadline=None)
@given(documents())
def test_the_standard_reader_agrees_up_to_missing_and_empty(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        output = run(text.encode(), Path(folder))
        rows = [*output.json_rows(), *(row[1:] for row in output.sqlite_rows()), *output.csv_rows()]
        standard = [row for row in csv.reader(io.StringIO(text, newline="")) if row][1:]
        assert sorted([value or "" for value in row] for row in rows) == sorted(standard)


def test_missing_is_not_empty(tmp_path: Path) -> None:
    output = run(b'a,b\n,""\n"",\n,""\n', tmp_path)
    assert (output.folder / "part.jsonl").read_bytes() == b'{"a":null,"b":""}\n'
    assert output.sqlite_rows() == [(2, "", None)]
    assert (output.folder / "part.csv").read_bytes() == b'a,b\n,""\n'


def test_blanks_line_ends_and_quotes_stay(tmp_path: Path) -> None:
    output = run('a,b\n " x ,\t\n"l1\r\nl2\rl3","say ""hi"", ""bye"""\n5" é,\\N\n'.encode(), tmp_path)
    assert output.json_rows() == [(' " x ', "\t")]
    assert output.sqlite_rows() == [(2, "l1\r\nl2\rl3", 'say "hi", "bye"')]
    assert (output.folder / "part.csv").read_bytes() == 'a,b\n5" é,\\N\n'.encode()


def test_a_blank_line_is_no_row(tmp_path: Path) -> None:
    output = run(b"\na,b\n\n1,2\n\r\n\n", tmp_path)
    assert output.manifest["input"]["rows"] == 1
    assert output.manifest["input"]["blank_lines"] == 4


def test_thirds_are_exact_and_dealt_in_turn(tmp_path: Path) -> None:
    output = run(b"a\n" + b"".join(b"%d\n" % i for i in range(1, 9)), tmp_path)
    assert output.json_rows() == [("1",), ("4",), ("7",)]
    assert output.sqlite_rows() == [(2, "2"), (5, "5"), (8, "8")]
    assert output.csv_rows() == [("3",), ("6",)]
    assert output.manifest["rule"] == {"kind": "position"}


def test_by_keeps_the_rows_of_a_value_together_by_a_stable_hash(tmp_path: Path) -> None:
    output = run(b"k,n\n" + b"".join(b"user%d,%d\n" % (i % 7, i) for i in range(70)), tmp_path, by="k")
    rows = [output.json_rows(), [row[1:] for row in output.sqlite_rows()], output.csv_rows()]
    places = {str(row[0]): place for place, part in enumerate(rows) for row in part}
    assert sum(map(len, rows)) == 70
    assert places == {f"user{i}": int(sha256(b"user%d" % i).hexdigest()[:16], 16) % 3 for i in range(7)}
    assert output.manifest["rule"] == {"kind": "value", "column": "k"}


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8-sig", "shift_jis", "cp037"])
def test_other_encodings(tmp_path: Path, encoding: str) -> None:
    word = "日本" if encoding == "shift_jis" else "é"
    text = f"a,{word}\n" + "".join(f"{word},{i}\n" for i in range(6))
    output = run(text.encode(encoding), tmp_path, how=dialect(None, '"', encoding))
    assert output.json_rows() == [(word, "0"), (word, "3")]
    assert output.manifest["header"] == ["a", word]
    assert output.csv_rows(output.parts["csv"]["dialect"]["encoding"]) == [(word, "2"), (word, "5")]


def test_other_delimiter_and_quote(tmp_path: Path) -> None:
    output = run(b"a|b\n'x|''y'|\"\n", tmp_path, how=dialect("|", "'", "utf-8"))
    assert output.json_rows() == [("x|'y", '"')]
    assert output.parts["csv"]["dialect"]["delimiter"] == "|"


def test_own_processes_write_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"a,b\n" + b"".join(b'%d,"x, ""%d"""\n' % (i, i) for i in range(5000))
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    here = run(data, one)
    monkeypatch.setattr(module, "PARALLEL_FROM_BYTES", 0)
    assert run(data, two).manifest == here.manifest


def test_the_shared_export(tmp_path: Path) -> None:
    output = run(SHARED.read_bytes(), tmp_path)
    parts = [output.json_rows(), [row[1:] for row in output.sqlite_rows()], output.csv_rows()]
    assert [len(rows) for rows in parts] == [500, 500, 500]
    dealt = [row for three in zip(*parts, strict=True) for row in three]
    assert dealt == parse(SHARED.read_bytes().decode())[1:]
