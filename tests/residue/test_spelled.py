"""A value is found in every spelling; the same scan does not find another person's value there."""

from __future__ import annotations

import base64
import bz2
import csv
import gzip
import html
import io
import json
import lzma
import quopri
import sqlite3
import struct
import tarfile
import unicodedata
import urllib.parse
import zipfile
import zlib
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import ipc, orc

from lib.residue import residue
from lib.residue.residue import ABSENT, PRESENT, Wanted, scan

# Two invented persons, alike in all that is not their own.
VALUE = 'Zoë "Quix" O\'Testy\\Lane & Söhne 7f3a 40% a/b+c'
OTHER = 'Ada "Quix" O\'Testy\\Lane & Söhne 9c1d 40% a/b+c'
KEY = "8f14e45fceea167a5a36dedd4bea2543a1b2c3d4e5f60718293a4b5c6d7e8f90"
OTHER_KEY = "c9f0f895fb98ab9159f51fd0297e236db1c2d3e4f5061728394a5b6c7d8e9fa0"
UUID = "3f2b8c1e-9d47-4a6b-8e05-1c7d9f2a4b63"
OTHER_UUID = "a41c7d92-5e3f-4b80-9c16-7f2e8d3b0a59"

Spell = Callable[[str], bytes]


def parquet(text: str, **options: object) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"c": [text, "-" * 90] * 40}), sink, **options)
    return sink.getvalue()


def in_footer(text: str) -> bytes:
    """In the form in which Spark keeps a column's comment."""
    sink = io.BytesIO()
    table = pa.table({"c": [1]}).replace_schema_metadata({"schema": json.dumps({"comment": text})})
    pq.write_table(table, sink)
    return sink.getvalue()


