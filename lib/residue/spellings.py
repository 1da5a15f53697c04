"""The byte strings that represent a value, in all forms and encodings.

A form is a text: the value in each of Unicode's normal forms, with doubled quotes, with `+` for a blank. An encoding
turns it into bytes: character sets, base64, hexadecimal digits. Escapes are not here: `lib.residue.escapes` removes
them.
"""

from __future__ import annotations

import base64
import re
import unicodedata
import uuid
from collections.abc import Iterator
from typing import Literal

from lib.residue import escapes

NORMAL_FORMS: tuple[Literal["NFC", "NFD", "NFKC", "NFKD"], ...] = ("NFC", "NFD", "NFKC", "NFKD")
WIDE = ("utf-16-le", "utf-16-be")  # `lib.residue.unpacking` converts text with four bytes a letter
# Character sets of one or two bytes. They differ outside ASCII; a value is searched for in those that can encode it.
NARROW = (
    "latin-1", "cp1252", "iso8859-15", "cp437", "cp850", "mac_roman", "iso8859-2", "cp1250", "cp1251", "koi8-r",
    "iso8859-5", "cp1253", "cp1254", "cp1255", "cp1256", "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr",
)  # fmt: skip
MISREAD = ("latin-1", "cp1252")  # UTF-8 that a program took for one of these, and wrote as UTF-8 again
DIGITS = re.compile(r"[0-9a-fA-F]{32,}\Z")
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
CARD = re.compile(r"[0-9]{13,19}\Z")
NUMBER = re.compile(r"\+?[0-9 ()./-]{10,}\Z")
FEWEST_DIGITS = 10  # of a number that is also searched for without its blanks and hyphens
FEWEST_BYTES = 6  # different ones in a number that is searched for as bytes: zeros are everywhere
LAST_OF_LATIN = "\xff"
MORE = 0x80  # of a number's byte: another one follows
NBSP = "\xa0"
BASE64_BITS = 6
CUT_CHARACTERS = 32  # of a text in Delta's statistics
CUT_BYTES = 64  # of a text in Parquet's statistics


def of_text(text: str) -> set[bytes]:
    """All byte strings that represent the text."""
    known = normal(text)
    found = {spelled for form in known for spelled in _in_character_sets(form)}
    found |= {spelled for form in {*known, *_respelled(known)} for spelled in _plain(form)}
    for form in known:
        for content in _to_pack(form):
            found |= set(_packed(content))
        found |= set(_spaced(form.encode("utf-8", "surrogatepass")))
    for content in _binary(text):
        if len(set(content)) >= FEWEST_BYTES:
            found |= {content, *_packed(content)}
    return found


def cut(text: str) -> set[bytes]:
    """The beginnings of a long text in statistics; they represent it only if a text ends after them."""
    found: set[bytes] = set()
    if len(text) > CUT_CHARACTERS:
        found.add(text[:CUT_CHARACTERS].encode())
        units = text.encode("utf-16-le")[: 2 * CUT_CHARACTERS].decode("utf-16-le", "ignore")
        found.add(units.encode())
    if len(text.encode()) > CUT_BYTES:
        kept = text.encode()[:CUT_BYTES].decode(errors="ignore")
        # The last character of a largest value is one higher, so that no value is above it.
        found |= {kept.encode(), (kept[:-1] + chr(ord(kept[-1]) + 1)).encode("utf-8", "replace")}
    return found


def of_integer(number: int) -> set[bytes]:
    """All byte strings that represent a number of eight bytes: its digits, and its bytes in either order and packed."""
    digits = str(number)
    found = {spelled for content in (digits, *_others(digits)) for spelled in _in_character_sets(content)}
    found |= set(_packed(digits.encode()))
    return found | {number.to_bytes(8, order, signed=True) for order in ("little", "big")} | {_zigzag(number)}


def normal(text: str) -> set[str]:
    """The text as it was given and in Unicode's normal forms."""
    return {text} if text.isascii() else {text, *(unicodedata.normalize(form, text) for form in NORMAL_FORMS)}


