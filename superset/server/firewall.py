"""What Superset may send to the endpoint: one query over the marts, and nothing else.

The endpoint's gate refuses more, and does not trust this; here a statement ends before it leaves, and the reason stands
in Superset's own words.
"""

from __future__ import annotations

import itertools
import re
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.tokens import TokenType


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


DIALECT = "spark"
MART = re.compile("mart_[a-z_]+")
NAME = re.compile("[a-z_]+")
LONGEST = 50_000
# Parts of a query that no chart needs: each could reach past the rows of its table, which Superset's rules filter.
REFUSED = (
    exp.Command,
    exp.CTE,
    exp.CurrentUser,
    exp.Hint,
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
FUNCTIONS = words(
    "abs avg cast ceil coalesce concat count current_timestamp date date_add date_format date_sub date_trunc datediff"
    " day dayofweek decimal floor greatest if least length lower max min month nullif quarter round stddev sum to_date"
    " to_timestamp trim trunc try_divide upper week year"
)
# Words that a bracket may follow although they call nothing.
WORDS = words("and as between by case distinct else from having in not on or select then when where")


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
    _check_calls(sql)
    return sql


def _check_tree(tree: exp.Select) -> None:
    for node in tree.walk():
        if isinstance(node, REFUSED):
            raise Refused(f"This question is not allowed: {type(node).__name__.lower()} in it.")
    tables = list(tree.find_all(exp.Table))
    if len(tables) != 1 or not _is_of_a_mart(tables[0]):
        raise Refused("This question is not allowed: it is not about one table of a mart.")


def _is_of_a_mart(table: exp.Table) -> bool:
    plain = isinstance(table.this, exp.Identifier) and not table.catalog
    return plain and bool(MART.fullmatch(table.db) and NAME.fullmatch(table.name))


def _check_calls(sql: str) -> None:
    """Judge the names of functions as they are written: the tree has names of its own for them."""
    tokens = sqlglot.tokenize(sql, read=DIALECT)
    for token, following in itertools.pairwise(tokens):
        called = following.token_type == TokenType.L_PAREN and token.text[:1].isalpha()
        if called and token.text.lower() not in FUNCTIONS | WORDS:
            raise Refused(f"This question is not allowed: the function {token.text.lower()}.")
