r"""Spark's SQL as it is read and written here: literals, patterns, and a dialect that knows both.

Spark reads a backslash in a literal as the beginning of an escape, and two literals side by side as one. So `'` is
written `\'`, never `''`, and a backslash is written twice. `${` is written `$\{`, which Spark reads as the same two
characters: otherwise Spark would replace `${...}` by variables of the process, at any place in a statement.
"""

from __future__ import annotations

import re
from typing import ClassVar

from sqlglot.dialects.spark import Spark

ESCAPES = {"\\": "\\\\", "'": "\\'"}
# How Spark reads escapes. It drops the backslash of any other escape, but keeps it before the wildcards of LIKE.
READ = {
    "\\\\": "\\",
    "\\0": "\0",
    "\\b": "\b",
    "\\n": "\n",
    "\\r": "\r",
    "\\t": "\t",
    "\\Z": "\x1a",
    "\\%": "\\%",
    "\\_": "\\_",
}
# Escapes by number: no statement of ours has one, and none is accepted, so none can be misread.
BY_NUMBER = ["u", "U", *"01234567"]


def escaped(text: str) -> str:
    """The content between the quotes of this text's literal."""
    return "".join(ESCAPES.get(letter, letter) for letter in text).replace("${", "$\\{")


def literal(text: str) -> str:
    """The literal of a text."""
    return f"'{escaped(text)}'"


def pattern(text: str) -> str:
    """A pattern for LIKE in which each backslash escapes something: one before any other letter stands for itself.

    Spark refuses a pattern with a backslash that escapes nothing, and a shop's own names may have one.
    """
    return re.sub(r"\\([\\%_]?)", lambda found: found[0] if found[1] else "\\\\", text)


class Dialect(Spark):
    """sqlglot's Spark, with Spark's own escapes."""

    class Tokenizer(Spark.Tokenizer):
        """Drops a backslash where Spark drops it."""

        ESCAPE_FOLLOW_CHARS: ClassVar[list[str]] = ["\\", "b", "n", "r", "t", "Z", "%", "_", *BY_NUMBER]

    class Generator(Spark.Generator):
        """Writes literals as Spark reads them."""

        def escape_str(self, text: str, *_: object, **__: object) -> str:
            """All literals are written here, including those of a formatted statement."""
            return str(self._replace_line_breaks(escaped(text)))


Dialect.UNESCAPED_SEQUENCES = READ
