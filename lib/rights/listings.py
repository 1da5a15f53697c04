"""The lines of an operator's file, written by any program, in the normal form of the data.

It may be UTF-8, with or without a byte-order mark, UTF-16 or UTF-32 with one, and UTF-16 without one if the NUL bytes
of Latin letters reveal it. Anything else is refused: a guess would find the wrong person, or nobody. A line ends only
with LF, CR LF or CR, because every other character may be part of an id.
"""

from __future__ import annotations

import codecs
import re
import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from lib.errors import UsageError
from lib.normal_form import normal

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
LINE_END = re.compile("\r\n|\n|\r")
QUOTED = re.compile(r'"((?:[^"]|"")*)"')
SAVE = "Save it as text in UTF-8; spreadsheets call that 'CSV UTF-8'."
Line = tuple[int, str]  # its number, from 1, and its text


def lines(place: str, option: str) -> list[Line]:
    """The lines of a file, or of standard input (`-`), that are not blank. `option` named the file.

    Raises `UsageError` if it cannot be read; the message shows no value.
    """
    try:
        content = sys.stdin.buffer.read() if place == "-" else Path(place).read_bytes()
    except OSError as error:
        raise UsageError(
            f"The file of {option} cannot be read ({type(error).__name__}).", "Check the option."
        ) from error
    numbered = enumerate(LINE_END.split(_decoded(content, option)), 1)
    return [(number, text) for number, text in numbered if normal(text)]


def value(text: str) -> str:
    """The value of a line of a list: its normal form, without the quotes of a CSV field."""
    plain = normal(text)
    quoted = QUOTED.fullmatch(plain)
    return normal(quoted[1].replace('""', '"')) if quoted else plain


def values(place: str, option: str) -> tuple[str, ...]:
    """The values of a file, each once. Raises `UsageError` if there are none."""
    found = dict.fromkeys(value(text) for _, text in lines(place, option))
    found.pop("", None)
    if not found:
        raise UsageError(f"The file of {option} holds no value.", "Write one value a line.")
    return tuple(found)


def named(numbers: Iterable[int]) -> str:
    """Line numbers as a sentence names them: `line 3`, `lines 2, 5-7`."""
    ordered = sorted(set(numbers))
    runs = [[n for _, n in run] for _, run in groupby(enumerate(ordered), key=lambda each: each[1] - each[0])]
    told = [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs]
    return f"line{'s' if len(ordered) > 1 else ''} {', '.join(told)}"


def _decoded(content: bytes, option: str) -> str:
    encoding = next((name for mark, name in MARKS if content.startswith(mark)), None) or _without_mark(content)
    if encoding is None:
        raise UsageError(f"The file of {option} holds NUL bytes and no byte-order mark: it is not text.", SAVE)
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        where = content.count(b"\n", 0, error.start) + 1
        said = f"it begins as {encoding.upper()}" if encoding != "utf-8" else "it is neither UTF-8 nor UTF-16"
        raise UsageError(f"Line {where} of the file of {option} cannot be read: {said}.", SAVE) from None


def _without_mark(content: bytes) -> str | None:
    """UTF-8; or UTF-16, in which every second byte of Latin letters is NUL; None if it is neither."""
    odd, even = content[1::2].count(0), content[::2].count(0)
    if not odd and not even:
        return "utf-8"
    if len(content) % 2 or min(odd, even) or max(odd, even) * 4 < len(content):
        return None
    return "utf-16-le" if odd else "utf-16-be"
