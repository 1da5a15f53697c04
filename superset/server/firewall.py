"""What Superset may send to the endpoint: one query over the marts, and nothing else.

The endpoint's gate refuses more, and does not trust this; here a statement ends before it leaves, and the reason stands
in Superset's own words.
"""

from __future__ import annotations

from typing import Any

import sqlglot
from sqlglot import exp

DIALECT = "spark"
MARTS = "mart_"
LONGEST = 50_000
# Parts of a query that no chart needs: each could reach past the rows of its table.
REFUSED = (
    exp.Command,
    exp.Into,
    exp.Join,
    exp.Lateral,
    exp.Parameter,
    exp.Placeholder,
    exp.QueryTransform,
    exp.SetOperation,
    exp.TableSample,
    exp.Unnest,
    exp.Version,
)
FUNCTIONS = frozenset(
    "abs avg case cast ceil coalesce concat count current_timestamp date date_trunc date_add date_sub datediff day dayofweek floor"
    " greatest if least length lower max min month now nullif percentile quarter round stddev sum timestamp_trunc"
    " to_date to_timestamp trim trunc try_divide unix_timestamp upper week year".split()
)


class Refused(Exception):
    """A statement that may not leave."""


def check(sql: str, **_: Any) -> str:
    """The statement, if it is one query over the marts; else `Refused`."""
    if len(sql) > LONGEST or "${" in sql:
        raise Refused("This question is not allowed: too long, or with a variable in it.")
    try:
        statements = [tree for tree in sqlglot.parse(sql, read=DIALECT) if tree is not None]
    except (sqlglot.errors.SqlglotError, RecursionError) as error:
        raise Refused("This question is not allowed: it cannot be read as SQL.") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Select):
        raise Refused("This question is not allowed: it is not one query.")
    _check_tree(statements[0])
    return sql


def _check_tree(tree: exp.Select) -> None:
    own = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    for node in tree.walk():
        if isinstance(node, REFUSED):
            raise Refused(f"This question is not allowed: {type(node).__name__.lower()} in it.")
        if isinstance(node, exp.Table):
            _check_table(node, own)
        elif isinstance(node, exp.Func):
            _check_function(node)


def _check_table(table: exp.Table, own: set[str]) -> None:
    is_own = not table.db and table.name.lower() in own
    is_mart = table.db.lower().startswith(MARTS) and not table.catalog and isinstance(table.this, exp.Identifier)
    if not (is_own or is_mart):
        raise Refused("This question is not allowed: it names what is no mart.")


def _check_function(function: exp.Func) -> None:
    name = function.name if isinstance(function, exp.Anonymous) else function.sql_name()
    if name.lower() not in FUNCTIONS and not isinstance(function, exp.And | exp.Or):
        raise Refused(f"This question is not allowed: the function {name.lower()}.")