def in_zip(text: str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", gzip.compress(text.encode()))
    return sink.getvalue()


def in_tar(text: str) -> bytes:
    sink, content = io.BytesIO(), parquet(text)
    with tarfile.open(fileobj=sink, mode="w:gz") as archive:
        member = tarfile.TarInfo("a")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return sink.getvalue()


def in_orc(text: str) -> bytes:
    sink = io.BytesIO()
    orc.write_table(pa.table({"c": [text, "-" * 90] * 40}), sink, compression="zlib")
    return sink.getvalue()


def in_arrow(text: str) -> bytes:
    sink, table = io.BytesIO(), pa.table({"c": [text, "-" * 90] * 40})
    with ipc.new_file(sink, table.schema, options=ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    return sink.getvalue()


def in_avro(text: str) -> bytes:
    """One block of one text, as Avro's specification says; lengths are below 64 or take two bytes."""

    def told(content: bytes) -> bytes:
        length = len(content) * 2
        return (bytes([length]) if length < 128 else bytes([length & 0x7F | 0x80, length >> 7])) + content

    head = b"Obj\x01" + b"\x04" + told(b"avro.codec") + told(b"deflate") + told(b"avro.schema") + told(b'"string"')
    block = zlib.compress(told(text.encode()))[2:-4]
    return head + b"\x00" + b"s" * 16 + b"\x02" + told(block) + b"s" * 16


def in_sqlite(text: str, encoding: str = "UTF-8") -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "part.sqlite"
        with closing(sqlite3.connect(file)) as database:
            database.execute(f"pragma encoding = '{encoding}'")
            database.execute("create table t (a text)")
            database.execute("insert into t values (?)", ("-" * 4000 + text,))  # runs over the end of a page
            database.commit()
        return file.read_bytes()


def in_csv(text: str) -> bytes:
    sink = io.StringIO()
    csv.writer(sink).writerow(["1", text])
    return sink.getvalue().encode()


def compressed(text: str, codec: str) -> bytes:
    return bytes(pa.compress(text.encode() * 9, codec=codec, asbytes=True))


def lz4_of_java(text: str) -> bytes:
    content, packed = text.encode() * 9, compressed(text, "lz4_raw")
    return b"LZ4Block" + b"\x25" + struct.pack("<III", len(packed), len(content), 0) + packed


def snappy_of_java(text: str) -> bytes:
    packed = compressed(text, "snappy")
    return b"\x82SNAPPY\x00" + struct.pack(">II", 1, 1) + struct.pack(">I", len(packed)) + packed


def snappy_framed(text: str) -> bytes:
    packed = b"\0\0\0\0" + compressed(text, "snappy")
    return b"\xff\x06\x00\x00sNaPpY" + b"\x00" + len(packed).to_bytes(3, "little") + packed


def of_hadoop(text: str) -> bytes:
    content, packed = text.encode() * 9, compressed(text, "snappy")
    return struct.pack(">II", len(content), len(packed)) + packed


def dumped(text: str) -> bytes:
    digits = (b"-" * 20 + text.encode()).hex()
    return "\n".join(digits[at : at + 60] for at in range(0, len(digits), 60)).encode()


def delta(text: str) -> bytes:
    cut = {"minValues": {"c": text[:32]}, "maxValues": {"c": text[:32] + "\x7f"}}
    return json.dumps({"add": {"path": "p", "stats": json.dumps(cut)}}).encode()


def utf16(text: str) -> bytes:
    return text.encode("utf-16-le")


FORMS: dict[str, Spell] = {
    "JSON": lambda text: json.dumps({"a": text}).encode(),
    "JSON, slashes escaped": lambda text: json.dumps({"a": text}).replace("/", "\\/").encode(),
    "JSON in JSON": lambda text: json.dumps({"a": json.dumps({"b": text})}).encode(),
    "JSON, four times": lambda text: json.dumps(json.dumps(json.dumps(json.dumps(text)))).encode(),
    "JSON, all escaped": lambda text: "".join(f"\\u{ord(one):04X}" for one in text).encode(),
    "JSON in UTF-16": lambda text: json.dumps({"a": text}).encode("utf-16"),
    "Python": lambda text: ascii(text).encode(),
    "Python's bytes": lambda text: repr(text.encode()).encode(),
    "octal": lambda text: "".join(f"\\{byte:03o}" for byte in text.encode()).encode(),
    "JavaScript": lambda text: "".join(f"\\u{{{ord(one):x}}}" for one in text).encode(),
    "HTML": lambda text: html.escape(text).replace("ë", "&euml;").replace("ö", "&ouml;").encode(),
    "HTML, decimal": lambda text: "".join(f"&#{ord(one)};" for one in text).encode(),
    "HTML, hexadecimal": lambda text: "".join(f"&#x{ord(one):x};" for one in text).encode(),
    "HTML in HTML": lambda text: html.escape(html.escape(html.escape(text))).encode(),
    "HTML in JSON": lambda text: json.dumps(html.escape(text)).encode(),
    "URL": lambda text: urllib.parse.quote(text, safe="").encode(),
    "URL, small": lambda text: urllib.parse.quote(text, safe="").lower().encode(),
    "URL, +": lambda text: urllib.parse.quote_plus(text).encode(),
    "URL in URL": lambda text: urllib.parse.quote(urllib.parse.quote(text)).encode(),
    "URL of Latin-1": lambda text: urllib.parse.quote(text.encode("latin-1")).encode(),
    "URL in JSON in HTML": lambda text: html.escape(json.dumps(urllib.parse.quote(text))).encode(),
    "UTF-16, little": lambda text: b"x" + utf16(text),
    "UTF-16, big": lambda text: text.encode("utf-16-be"),
    "UTF-32": lambda text: text.encode("utf-32"),
    "Latin-1": lambda text: b"before " + text.encode("latin-1"),
    "cp1252": lambda text: text.encode("cp1252"),
    "cp850": lambda text: text.encode("cp850"),
    "UTF-8 read as Latin-1": lambda text: text.encode().decode("latin-1").encode(),
    "NFC": lambda text: unicodedata.normalize("NFC", text).encode(),
    "NFD": lambda text: unicodedata.normalize("NFD", text).encode(),
    "NFKD": lambda text: unicodedata.normalize("NFKD", text).encode(),
    "capitals": lambda text: text.upper().encode(),
    "CSV": in_csv,
    "CSV in CSV": lambda text: in_csv(in_csv(text).decode()),
    "SQL": lambda text: f"insert into t values ('{text.replace(chr(39), chr(39) * 2)}')".encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64, one before": lambda text: base64.b64encode(b"1" + text.encode() + b"2"),
    "base64, two before": lambda text: base64.b64encode(b"12" + text.encode() + b"2"),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(b"\xff\xfe\xfb" + text.encode()),
    "base64 in lines": lambda text: b"x: \n" + base64.encodebytes(b"." * 41 + text.encode() * 2),
    "base64 of UTF-16": lambda text: base64.b64encode(utf16(text)),
    "base64 of gzip in JSON": lambda text: json.dumps(base64.b64encode(gzip.compress(text.encode())).decode()).encode(),
    "base64 in base64": lambda text: base64.b64encode(base64.b64encode(text.encode())),
    "hexadecimal": lambda text: text.encode().hex().encode(),
    "hexadecimal, capitals": lambda text: text.encode().hex().upper().encode(),
    "hexadecimal, spaced": lambda text: text.encode().hex(" ").encode(),
    "hexadecimal, colons": lambda text: text.encode().hex(":").upper().encode(),
    "hexadecimal of Spark": lambda text: f"X'{text.encode().hex().upper()}'".encode(),
    "hexadecimal of UTF-16": lambda text: utf16(text).hex().encode(),
    "hexadecimal in lines": dumped,
    "Delta's cut": delta,
    "Delta's cut in a checkpoint": lambda text: parquet(text[:32] + "\U0010ffff"),
    "Parquet's footer": in_footer,
    "zlib": lambda text: zlib.compress(text.encode() * 3),
    "zlib, fast": lambda text: zlib.compress(text.encode(), 1),
    "deflate": lambda text: zlib.compress(text.encode() * 3)[2:-4],
    "gzip": lambda text: gzip.compress(text.encode()),
    "gzip, two members": lambda text: gzip.compress(b"nothing here") + gzip.compress(text.encode()),
    "bzip2": lambda text: bz2.compress(text.encode()),
    "xz": lambda text: lzma.compress(text.encode()),
    "lzma": lambda text: lzma.compress(text.encode(), lzma.FORMAT_ALONE),
    **{name: partial(compressed, codec=name) for name in ("zstd", "lz4", "lz4_raw", "snappy", "brotli")},
    "LZ4 of Spark": lz4_of_java,
    "Snappy of Spark": snappy_of_java,
    "Snappy in frames": snappy_framed,
    "Snappy of Hadoop": of_hadoop,
    "gzip in a file": lambda text: b"a line\n" * 5 + gzip.compress(text.encode()) + b"another\n",
    "zlib in a file": lambda text: b"a line\n" * 5 + zlib.compress(text.encode()) + b"another\n",
    "zstd in a file": lambda text: b"line\n" * 5 + compressed(text, "zstd") + b"end\n",
    "xz in bzip2 in gzip": lambda text: gzip.compress(bz2.compress(lzma.compress(text.encode()))),
    "gzip in zip": in_zip,
    "zip in a file": lambda text: b"#!/bin/sh\n\xff" * 9 + in_zip(text),
    "Parquet in a file": lambda text: b"\x00\xffhead" + parquet(text) + b"\xff\x00tail",
    "mail, Q": lambda text: quopri.encodestring(text.encode(), header=True),
    "mail": lambda text: quopri.encodestring(b"Dear customer, " * 9 + text.encode()),
    "Java": lambda text: b"\xac\xed\x00\x05t" + struct.pack(">H", len(text.encode())) + text.encode(),
    "Parquet in tar in gzip": in_tar,
    **{f"Parquet, {name}": partial(parquet, compression=name) for name in ("none", "gzip", "zstd", "lz4", "brotli")},
    "Parquet, JSON in it": lambda text: parquet(json.dumps({"a": text})),
    "Parquet, base64 in it": lambda text: parquet(base64.b64encode(gzip.compress(text.encode())).decode()),
    "ORC": in_orc,
    "Arrow": in_arrow,
    "Avro": in_avro,
    "SQLite": in_sqlite,
    "SQLite in UTF-16": lambda text: in_sqlite(text, "UTF-16le"),
}  # fmt: skip
KEYS: dict[str, Spell] = {
    "capitals": lambda key: key.upper().encode(),
    "bytes": lambda key: b"before" + bytes.fromhex(key.replace("-", "")) + b"behind",
    "base64 of the bytes": lambda key: base64.b64encode(bytes.fromhex(key.replace("-", ""))),
    "bytes in Parquet": lambda key: parquet_of(pa.array([bytes.fromhex(key.replace("-", ""))] * 9)),
    "hexadecimal of the digits": lambda key: key.encode().hex().encode(),
}


LETTERS = "abcdefgh QRST0123456789" * 3 + "\"'\\&%/+-_@.;:<>=#|{}[]()~\t" + "ëéüßñçœ€Жδ中文\U0001f600İ\u0131"
TEXTS: dict[str, Callable[[str], str]] = {
    "JSON": json.dumps,
    "JSON of UTF-8": partial(json.dumps, ensure_ascii=False),
    "HTML": html.escape,
    "HTML of ASCII": lambda text: html.escape(text).encode("ascii", "xmlcharrefreplace").decode(),
    "URL": partial(urllib.parse.quote, safe=""),
    "form": urllib.parse.quote_plus,
    "Python": ascii,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "hexadecimal": lambda text: text.encode().hex(),
}
BYTES: dict[str, Spell] = {
    "UTF-8": str.encode,
    "UTF-16": lambda text: text.encode("utf-16"),
    "gzip": lambda text: gzip.compress(text.encode()),
    "zlib in a file": lambda text: b"a line\n" + zlib.compress(text.encode()) + b"\nanother",
}


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    value=st.text(LETTERS, min_size=10, max_size=50).filter(lambda text: text == text.strip()),
    chain=st.lists(st.sampled_from(sorted(TEXTS)), max_size=3),
    last=st.sampled_from(sorted(BYTES)),
)
def test_any_value_is_found_through_any_three_spellings(value: str, chain: list[str], last: str) -> None:
    text = f"before: {value}"
    for name in chain:
        text = TEXTS[name](text)
    look = residue._Look(Wanted(texts=frozenset({value})), "a control that is not planted")
    assert look.into(BYTES[last](text))[0]


def parquet_of(column: pa.Array) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"c": column}), sink)
    return sink.getvalue()


