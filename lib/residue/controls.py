"""Controls of a scan: before it may say "absent", it must find planted values, and must not find an absent one.

Each spelling is made by the program that others would use for it, never by the code that must recognise it.
"""

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
import secrets
import sqlite3
import tarfile
import unicodedata
import urllib.parse
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import orc

NORMAL_FORMS: tuple[Literal["NFC", "NFD", "NFKC", "NFKD"], ...] = ("NFC", "NFD", "NFKC", "NFKD")
Spelling = Callable[[str], bytes]
BEFORE, AFTER = b"before ", b" after\n"
CUT = 32  # characters that Delta's statistics keep


def drawn() -> str:
    """A random value that occurs nowhere, with every kind of letter that has several spellings."""
    return f"{secrets.token_hex(8)} Zo\u00eb \"O'N\" & l'\u00e9t\u00e9 \\ 50% a/b+c, Gro\u00dfe Stra\u00dfe"


def failed(hits: Callable[[bytes], int], planted: str, absent: str) -> list[str]:
    """The spellings in which the planted value is not found, or the absent one is found."""
    return [name for name, spell in SPELLINGS.items() if not hits(spell(planted)) or hits(spell(absent))]


def _encoded(name: str) -> Spelling:
    return lambda text: BEFORE + text.encode(name)


def _normal(form: Literal["NFC", "NFD", "NFKC", "NFKD"]) -> Spelling:
    return lambda text: unicodedata.normalize(form, text).encode()


def _numeric(text: str, form: str) -> bytes:
    return "".join(form.format(ord(one)) for one in text).encode()


def _percent(text: str) -> str:
    return urllib.parse.quote(text, safe="")


def _lines(text: str) -> bytes:
    return BEFORE + b"\n" + base64.encodebytes(b"x" * 31 + text.encode() * 3) + AFTER


def _csv(text: str) -> bytes:
    sink = io.StringIO()
    csv.writer(sink, quoting=csv.QUOTE_ALL).writerow(["1", text, "2"])
    return sink.getvalue().encode()


def _delta(text: str) -> bytes:
    stats = {"minValues": {"a": text[:CUT]}, "maxValues": {"a": text[:CUT] + "\U0010ffff"}}
    return json.dumps({"add": {"stats": json.dumps(stats)}}).encode()


def _zip(text: str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("member", text)
    return sink.getvalue()


def _tar(text: str) -> bytes:
    sink = io.BytesIO()
    content = gzip.compress(text.encode())
    with tarfile.open(fileobj=sink, mode="w") as archive:
        member = tarfile.TarInfo("member")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return sink.getvalue()


def _sqlite(text: str) -> bytes:
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("pragma page_size = 512")
        database.execute("create table t (a text)")
        database.execute("insert into t values (?)", ("-" * 470 + text,))
        database.commit()
        return bytes(database.serialize()) if hasattr(database, "serialize") else text.encode()


def _table(write: Callable[[pa.Table, io.BytesIO], None]) -> Spelling:
    def spell(text: str) -> bytes:
        sink = io.BytesIO()
        write(pa.table({"a": ["-" * 99, text] * 9}), sink)
        return sink.getvalue()

    return spell


def _within(before: bytes, spell: Spelling, after: bytes) -> Spelling:
    return lambda text: before + spell(text) + after


def _compressed(name: str) -> Spelling:
    return lambda text: bytes(pa.compress(text.encode() * 2, codec=name, asbytes=True))


SPELLINGS: Mapping[str, Spelling] = {
    "UTF-8": str.encode,
    "capitals": lambda text: text.upper().encode(),
    **{name: _encoded(name) for name in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "cp1252", "latin-1")},
    **{form: _normal(form) for form in NORMAL_FORMS},
    "JSON": lambda text: json.dumps([text]).encode(),
    "JSON with escaped slashes": lambda text: json.dumps([text]).replace("/", "\\/").encode(),
    "JSON in JSON": lambda text: json.dumps(json.dumps(json.dumps({"a": text}))).encode(),
    "repr": lambda text: ascii(text).encode(),
    "repr of bytes": lambda text: repr(text.encode()).encode(),
    "octal": lambda text: "".join(f"\\{byte:03o}" for byte in text.encode()).encode(),
    "HTML": lambda text: html.escape(text).encode("ascii", "xmlcharrefreplace"),
    "HTML, decimal": lambda text: _numeric(text, "&#{};"),
    "HTML, hexadecimal": lambda text: _numeric(text, "&#x{:X};"),
    "HTML in HTML": lambda text: html.escape(html.escape(text)).encode(),
    "URL": lambda text: _percent(text).encode(),
    "URL, small letters": lambda text: _percent(text).lower().encode(),
    "URL with +": lambda text: urllib.parse.quote_plus(text).encode(),
    "URL in URL": lambda text: _percent(_percent(text)).encode(),
    "quoted-printable": lambda text: quopri.encodestring(text.encode()),
    "CSV": _csv,
    "SQL": lambda text: f"insert into t values ('{text.replace(chr(39), chr(39) * 2)}')".encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64, second place": lambda text: base64.b64encode(b"x" + text.encode() + b"xyz"),
    "base64, third place": lambda text: base64.b64encode(b"xy" + text.encode() + b"xyz"),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()),
    "base64 of UTF-16": lambda text: base64.b64encode(text.encode("utf-16-le")),
    "base64 in lines": _lines,
    "base64 of gzip": lambda text: base64.b64encode(gzip.compress(text.encode())),
    "base64 in base64": lambda text: base64.b64encode(base64.b64encode(text.encode())),
    "hexadecimal": lambda text: text.encode().hex().encode(),
    "hexadecimal, capitals": lambda text: text.encode().hex().upper().encode(),
    "hexadecimal with colons": lambda text: text.encode().hex(":").encode(),
    "hexadecimal of gzip": lambda text: gzip.compress(text.encode()).hex().encode(),
    "Delta's cut": _delta,
    "gzip": lambda text: gzip.compress(text.encode()),
    "zlib": lambda text: zlib.compress(text.encode()),
    "deflate": lambda text: zlib.compress(text.encode())[2:-4],
    "bzip2": lambda text: bz2.compress(text.encode()),
    "xz": lambda text: lzma.compress(text.encode()),
    **{name: _compressed(name) for name in ("zstd", "lz4", "lz4_raw", "snappy", "brotli")},
    "gzip within a file": _within(BEFORE * 9, lambda text: gzip.compress(text.encode()), AFTER),
    "zlib within a file": _within(BEFORE * 9, lambda text: zlib.compress(text.encode()), AFTER),
    "bzip2 in gzip": lambda text: gzip.compress(bz2.compress(text.encode())),
    "zip": _zip,
    "gzip in tar": _tar,
    "SQLite": _sqlite,  # before Python 3.11 the text alone
    "Parquet": _table(lambda table, sink: pq.write_table(table, sink, compression="zstd")),
    "ORC": _table(lambda table, sink: orc.write_table(table, sink, compression="zlib")),
}  # fmt: skip
