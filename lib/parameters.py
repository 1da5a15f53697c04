"""Named parameters (`:name`) of the contracts' SQL, written into it as literals.

Spark's own `args` do not pass Delta's parser: it drops them.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from lib.errors import UsageError

NAMED = re.compile(r"(?<![:\w]):([a-z_]+)\b")


def bound(text: str, parameters: Mapping[str, Any], place: str) -> str:
    """The SQL with values for its parameters. Raises `UsageError` that names `place` for one that nobody gives."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in parameters:
            raise UsageError(f"{place} uses the parameter :{name}, which nobody gives.")
        return _literal(parameters[name])

    return NAMED.sub(value, text)


def _literal(value: object) -> str:
    if isinstance(value, dt.date):
        return f"date'{value.isoformat()}'"
    if isinstance(value, int):
        return str(value)
    escaped = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
