"""An unreadable file is never called clean: the verdict is INCONCLUSIVE, and the file is named."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import lzma
import os
import random
import zipfile
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lib.errors import AuditFailed
from lib.residue import controls, residue
from lib.residue.residue import ABSENT, INCONCLUSIVE, PRESENT, Wanted, scan, verdict

VALUE = "canary-4f1d2c"
WANTED = Wanted(texts=frozenset({VALUE}))
TEXT = b"".join(b"line %d of a log, nobody is named\n" % n for n in range(400))
RANDOM = random.Random(7).randbytes(5000)  # noqa: S311 - stands for what is encrypted


def encrypted_zip() -> bytes:
    """A zip whose member is marked as encrypted: Python writes none, so the mark is set in both of its heads."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("a.txt", RANDOM)
    content = bytearray(sink.getvalue())
    content[6] |= 1
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"c": [f"text {n}" for n in range(500)]}), sink)
    return sink.getvalue()


def zstd(content: bytes) -> bytes:
    return bytes(pa.compress(content, codec="zstd", asbytes=True))


OPAQUE = {
    "encrypted": RANDOM,
    "encrypted, short": RANDOM[:40],
    "encrypted, with a head of text": b"version: 1\ncipher: aes\n" + RANDOM,
    "encrypted with OpenSSL": b"Salted__" + RANDOM[:64],
    "encrypted, as a letter": b"-----BEGIN PGP MESSAGE-----\n\nhQEMA5\n-----END PGP MESSAGE-----\n",
    "encrypted in base64": b"key: " + base64.b64encode(RANDOM),
    "encrypted in hexadecimal": RANDOM.hex().encode(),
    "encrypted in gzip": gzip.compress(RANDOM),
    "encrypted zip": encrypted_zip(),
    "encrypted Parquet": b"PARE" + RANDOM + b"PARE",
    "office document with a password": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
    "encrypted PDF": b"%PDF-1.7\n1 0 obj << /Encrypt 2 0 R >>\n",
    "7z": b"7z\xbc\xaf\x27\x1c\x00\x04" + RANDOM,
    "RAR": b"Rar!\x1a\x07\x01\x00" + RANDOM,
    "picture": b"\x89PNG\r\n\x1a\n" + RANDOM,
    "gzip, cut": gzip.compress(TEXT)[:-30],
    "gzip, cut, in a file": TEXT + gzip.compress(TEXT)[:-30],
    "gzip, damaged": gzip.compress(TEXT)[:-8] + b"\0" * 8,
    "zlib, cut": zlib.compress(RANDOM)[:-900],
    "bzip2, cut": bz2.compress(TEXT)[:-9],
    "xz, cut": lzma.compress(TEXT)[:-9],
    "zstd, cut": zstd(TEXT)[:-9],
    "zstd with a dictionary": b"\x28\xb5\x2f\xfd\x23\x07\x00\x00\x00" + RANDOM,
    "encrypted zip in a file": b"#!/bin/sh\n\xff" * 9 + encrypted_zip(),
    "zip, cut": encrypted_zip()[:-40],
    "Parquet, cut": parquet()[:-40],
    "Parquet, damaged": parquet()[:30] + b"\0" * 60 + parquet()[90:],
    "ORC, cut": b"ORC" + RANDOM,
    "Avro, cut": b"Obj\x01\x04\x14avro.codec",
    "SQLite, damaged": b"SQLite format 3\x00" + RANDOM,
    "DuckDB": b"\0" * 8 + b"DUCK" + RANDOM,
}
HARMLESS = {
    "text": TEXT,
    "text in Latin-1": "Grüße aus Zürich, Ärzte und Öle\n".encode("latin-1") * 30,
    "text in UTF-16": TEXT.decode().encode("utf-16"),
    "nothing": b"",
    "zeros": bytes(5000),
    "one byte": b"\x93",
    "Hadoop's checksums": b"crc\x00\x00\x00\x02\x00" + RANDOM[:400],
    "numbers of deleted rows": b"\x01\x00\x00\x00\x24\xd1\xd3\x39\x64" + RANDOM[:32],
    "pseudonyms": b"\n".join(RANDOM[at : at + 32].hex().encode() for at in range(0, 4000, 32)),
    "gzip": gzip.compress(TEXT),
    "Parquet": parquet(),
}


@pytest.mark.parametrize("kind", OPAQUE)
def test_what_cannot_be_looked_into_is_named(tmp_path: Path, kind: str) -> None:
    (tmp_path / "data.bin").write_bytes(OPAQUE[kind])
    found = scan([tmp_path], WANTED)
    assert (found.verdict, found.unread) == (INCONCLUSIVE, ["data.bin"])
    assert found.reasons["data.bin"]


@pytest.mark.parametrize("kind", OPAQUE)
def test_a_value_beside_it_is_found_all_the_same(tmp_path: Path, kind: str) -> None:
    (tmp_path / "data.bin").write_bytes(OPAQUE[kind])
    (tmp_path / "log").write_text(VALUE, encoding="utf-8")
    found = scan([tmp_path], WANTED)
    assert (found.verdict, [finding.path for finding in found.findings], found.unread) == (
        PRESENT,
        ["log"],
        ["data.bin"],
    )


