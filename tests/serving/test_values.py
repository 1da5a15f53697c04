"""Every possible value of a shop works as a filter: the endpoint answers like DuckDB."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyhive.exc import Error

from tests.serving.lakes import publish
from tests.serving.server import refusal, rows, running

pytestmark = pytest.mark.e2e
VIEW = "mart_sales.products"
TEXTS = (
    "O'Brien",
    "it's -- y",
    "tab\\tword",
    "tab\tword",
    "C:\\",
    "\\",
    "\\\\",
    "5\\' rope",
    "${env:HOME}",
    "$",
    "{}",
    "100 %",
    "100%",
    "%",
    "_",
    "a_b",
    "axb",
    "a/b",
    "/",
    "/* no comment */",
    "-- neither",
    '"quoted"',
    "`ticks`",
    "''",
    "'",
    "",
    " ",
    "line\nbreak",
    "Äpfel",
    "äpfel",
    "ÉCLAIR",
    "naïve",
    "日本茶",
    "🫖 teapot",
    "; drop",
    "null",
    "[a-z]+",
    "(x|y)*",
    "Ω",
    "A" * 300,
)
LETTERS = "".join(sorted(set("".join(TEXTS)))) + "ab%_"
texts = st.one_of(st.sampled_from(TEXTS), st.text(LETTERS, max_size=6))
ESCAPES = "/\\|!"


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("values")
    publish(folder / "lake", 1, TEXTS)
    with (
        running(folder / "server", folder / "lake") as server,
        contextlib.closing(server.connect("executive")) as opened,
    ):
        yield opened


@pytest.fixture(scope="module")
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute("create table products (product varchar)")
        opened.executemany("insert into products values (?)", [(text,) for text in TEXTS])
        yield opened


def spark(text: str) -> str:
    """A text as Spark SQL writes it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("${", "$\\{") + "'"


def answered(connection: Any, condition: str) -> list[str]:
    return sorted(row[0] for row in rows(connection, f"select product from {VIEW} where {condition}"))


def expected(duck: duckdb.DuckDBPyConnection, condition: str, *values: str) -> list[str]:
    found = duck.execute(f"select product from products where {condition}", list(values)).fetchall()
    return sorted(row[0] for row in found)


def escaped(pattern: str, escape: str) -> str:
    """A pattern in which the escape character stands for itself."""
    return pattern.replace(escape, escape * 2)


shared = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


@shared
@given(value=texts)
def test_equal(connection: Any, duck: duckdb.DuckDBPyConnection, value: str) -> None:
    assert answered(connection, f"product = {spark(value)}") == expected(duck, "product = ?", value)


@shared
@given(values=st.lists(texts, min_size=1, max_size=4), negated=st.booleans())
def test_in(connection: Any, duck: duckdb.DuckDBPyConnection, values: list[str], negated: bool) -> None:  # noqa: FBT001 - a parameter of the test
    word = "not in" if negated else "in"
    listed = ", ".join(map(spark, values))
    marks = ", ".join("?" * len(values))
    assert answered(connection, f"product {word} ({listed})") == expected(duck, f"product {word} ({marks})", *values)


@shared
@given(pattern=texts, word=st.sampled_from(["like", "not like", "ilike", "not ilike"]), escape=st.sampled_from(ESCAPES))
def test_like_with_an_escape(
    connection: Any, duck: duckdb.DuckDBPyConnection, pattern: str, word: str, escape: str
) -> None:
    pattern = escaped(pattern, escape)
    found = answered(connection, f"product {word} {spark(pattern)} escape {spark(escape)}")
    assert found == expected(duck, f"product {word} ? escape '{escape}'", pattern)


@shared
@given(pattern=texts, word=st.sampled_from(["like", "not like", "ilike", "not ilike"]))
def test_like_without_an_escape(connection: Any, duck: duckdb.DuckDBPyConnection, pattern: str, word: str) -> None:
    pattern = escaped(pattern, "\\")  # Spark's own escape character, where none is named
    found = answered(connection, f"product {word} {spark(pattern)}")
    assert found == expected(duck, f"product {word} ? escape '\\'", pattern)