def looked_for(folder: Path, content: bytes, value: str) -> str:
    (folder / "file").write_bytes(content)
    return scan([folder], Wanted(texts=frozenset({value}))).verdict


@pytest.mark.parametrize("form", FORMS)
def test_a_value_is_found_in_each_form_and_another_is_not(tmp_path: Path, form: str) -> None:
    assert looked_for(tmp_path, FORMS[form](VALUE), VALUE) == PRESENT
    assert looked_for(tmp_path, FORMS[form](OTHER), VALUE) == ABSENT


@pytest.mark.parametrize("form", KEYS)
@pytest.mark.parametrize(("key", "other"), [(KEY, OTHER_KEY), (UUID, OTHER_UUID)], ids=["pseudonym", "uuid"])
def test_a_key_is_found_in_each_form_and_another_is_not(tmp_path: Path, form: str, key: str, other: str) -> None:
    assert looked_for(tmp_path, KEYS[form](key), key) == PRESENT
    assert looked_for(tmp_path, b"-" * 99 + KEYS[form](key), other) != PRESENT


@pytest.mark.parametrize(
    "name",
    [
        "name=Zo%C3%AB %22Quix%22 O%27Testy%5CLane %26 S%C3%B6hne 7f3a 40%25 a%2Fb+c",
        "name=" + urllib.parse.quote(urllib.parse.quote(VALUE, safe="")),
        base64.urlsafe_b64encode(VALUE.encode()).decode(),
        VALUE.replace("/", "%2F"),
    ],
    ids=["Hive", "twice", "base64", "plain"],
)
@pytest.mark.parametrize("kind", ["file", "folder of a file", "empty folder", "target of a link"])
def test_a_value_in_a_name_is_found_and_not_repeated(tmp_path: Path, name: str, kind: str) -> None:
    place = tmp_path / name
    if kind == "target of a link":
        (tmp_path / "link").symlink_to(name)
    elif kind == "file":
        place.touch()
    else:
        place.mkdir()
        if kind == "folder of a file":
            (place / "part-0").touch()
    found = scan([tmp_path], Wanted(texts=frozenset({VALUE})))
    assert found.verdict == PRESENT
    assert name not in "".join([finding.path for finding in found.findings] + found.unread)


def test_what_only_looks_like_a_cut_value_is_none(tmp_path: Path) -> None:
    """Somebody else's text that begins with the same 32 letters and goes on."""
    begins_alike = VALUE[:32] + " and somebody else altogether"
    assert looked_for(tmp_path, json.dumps({"a": begins_alike}, ensure_ascii=False).encode(), VALUE) == ABSENT


def test_a_number_is_found_in_a_column_of_numbers_and_in_binary(tmp_path: Path) -> None:
    wanted = Wanted(integers=frozenset({7046029254386353131}))
    for content in (
        parquet_of(pa.array([1, 7046029254386353131])),
        b"...." + struct.pack(">q", 7046029254386353131),
        b"id: 7046029254386353131",
        base64.b64encode(b"id: 7046029254386353131"),
    ):
        (tmp_path / "file").write_bytes(content)
        assert scan([tmp_path], wanted).verdict == PRESENT
    (tmp_path / "file").write_bytes(parquet_of(pa.array([1, 7046029254386353132])))
    assert scan([tmp_path], wanted).verdict == ABSENT
