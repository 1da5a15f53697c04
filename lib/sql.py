"""Names and literals in the SQL of Spark.

Named parameters (`:name`) of the contracts' SQL are written into it as literals, since Spark's own `args` do not pass
Delta's parser: it drops them.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from lib.errors import UsageError

COMMENT = re.compile(r"--[^\n]*")
NAMED = re.compile(r"(?<![:\w]):([a-z_]+)\b")


def bound(text: str, parameters: Mapping[str, Any], place: str) -> str:
    """The SQL with values for its parameters. Raises `UsageError`, which names `place`, if one has no value."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in parameters:
            raise UsageError(f"{place} uses the parameter :{name}, which has no value.")
        return literal(parameters[name])

    return NAMED.sub(value, text)


def statements(text: str) -> tuple[str, ...]:
    """The statements of a file, without its comments. No text in them may hold a semicolon."""
    return tuple(each.strip() for each in without_comments(text).split(";") if each.strip())


def without_comments(text: str) -> str:
    """SQL whose comments begin with two dashes and end with the line."""
    return COMMENT.sub("", text)


def quoted(name: str) -> str:
    """Any name, as Spark reads it."""
    return f"`{name.replace('`', '``')}`"


def literal(value: object) -> str:
    r"""A value as Spark reads it. In a text `\'` is a quote: two quotes side by side would end the text."""
    if isinstance(value, dt.date):
        return f"date'{value.isoformat()}'"
    if isinstance(value, int):
        return str(value)
    escaped = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