@shared
@given(value=texts, around=st.sampled_from([("%", "%"), ("", "%"), ("%", "")]), word=st.sampled_from(["like", "ilike"]))
def test_text_found_by_its_own_letters(
    connection: Any, duck: duckdb.DuckDBPyConnection, value: str, around: tuple[str, str], word: str
) -> None:
    """As a filter box writes it: what the person typed, each of the pattern's own letters escaped."""
    literal = "".join("/" + letter if letter in "/%_" else letter for letter in value)
    pattern = around[0] + literal + around[1]
    found = answered(connection, f"product {word} {spark(pattern)} escape '/'")
    assert found == expected(duck, f"product {word} ? escape '/'", pattern)


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("product like any ('C:%', '日%')", ["C:\\", "日本茶"]),
        ("product ilike any ('äp%', 'écl%')", ["ÉCLAIR", "Äpfel", "äpfel"]),
        ("product like all ('%pfel', 'Ä%')", ["Äpfel"]),
        ("product not like all ('%') or product = '$\\{env:HOME}'", ["${env:HOME}"]),
        ("product not like any ('_%', 'x') and product < 'B' and product like '[%'", []),
        ("product rlike '^[0-9]+ ?%$'", ["100 %", "100%"]),
        ("product regexp '^(x|y)' or product = r'\\\\'", ["\\\\"]),
        ("product = '\\u65e5\\u672c\\u8336'", ["日本茶"]),
        ("product between 'C' and 'D'", ["C:\\"]),
        ("(product, units) in (('Ω', 1038L))", ["Ω"]),
        ("substring(product from 1 for 2) = 'C:'", ["C:\\"]),
        ("position('本' in product) = 2", ["日本茶"]),
    ],
)
def test_the_rest_of_the_kind(connection: Any, condition: str, found: list[str]) -> None:
    assert answered(connection, condition) == sorted(found)


def test_the_words_of_a_variable_are_refused_with_the_way_to_write_them(connection: Any) -> None:
    with pytest.raises(Error) as error:
        answered(connection, "product = '${env:HOME}'")
    assert refusal(error.value) == "Refused: a variable '${' is not allowed here. In a text, write $\\{ instead."
    assert answered(connection, "product = '$\\{env:HOME}'") == ["${env:HOME}"]


# Statements of a chart or an analyst; each gets an answer.
QUERIES = (
    "select first(product), last(product), any_value(product) from {0}",
    "select count(distinct product), count_if(units > 1), sum(units) filter (where units > 2) from {0}",
    "select percentile_cont(0.5) within group (order by units), median(units) from {0}",
    "select product, sum(units) from {0} group by all order by all limit all",
    "select product, sum(units) from {0} group by rollup(product)",
    "select product, grouping(product) from {0} group by grouping sets ((product), ())",
    "select sum(units) over w from {0} window w as (partition by product order by units)",
    "select * except (product) from {0} limit 1",
    "select case product when 'x' then 1 else 2 end, if(units > 1, 'a', 'b') from {0}",
    "select units is true, product is not distinct from 'x' from (select units > 1 as units, product from {0})",
    "values (1, 'a'), (2, 'b')",
    "select * from values (1, date '2020-01-01', interval '1' day) as t(a, b, c)",
    "select extract(year from current_date), date_trunc('month', current_timestamp), localtimestamp()",
    "select lpad('7', 2, '0'), repeat('ab', 3), split_part('a,b', ',', 1), reverse('ab'), translate('ab', 'a', 'b')",
    "select 6 & 3, 6 | 3, 6 ^ 3, ~6, x'1f', round(1.25, 1), bround(2.5), ceil(1.2), pi()",
    "select product from {0} union select product from {0} intersect select product from {0} except select 'a'",
    "with t(x) as (select units from {0}) select x from t where x > (select avg(x) from t)",
    "select * from (select product, units from {0}) pivot (sum(units) as s for product in ('Ω', '_'))",
)


@pytest.mark.parametrize("query", QUERIES)
def test_what_charts_ask_is_answered(connection: Any, query: str) -> None:
    assert rows(connection, query.format(VIEW)) is not None
