"""Statements that the SQL endpoint must refuse. It parses each at its start, and opens no port if one passes."""

from __future__ import annotations


def chain(first: str, step: str, times: int) -> str:
    """Common tables, each built on the one before."""
    named = [f"t0 as ({first})", *(f"t{n} as ({step.format(n - 1)})" for n in range(1, times))]
    return f"with {', '.join(named)} select * from t{times - 1}"


# Short texts that need more than any server has: memory, or time to parse and plan them.
BOMBS: tuple[str, ...] = (
    chain("select 'x' as s", "select concat(s, s, s, s, s, s, s, s) as s from t{0}", 11),
    chain("select 1 as s", "select s + s + s + s as s from t{0}", 20),
    chain("select 1 as s", "select a.s from t{0} a, t{0} b", 20),
    chain("select 1 as s", "select max(s || s || s || s) as s from t{0} group by s", 20),
    "select 'x' as s0, " + ", ".join(f"s{n} || s{n} as s{n + 1}" for n in range(40)),
    "select " + "(" * 45_000 + "1" + ")" * 45_000,
    "/*" * 30_000 + "*/" * 30_000 + " select 1",
    "select " + "case when true then " * 100 + "1" + " end" * 100,
    "select " + "not " * 5_000 + "true",
    "select " + "1+" * 20_000 + "1",
    "select * from " + "(select * from " * 200 + "t" + ")" * 200,
    "select * from " + ", ".join(f"t t{n}" for n in range(100)),
    " union all ".join(["select 1"] * 500),
    "select a from t where a in (" + ", ".join(["1"] * 30_000) + ")",
    "select a from t group by cube(" + ", ".join(f"c{n}" for n in range(20)) + ")",
    "select repeat('x', 1000000000)",
    "select repeat(repeat(repeat('x', 1000), 1000), 1000)",
    "select lpad('x', 1000000000)",
    "select space(int('1000000000'))",
    "select replace(repeat('x', 9000), 'x', repeat('y', 9000))",
    "select round(1.5d, 2000000000)",
    "select format_number(1, 2000000000)",
    "select approx_count_distinct(a, 0.00000001) from t",
    "select explode(sequence(1, 1000000000))",
    "select array_repeat('x', 1000000000)",
    "values ('" + "a" * 9_000 + "' like '" + "%a" * 9 + "%b')",
)

STATEMENTS: tuple[str, ...] = (
    # The process: environment, properties, settings, commands, classes.
    "select '${env:PATH}'",
    "select '${system:java.home}'",
    "select '${sparkconf:spark.app.id}'",
    "set",
    "set -v",
    "set spark.sql.ansi.enabled=false",
    "reset",
    "select transform(a) using 'cat' from values (1) as t(a)",
    "select reflect('java.lang.System', 'getProperty', 'java.home')",
    "select java_method('java.lang.System', 'exit', 0)",
    "select try_reflect('java.lang.System', 'getenv', 'PATH')",
    "select * from values (1) where java_method('java.lang.Runtime', 'getRuntime') is null",
    # Files, by path or by name.
    "select * from parquet.`/`",
    "select * from delta.`/`",
    "select * from text.`/etc/passwd`",
    "select * from csv.`file:/etc/passwd`",
    "with a as (select * from json.`/tmp`) select * from a",
    "select (select count(*) from binaryfile.`/etc/passwd`)",
    "select * from read_files('/etc')",
    "select * from range(10)",
    "create temporary view v using text options (path '/etc/passwd')",
    "create table t using delta location '/tmp/t'",
    "insert overwrite directory '/tmp/x' using csv select 1",
    "insert into t values (1)",
    "load data inpath '/etc/passwd' into table t",
    "select input_file_name()",
    # Code.
    "add jar '/tmp/x.jar'",
    "add file '/etc/passwd'",
    "list jars",
    "create function f as 'X' using jar '/tmp/x.jar'",
    "create temporary function f() returns int return 1",
    # Changes of tables.
    "restore table delta.`/` to version as of 0",
    "vacuum delta.`/` retain 0 hours",
    "optimize delta.`/`",
    "describe history delta.`/`",
    "describe detail delta.`/`",
    "delete from t",
    "update t set a = 1",
    "merge into t using s on true when matched then delete",
    "drop view t",
    "drop database default cascade",
    "alter view t as select 1",
    "truncate table t",
    "cache table t",
    "clear cache",
    "refresh table t",
    "analyze table t compute statistics",
    # Statements within statements.
    "execute immediate 'select 1'",
    "begin select 1; end",
    "declare variable v = 1",
    "call system.f()",
    "select * from identifier('delta.`/`')",
    "with recursive r as (select 1 as a union all select a + 1 from r) select * from r",
    # The tables behind the views.
    "explain select 1",
    "explain extended select 1",
    "describe extended t",
    "describe formatted t",
    "show create table t",
    "show table extended like '*'",
    "show tblproperties t",
    "show functions",
    "set catalog x",
    # Last, because without a gate they take minutes to parse: then a statement above passes first.
    *BOMBS,
)
