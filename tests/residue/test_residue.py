"""The scanner finds a planted value in each kind of place, and does not call a file clean that it cannot read."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import sqlite3
import zipfile
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lib.residue import residue
from lib.residue.residue import Wanted, scan
from tests.privacy.conftest import COLUMNS, REFUSED, mark

CANARY = "canary-4f1d2c"
NUMBER = -7046029254386353131
WANTED = Wanted(texts=frozenset({CANARY}), integers=frozenset({NUMBER}), short={"user_id": frozenset({"u7"})})


def parquet(column: object, name: str = "any", **options: object) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({name: column}), sink, compression="snappy", **options)
    return sink.getvalue()


def zipped(content: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.txt", content)
    return sink.getvalue()


Content = Callable[[Sequence[str]], bytes]


def log(values: Sequence[str]) -> bytes:
    lines = [json.dumps({"add": {"stats": json.dumps({"minValues": {"user_id": value}})}}) for value in values]
    return "\n".join(lines).encode()


def text(values: Sequence[str]) -> bytes:
    """Long enough that neither compression nor Parquet leaves a value readable."""
    return b"\n".join(b"line %d of a log, nobody is named" % n for n in range(50)) + ", ".join(values).encode()


def many(values: Sequence[str]) -> list[str]:
    return [f"canary-4f1d{n:03}" for n in range(500)] + list(values)


def database(values: Sequence[str]) -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "part.sqlite"
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("create table t (id text)")
            connection.executemany("insert into t values (?)", [(value,) for value in values])
            connection.commit()
        return file.read_bytes()


PLACES: dict[str, tuple[str, Content]] = {
    "data file": ("silver/users/part-0.parquet", lambda values: parquet(many(values))),
    "data file in a struct": (
        "silver/users/part-1.parquet", lambda values: parquet([{"a": {"b": [value]}} for value in values])
    ),
    "data file in a map": (
        "silver/users/part-2.parquet",
        lambda values: parquet(pa.array([[(value, 1)] for value in values], pa.map_("string", "int32"))),
    ),
    "data file as binary": (
        "gold/fact/part-4.parquet", lambda values: parquet([value.encode() for value in values])
    ),
    "old version": ("silver/users/part-5.parquet", lambda values: parquet(many(values)[::-1])),
    "quarantine": ("silver/quarantine/part-6.parquet", lambda values: parquet(many(values))),
    "delta log": ("bronze/t/_delta_log/00000000000000000000.json", log),
    "checksum": ("bronze/t/_delta_log/00000000000000000000.crc", log),
    "checkpoint": (
        "bronze/t/_delta_log/00000000000000000010.checkpoint.parquet", lambda values: parquet([log(values).decode()])
    ),
    "report": ("reports/run.html", lambda values: b"<td>" + text(values) + b"</td>"),
    "audit log": ("audit/log.jsonl", log),
    "log": ("logs/driver.log", text),
    "database": ("parts/part.sqlite", database),
    "orphan": ("silver/users/part-orphan.parquet", lambda values: parquet(list(values))),
    "unfinished file": ("silver/users/_temporary/0/part-0.tmp", text),
    "gzip": ("logs/driver.log.gz", lambda values: gzip.compress(text(values))),
    "bzip2": ("logs/driver.log.bz2", lambda values: bz2.compress(text(values))),
    "xz": ("logs/driver.log.xz", lambda values: lzma.compress(text(values))),
    "zip": ("logs/driver.zip", lambda values: zipped(text(values))),
    "gzip in a zip, misnamed": ("logs/driver.txt", lambda values: zipped(gzip.compress(text(values)))),
    "parquet in a gzip": ("logs/part.parquet.gz", lambda values: gzip.compress(parquet(many(values)))),
    "hidden file": ("silver/users/.part-0.swp", text),
}  # fmt: skip
TEXT, MANY = text([CANARY]), many([CANARY])


def lay(folder: Path, place: str, values: Sequence[str] = (CANARY,)) -> Path:
    name, content = PLACES[place]
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content(values))
    return file


@pytest.mark.parametrize("place", PLACES)
def test_a_value_is_found_in_each_kind_of_place(tmp_path: Path, place: str) -> None:
    file = lay(tmp_path, place)
    found = scan([tmp_path], WANTED)
    assert [finding.path for finding in found.findings] == [str(file.relative_to(tmp_path))]
    assert found.unread == []
    other = Wanted(texts=frozenset({"canary-000000"}), integers=frozenset({-424242424242}))
    assert scan([tmp_path], other).findings == []


@pytest.mark.parametrize("place", PLACES)
def test_the_values_of_every_column_are_found_in_each_kind_of_place(tmp_path: Path, place: str) -> None:
    values = [mark(column, 7) for column in ("user_id", *COLUMNS, *REFUSED)]
    content = lay(tmp_path, place, values).read_bytes()
    looks = [residue._Look(Wanted(texts=frozenset({value})), "a control that is not planted") for value in values]
    assert [value for value, look in zip(values, looks, strict=True) if not look.into(content)[0]] == []


def test_a_value_in_a_file_name_is_found_and_not_repeated(tmp_path: Path) -> None:
    file = tmp_path / f"silver/users/id={CANARY}/part-0.bin"
    file.parent.mkdir(parents=True)
    file.touch()
    assert [finding.path for finding in scan([tmp_path], WANTED).findings] == [residue.NAMELESS]


def test_a_number_is_found_in_a_data_file(tmp_path: Path) -> None:
    (tmp_path / "part-3.parquet").write_bytes(parquet(pa.array([*range(999), NUMBER], pa.int64()), "n"))
    assert len(scan([tmp_path], WANTED).findings) == 1


def test_a_finding_says_what_kind_of_file_it_is(tmp_path: Path) -> None:
    for place in ("data file", "delta log", "checksum", "checkpoint", "report", "audit log", "gzip"):
        lay(tmp_path, place)
    assert scan([tmp_path], WANTED).by_kind == {
        "audit log": 1, "checkpoint": 1, "checksum": 1, "data file": 1, "delta log": 1, "other file": 1, "report": 1,
    }  # fmt: skip


@pytest.mark.parametrize("at", [0, 1, 7, 8, residue.BLOCK - 1, residue.BLOCK - 5, residue.BLOCK, residue.BLOCK + 3])
def test_no_place_in_a_file_is_passed_over(tmp_path: Path, at: int) -> None:
    (tmp_path / "big").write_bytes(b"." * at + CANARY.encode() + b"." * 5)
    (finding,) = scan([tmp_path], WANTED).findings
    assert finding.hits == 1


def test_values_that_begin_alike_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"canary-4f1d2x canary-4f1d2")
    assert scan([tmp_path], WANTED).findings == []


def test_a_short_value_is_found_as_a_whole_value_of_its_column(tmp_path: Path) -> None:
    file = tmp_path / "part.parquet"
    file.write_bytes(parquet(["u77", "u8"], "user_id"))
    assert scan([tmp_path], WANTED).findings == []
    file.write_bytes(parquet(["u7"], "other_column"))
    assert scan([tmp_path], WANTED).findings == []
    file.write_bytes(parquet(["u8", " u7 "], "user_id"))
    assert len(scan([tmp_path], WANTED).findings) == 1


@pytest.mark.parametrize(
    "broken",
    [gzip.compress(TEXT)[:-30], lzma.compress(TEXT)[:-9], parquet(MANY)[:40] + b"PAR1", zipped(TEXT)[:60]],
    ids=["gzip", "xz", "parquet", "zip"],
)
def test_what_cannot_be_decoded_is_not_called_clean(tmp_path: Path, broken: bytes) -> None:
    (tmp_path / "broken").write_bytes(broken)
    assert scan([tmp_path], WANTED).unread == ["broken"]


def test_what_is_packed_too_often_is_not_called_clean(tmp_path: Path) -> None:
    content = TEXT
    for _ in range(6):
        content = gzip.compress(content)
    (tmp_path / "bomb").write_bytes(content)
    assert scan([tmp_path], WANTED).unread == ["bomb"]


def test_the_evidence_is_that_of_the_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    first = scan([tmp_path], WANTED).evidence
    assert scan([tmp_path], Wanted()).evidence == first
    (tmp_path / "a").write_bytes(b"2")
    assert scan([tmp_path], WANTED).evidence != first


@pytest.mark.parametrize("place", ["data file", "delta log", "gzip"])
def test_an_extra_place_may_be_a_single_file(tmp_path: Path, place: str) -> None:
    file = lay(tmp_path, place)
    assert len(scan([file], WANTED).findings) == 1


def test_many_values_are_found_at_once(tmp_path: Path) -> None:
    wanted = Wanted(texts=frozenset(f"subject-{n:06}" for n in range(2000)))
    (tmp_path / "all").write_bytes("\n".join(sorted(wanted.texts)).encode())
    assert scan([tmp_path], wanted).findings[0].hits == 2000
