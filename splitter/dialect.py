"""The form of a CSV: delimiter, quote, encoding; and whether its bytes can be passed on unchanged."""

from __future__ import annotations

from dataclasses import dataclass

from splitter.errors import UsageError

_ALL_BYTES = bytes(range(256))
_SPELLED_OUT = {"\\t": "\t", "tab": "\t"}


@dataclass(frozen=True)
class Dialect:
    """A dialect; `decoder` strips a byte-order mark, `encoder` is the encoding of the CSV part."""

    delimiter: str = ","
    quote: str = '"'
    decoder: str = "utf-8-sig"
    encoder: str = "utf-8"
    on_error: str = "surrogateescape"
    explicit_delimiter: bool = False

    def encode(self, text: str) -> bytes:
        """Return exactly the bytes that were read (or UTF-8, if the encoding allows no way back)."""
        return text.encode(self.encoder, self.on_error)


def dialect(delimiter: str | None, quote: str, encoding: str) -> Dialect:
    """Check the options; UsageError names the wrong one."""
    separator = _SPELLED_OUT.get(delimiter or ",", delimiter or ",")
    for option, character in (("--delimiter", separator), ("--quote", quote)):
        if len(character) != 1 or character in "\r\n\0\ufeff":
            message = f"{option} must be one character, but not a line end or NUL."
            raise UsageError(message)
    if separator == quote:
        message = "--delimiter and --quote must be two different characters."
        raise UsageError(message)
    decoder, encoder, on_error = _codec(encoding)
    return Dialect(separator, quote, decoder, encoder, on_error, delimiter is not None)


def _codec(encoding: str) -> tuple[str, str, str]:
    """Choose decoder, encoder and error handler.

    UTF-8 and the single-byte code pages lead back to the same bytes, even if a byte has no meaning.
    Other encodings do not promise that: they are read strictly, and their CSV part is written in UTF-8.
    """
    try:
        plain = encoding.lower().replace("_", "-")
        if plain in {"utf-8", "utf8", "utf-8-sig"}:
            return "utf-8-sig", "utf-8", "surrogateescape"
        if _is_code_page(encoding):
            return plain, plain, "surrogateescape"
        "".encode(encoding)
    except LookupError:
        message = f"The encoding {encoding!r} is not known."
        raise UsageError(message, "Give --encoding a name such as utf-8, cp1252 or utf-16.") from None
    return plain, "utf-8", "strict"


def _is_code_page(encoding: str) -> bool:
    try:
        text = _ALL_BYTES.decode(encoding, "surrogateescape")
        return len(set(text)) == len(_ALL_BYTES) == len(text) and text.encode(encoding, "surrogateescape") == _ALL_BYTES
    except UnicodeError:
        return False