@pytest.mark.parametrize("kind", HARMLESS)
def test_what_can_be_looked_into_is_called_absent(tmp_path: Path, kind: str) -> None:
    (tmp_path / "data.bin").write_bytes(HARMLESS[kind])
    found = scan([tmp_path], WANTED)
    assert (found.verdict, found.reasons) == (ABSENT, {})


def test_a_value_in_what_is_cut_is_found_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = gzip.compress(VALUE.encode() * 9 + RANDOM)
    (tmp_path / "log.gz").write_bytes(whole[: len(whole) // 2])
    found = scan([tmp_path], WANTED)
    assert (found.verdict, found.unread) == (PRESENT, ["log.gz"])


def test_a_link_out_of_the_lake_is_named_and_one_inside_is_not(tmp_path: Path) -> None:
    lake, outside = tmp_path / "lake", tmp_path / "outside"
    lake.mkdir()
    outside.mkdir()
    (outside / "file").write_text(VALUE, encoding="utf-8")
    (lake / "log").write_bytes(TEXT)
    (lake / "inside").symlink_to("log")
    assert scan([lake], WANTED).verdict == ABSENT
    for target in (outside / "file", outside):
        (lake / "away").symlink_to(target)
        found = scan([lake], WANTED)
        assert (found.verdict, found.unread) == (INCONCLUSIVE, ["away"])
        (lake / "away").unlink()


def test_a_lake_may_be_named_by_a_link(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    lake.mkdir()
    (lake / "log").write_text(VALUE, encoding="utf-8")
    (tmp_path / "link").symlink_to(lake)
    assert [finding.path for finding in scan([tmp_path / "link"], WANTED).findings] == ["log"]


def test_a_pipe_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert scan([tmp_path], WANTED).unread == ["pipe"]


def test_a_place_that_is_not_there_is_named(tmp_path: Path) -> None:
    found = scan([tmp_path / "nowhere"], WANTED)
    assert (found.verdict, found.unread) == (INCONCLUSIVE, ["nowhere"])


@pytest.mark.parametrize("refused", ["file", "folder"])
def test_what_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str) -> None:
    """As for a user without the right: root, as whom a container runs its tests, may read everything."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/file").write_bytes(TEXT)

    def deny(path: Path, *_: object) -> bytes:
        raise PermissionError(path)

    monkeypatch.setattr(Path, "read_bytes" if refused == "file" else "iterdir", deny)
    found = scan([tmp_path], WANTED)
    assert (found.verdict, len(found.unread)) == (INCONCLUSIVE, 1)


def test_a_file_that_changes_while_it_is_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "log").write_bytes(TEXT)
    read = Path.read_bytes

    def grow(path: Path) -> bytes:
        content = read(path)
        with path.open("ab") as stream:
            stream.write(b"one line more\n")
        return content

    monkeypatch.setattr(Path, "read_bytes", grow)
    found = scan([tmp_path], WANTED)
    assert (found.verdict, found.unread) == (INCONCLUSIVE, ["log"])


def test_a_file_that_is_too_large_is_searched_as_it_lies_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(residue, "MOST_BYTES", 1000)
    monkeypatch.setattr(residue, "PIECE", 1000)
    (tmp_path / "large").write_bytes(b"." * 995)
    assert scan([tmp_path], WANTED).verdict == ABSENT
    (tmp_path / "large").write_bytes(b"." * 3000)
    assert scan([tmp_path], WANTED).unread == ["large"]
    (tmp_path / "large").write_bytes(b"." * 995 + VALUE.encode() + b"." * 995)
    assert scan([tmp_path], WANTED).verdict == PRESENT


def test_a_file_that_goes_while_others_are_searched_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "log").write_bytes(TEXT)

    def vanish(path: Path) -> bytes:
        path.unlink()
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_bytes", vanish)
    assert scan([tmp_path], WANTED).verdict == ABSENT


def test_a_scan_that_does_not_find_its_controls_proves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "log").write_bytes(TEXT)
    monkeypatch.setitem(controls.SPELLINGS, "rot13", lambda text: text[::-1].encode())
    found = scan([tmp_path], WANTED)
    assert (found.verdict, found.failed) == (INCONCLUSIVE, ["rot13"])
    with pytest.raises(AuditFailed, match="does not find what it should: rot13"):
        verdict(found, 1)


def test_a_scan_that_finds_what_was_not_asked_for_proves_nothing(tmp_path: Path) -> None:
    assert controls.failed(lambda _: 1, "planted", "absent") == list(controls.SPELLINGS)
    assert controls.failed(lambda _: 0, "planted", "absent") == list(controls.SPELLINGS)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (VALUE.encode(), r"^PRESENT: 1 values looked for in 1 files .*findings: 1 other file"),
        (RANDOM, r"^INCONCLUSIVE: 1 values looked for in 1 files .*could not be searched: 1"),
    ],
    ids=["present", "not searchable"],
)
def test_the_verdict_is_said_first(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "log").write_bytes(content)
    with pytest.raises(AuditFailed, match=sentence):
        verdict(scan([tmp_path], WANTED), 1)


def test_the_verdict_says_how_short_values_were_looked_for(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(TEXT)
    told = verdict(scan([tmp_path], WANTED), 3, short=2)
    assert told.startswith("ABSENT: 3 values looked for in 1 files")
    assert "Of 2 values under 8 bytes only whole values of key columns were looked for." in told
