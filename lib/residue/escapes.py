"""Removes the escapes of text inside other text: JSON, HTML, URLs, code, mail.

Escapes have endlessly many spellings (an e with two dots is `&euml;`, `&#235;`, `%C3%AB`, ...). So the searched text is
turned back into plain text, layer by layer, and not compared with every spelling.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

MOST_ESCAPES = 8  # layers of escapes inside escapes
BACKSLASH = re.compile(
    rb"\\(?:u([0-9a-fA-F]{4}(?:\\u[0-9a-fA-F]{4})*)|u\{([0-9a-fA-F]{1,6})\}|U([0-9a-fA-F]{8})"
    rb"|x([0-9a-fA-F]{2})|([0-3][0-7]{2})|([bfnrt])|([^0-9A-Za-z]))"
)
CONTROLS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
ENTITY = re.compile(rb"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});?")
PERCENT = re.compile(rb"%(?:u([0-9a-fA-F]{4}(?:%u[0-9a-fA-F]{4})*)|([0-9a-fA-F]{2}))")
QUOTED = re.compile(rb"=(?:([0-9A-F]{2})|\r?\n)")  # quoted-printable, as mail is
LAST_CHARACTER = 0x10FFFF


def plainer(content: bytes) -> Iterator[bytes]:
    """The content with one layer of escapes removed, then two, and so on until no escapes are left.

    Raises `ValueError` if there are more than `MOST_ESCAPES` layers.
    """
    for _ in range(MOST_ESCAPES):
        plain = unescaped(content)
        if plain == content:
            return
        yield plain
        content = plain
    if unescaped(content) != content:
        raise ValueError("escaped too often")


def unescaped(content: bytes) -> bytes:
    """The content without its outermost escapes; the same object if it has none."""
    if b"\\" in content:
        content = BACKSLASH.sub(_of_backslash, content)
    if b"&" in content:
        content = ENTITY.sub(_of_entity, content)
    if b"%" in content:
        content = PERCENT.sub(_of_percent, content)
    return content


def unquoted(content: bytes) -> bytes:
    """The content as a mail program reads quoted-printable text."""
    return QUOTED.sub(lambda found: bytes.fromhex((found[1] or b"").decode()), content) if b"=" in content else content


def _of_backslash(found: re.Match[bytes]) -> bytes:
    if found[1]:
        return _of_units(found[1].replace(rb"\u", b""))
    if found[2] or found[3]:
        number = int(found[2] or found[3], 16)
        return chr(number).encode("utf-8", "surrogatepass") if number <= LAST_CHARACTER else found[0]
    if found[4]:
        return bytes.fromhex(found[4].decode())
    if found[5]:
        return bytes([int(found[5], 8)])
    return CONTROLS[found[6]] if found[6] else found[7]


def _of_entity(found: re.Match[bytes]) -> bytes:
    return html.unescape(found[0].decode("ascii")).encode("utf-8", "surrogatepass")


def _of_percent(found: re.Match[bytes]) -> bytes:
    return _of_units(found[1].replace(b"%u", b"")) if found[1] else bytes.fromhex(found[2].decode())


def _of_units(digits: bytes) -> bytes:
    """UTF-8 of UTF-16 units, each written as a group of four hex digits."""
    text = bytes.fromhex(digits.decode()).decode("utf-16-be", "surrogatepass")
    return text.encode("utf-8", "surrogatepass")
