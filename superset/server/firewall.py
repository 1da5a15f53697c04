"""The statements that Superset may send to the endpoint: one query over one table of a mart, for the viewer's rows.

A statement is parsed into a tree, checked, changed and written again. Its table is replaced by a subquery with the rows
that the viewer's rules allow. So no text of a filter, a metric, a column or a comment can reach past them. The
endpoint's gate refuses more, and does not rely on this.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from typing import Any

import sparksql
import sqlglot
from sqlglot import exp
from sqlglot.tokens import TokenType

# All rules must hold, each by any of its conditions; without a rule, there is no row.
Rules = Sequence[Sequence[str]]


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


DIALECT = sparksql.Dialect
MART = re.compile("mart_[a-z_]+")
NAME = re.compile("[a-z_]+")
LONGEST = 50_000
NOTHING: Rules = (("1 = 0",),)
# Parts of a query that no chart needs: each could reach beyond the rows of its table.
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
# Words that a bracket may follow although they are not functions.
WORDS = words("and as between by case distinct else from having in not on or select then when where")


class Refused(Exception):
    """A statement that must not be sent."""


def check(sql: str, **_: Any) -> str:
    """The statement, if it is one query over one table of a mart; else `Refused`."""
    _judged(sql)
    return sql


def guard(sql: str, rules: Callable[[str, str], Rules]) -> str:
    """The statement to send: its table holds only the rows that `rules` allow. Guarding it again changes nothing."""
    tree = _read(_text(_judged(sql)))
    for like in tree.find_all(exp.Like, exp.ILike):
        _complete(like)
    for table in list(tree.find_all(exp.Table)):
        _enclose(table, rules(table.db, table.name))
    return _written(tree)


def _judged(sql: str) -> exp.Select:
    if len(sql) > LONGEST or "${" in sql:
        raise Refused("This question is not allowed: too long, or with a variable in it.")
    tree = _read(sql)
    _check_tree(tree)
    _check_calls(sql)
    return tree


def _read(sql: str) -> exp.Select:
    try:
        statements = [tree for tree in sqlglot.parse(sql, read=DIALECT) if tree is not None]
    except (sqlglot.errors.SqlglotError, RecursionError) as error:
        raise Refused("This question is not allowed: it cannot be read as SQL.") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Select):
        raise Refused("This question is not allowed: it is not one query.")
    return statements[0]


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
    """Check the names of functions as they are written: the tree has its own names for them."""
    tokens = sqlglot.tokenize(sql, read=DIALECT)
    for token, following in itertools.pairwise(tokens):
        called = following.token_type == TokenType.L_PAREN and token.text[:1].isalpha()
        if called and token.text.lower() not in FUNCTIONS | WORDS:
            raise Refused(f"This question is not allowed: the function {token.text.lower()}.")


def _complete(like: exp.Like | exp.ILike) -> None:
    """Turn a pattern without its own escape character into one that Spark accepts."""
    if isinstance(like.parent, exp.Escape):
        return
    for text in like.expression.find_all(exp.Literal):
        if text.is_string:
            text.set("this", sparksql.pattern(text.this))


def _enclose(table: exp.Table, rules: Rules) -> None:
    """Replace the table by the subquery, unless the table is already in it."""
    plain = exp.Table(this=exp.to_identifier(table.name, quoted=True), db=exp.to_identifier(table.db, quoted=True))
    rows = exp.select("*").from_(plain).where(_condition(rules or NOTHING))
    if _quoted(table.parent_select.copy()) == _quoted(rows.copy()):
        return
    table.replace(rows.subquery(table.alias_or_name))


def _condition(rules: Rules) -> exp.Expression:
    return exp.and_(*(exp.or_(*map(_clause, group)) for group in rules))


def _clause(text: str) -> exp.Expression:
    """One condition of a rule; it may only use columns of the row. Raises `Refused`."""
    try:
        clause = sqlglot.parse_one(text, read=DIALECT, into=exp.Condition)
    except (sqlglot.errors.SqlglotError, RecursionError) as error:
        raise Refused("No question is allowed: a rule for your rows cannot be read.") from error
    if clause.find(exp.Query, exp.Table, *REFUSED):
        raise Refused("No question is allowed: a rule for your rows does more than select them.")
    return clause


def _quoted(tree: exp.Select) -> exp.Select:
    """The tree with all names in quotes, so that none is read as a word of SQL."""
    for name in tree.find_all(exp.Identifier):
        name.set("quoted", value=True)
    return tree


def _written(tree: exp.Select) -> str:
    """The text of a tree, without its comments. It must parse to the same tree again."""
    sql = _text(tree)
    if len(sql) > LONGEST or "${" in sql or _read(sql) != tree:
        raise Refused("This question is not allowed: it cannot be written with the same meaning.")
    _check_calls(sql)
    return sql


def _text(tree: exp.Select) -> str:
    return str(_quoted(tree).sql(dialect=DIALECT, comments=False))