def _respelled(known: set[str]) -> Iterator[str]:
    # A backslash before the quotation mark that ends a text looks like an escape.
    for text in {*known, *(each.rstrip("\\") for each in known)}:
        yield text
        yield from _others(text)
        if not text.isascii():
            yield from (text.lower(), text.upper())
        for quote in "'\"":
            if quote in text:
                yield from (text.replace(quote, quote * times) for times in (2, 4))
        if " " in text:
            yield from (text.replace(" ", other) for other in ("+", "_", NBSP))


def _others(text: str) -> Iterator[str]:
    """A card number in groups of four; a number with separators without them."""
    if CARD.match(text):
        yield from (separator.join(re.findall(r".{1,4}", text)) for separator in (" ", "-", "."))
    elif NUMBER.match(text):
        bare = re.sub(r"[^0-9+]", "", text)
        if len(bare) >= FEWEST_DIGITS:
            yield bare


def _plain(text: str) -> Iterator[bytes]:
    """The text in ordinary files, with and without its apparent escapes: the searched content loses them too."""
    utf8 = text.encode("utf-8", "surrogatepass")
    usual = [utf8, *(() if text.isascii() else (*_encoded(text, "cp1252"), _half_latin(text)))]
    for content in usual:
        yield content
        yield from escapes.plainer(content)


def _half_latin(text: str) -> bytes:
    """Escapes of two digits for letters of Latin-1 and of four for others, as Python and YAML write them, read back."""
    return b"".join(one.encode("latin-1" if one <= LAST_OF_LATIN else "utf-8", "surrogatepass") for one in text)


def _in_character_sets(text: str) -> Iterator[bytes]:
    utf8 = text.encode("utf-8", "surrogatepass")
    yield utf8
    yield from (text.encode(name, "surrogatepass") for name in WIDE)
    if text.isascii():
        # Kryo marks the last letter of an ASCII text by its highest bit.
        yield utf8[:-1] + bytes([utf8[-1] | 0x80])
        return
    for name in NARROW:
        yield from _encoded(text, name)
    for name in MISREAD:
        yield utf8.decode(name, "replace").encode()
    if max(text) > LAST_OF_LATIN:
        yield b"".join(_as_java(one) for one in text)


def _encoded(text: str, character_set: str) -> Iterator[bytes]:
    try:
        yield text.encode(character_set)
    except UnicodeEncodeError:
        return


def _as_java(character: str) -> bytes:
    units = character.encode("utf-16-be", "surrogatepass")
    pairs = [units[at : at + 2].decode("utf-16-be", "surrogatepass") for at in range(0, len(units), 2)]
    return "".join(pairs).encode("utf-8", "surrogatepass") if character != "\0" else b"\xc0\x80"


def _to_pack(text: str) -> Iterator[bytes]:
    yield from (text.encode(name, "surrogatepass") for name in ("utf-8", "utf-16-le"))
    if not text.isascii():
        yield from _encoded(text, "cp1252")


def _packed(content: bytes) -> Iterator[bytes]:
    """The content in base64, for each of its three possible positions, and as hexadecimal digits."""
    for before in range(3):
        first, last = -(-8 * before // BASE64_BITS), 8 * (before + len(content)) // BASE64_BITS
        plain = base64.b64encode(bytes(before) + content)[first:last]
        yield plain
        if b"+" in plain or b"/" in plain:
            yield plain.translate(bytes.maketrans(b"+/", b"-_"))
    yield content.hex().encode()


def _spaced(content: bytes) -> Iterator[bytes]:
    """Hexadecimal digits with a separator after each two."""
    yield from (content.hex(separator).encode() for separator in " :-")


def _binary(text: str) -> Iterator[bytes]:
    """The bytes of a pseudonym or another number in hexadecimal digits."""
    if DIGITS.match(text) and len(text) % 2 == 0:
        yield bytes.fromhex(text)
    elif UUID.match(text):
        yield from (uuid.UUID(text).bytes, uuid.UUID(text).bytes_le, uuid.UUID(text).hex.encode())


def _zigzag(number: int) -> bytes:
    """As Avro writes it: seven bits a byte, the sign last."""
    left, found = (number << 1) ^ (number >> 63), bytearray()
    while left >= MORE:
        found.append(left % MORE | MORE)
        left >>= 7
    return bytes([*found, left])
