"""The ids of a request are read like the data, from any office program; impossible ids are refused by line."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from lib.errors import InputRefused, UsageError
from lib.rights import asked, listings
from lib.rights.asked import Asked
from lib.settings import Settings

PROJECT = Path(__file__).resolve().parents[2]
SETTINGS = Settings("", PROJECT / "lakehouse", PROJECT / "conf/sources", Path())
IDS = "u1\r\nMüller\r\n"


def read(tmp_path: Path, content: bytes) -> Asked:
    file = tmp_path / "ids.txt"
    file.write_bytes(content)
    return asked.read(str(file), SETTINGS)


@pytest.mark.parametrize(
    "content",
    [
        IDS.encode(),
        IDS.encode("utf-8-sig"),
        IDS.encode("utf-16"),
        b"\xfe\xff" + IDS.encode("utf-16-be"),
        b"\xff\xfe" + IDS.encode("utf-16-le"),
        IDS.encode("utf-16-le"),
        IDS.encode("utf-16-be"),
        IDS.encode("utf-32"),
        IDS.replace("\r\n", "\n").encode(),
        IDS.replace("\r\n", "\r").encode(),
        b'"u1"\r\n"M\xc3\xbcller"',
        b"u1\n\xef\xbb\xbfM\xc3\xbcller",  # two files in one, the mark of the second in the middle
        "u1\nMu\u0308ller\nMüller".encode(),
    ],
)
def test_a_list_of_any_program_names_the_same_persons(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, content).ids == ("u1", "Müller")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("41\u200b", "41"), ("\u202a41\u200e", "41"), ("\u00a041\u2003", "41"), ("\t41 ", "41"), ("4\u00ad1", "41"),
        ("Jose\u0301", "Jos\u00e9"), ('"4""1"', '4"1'), ('"41', '"41'), ('" 41 "', "41"), ("4 1", "4 1"),
        *((f"4{inside}1", f"4{inside}1") for inside in "\x85\x0b\x0c\x1c\x1d\x1e\u2028\u2029"),
    ],
)  # fmt: skip
def test_an_id_comes_in_its_normal_form_and_in_one_piece(tmp_path: Path, written: str, meant: str) -> None:
    assert read(tmp_path, f"{written}\nu2\n".encode()).ids == (meant, "u2")


def test_ids_come_by_the_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbfu3\nu4\n")))
    assert asked.read("-", SETTINGS).ids == ("u3", "u4")


@pytest.mark.parametrize("header", ["user_id", "USER_ID", "ID", '"user_id"', "\ufeffuser_id"])
def test_a_header_is_skipped_and_said(tmp_path: Path, header: str) -> None:
    found = read(tmp_path, f"\n{header}\nu1\n".encode())
    assert (found.ids, found.header) == (("u1",), 2)
    assert found.told("Done.", ["u1"], "unknown") == "Done. Line 2 is a header and was skipped."


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "names no person"),
        (b"\n \r\n\xe2\x80\x8b\n", "names no person"),
        (b"user_id\n", "names no person"),
        (b"u1\nM\xfcller\n", "Line 2 of the file of --subjects cannot be read: it is neither UTF-8 nor UTF-16. Save"),
        (b"\xff\xfe\x00u1", "cannot be read: it begins as UTF-16"),
        (b"hidden\x00u1\nmore than that, and no text at all", "NUL bytes and no byte-order mark"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, content)
    assert said in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        asked.read(str(tmp_path / "missing"), SETTINGS)


@pytest.mark.parametrize("spoilt", ["6.93217E+12", "1,23E+15", "1E+16", "6.93217e+12", "6.93217E12", "flea-1E+15"])
def test_an_id_that_a_spreadsheet_has_spoilt_is_refused(tmp_path: Path, spoilt: str) -> None:
    with pytest.raises(InputRefused, match="spoilt the id of line 2") as caught:
        read(tmp_path, f"u1\n{spoilt}\n".encode())
    assert spoilt not in str(caught.value)


@pytest.mark.parametrize("sound", ["12e34", "1E5", "7e12", "a1.5e3", "E+12", "1E-5", "17850.0", "6932170000000"])
def test_an_id_that_only_looks_like_one_is_none(tmp_path: Path, sound: str) -> None:
    assert read(tmp_path, sound.encode()).ids == (sound,)


def test_unknown_ids_are_named_by_their_lines() -> None:
    wanted = Asked({"u1": (1,), "u2": (2, 6), "u3": (3,), "u4": (4,), "u5": (9,)})
    with pytest.raises(InputRefused) as caught:
        wanted.require({"u1"}, "not in this lake")
    assert str(caught.value) == (
        "4 of 5 ids (lines 2-4, 6, 9) are not in this lake; nothing has been written. "
        "Correct the lines, or carry out the others with --known-only."
    )
    assert caught.value.exit_code == 3


def test_known_ids_alone_are_carried_out_when_that_is_wanted_and_the_others_still_named() -> None:
    wanted = Asked({"u1": (1,), "u2": (2,)}, known_only=True)
    assert wanted.require({"u1"}, "not in this lake") == ["u1"]
    with pytest.raises(InputRefused, match=r"^1 done\. 1 of 2 ids \(line 2\) is not in this lake\.$"):
        wanted.told("1 done.", ["u1"], "not in this lake")
    with pytest.raises(InputRefused, match="nothing has been written"):
        wanted.require(set(), "not in this lake")


def test_values_of_a_scan_may_be_anything(tmp_path: Path) -> None:
    file = tmp_path / "values.txt"
    file.write_bytes(b"\xef\xbb\xbf" + b'6.93217E+12\nuser_id\n"a ""b"""\n6.93217E+12\n')
    assert listings.values(str(file), "--values") == ("6.93217E+12", "user_id", 'a "b"')
