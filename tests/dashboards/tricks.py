"""Texts that try to reach past a rule: a grammar of quotes, brackets, comments and words of SQL."""

from __future__ import annotations

from hypothesis import strategies as st

PIECES = (
    *("'", "''", "\\'", "\\\\'", '"', "\\", "\\\\", "`", "(", ")", ") (", "((", "))", ",", ";", "\n", "%", "%%", "_"),
    *("--", "-- ", "/*", "*/", "/* ' */", "--\n", "#", " OR 1=1 ", " OR 1=1 -- ", " OR TRUE ", " AND ", " OR ", "NOT "),
    *(
        "1=1",
        "1 = 0",
        "TRUE",
        "region",
        "`region`",
        "monthly.region",
        "category",
        "revenue",
        "'x'",
        "'Europe'",
        "= ",
        "<> ",
    ),
    *(" UNION ALL SELECT * FROM mart_sales.monthly ", " UNION SELECT 1, 2 ", "SELECT ", " FROM mart_sales.monthly "),
    *(
        " GROUP BY region ",
        " ORDER BY 1 ",
        " LIMIT 5 ",
        " HAVING 1=1 ",
        " IS NOT NULL",
        " IN ('Asia')",
        " IN (",
        "LIKE '%'",
    ),
    *(
        "(SELECT MAX(category) FROM mart_sales.monthly)",
        "EXISTS (SELECT 1)",
        "CASE WHEN ",
        " THEN ",
        " END",
        "AS x",
        "*",
    ),
    *(
        "${env:HOME}",
        "$\\{",
        "\\u0027",
        "\\047",
        "MAX(category)",
        "SUM(revenue)",
        "COUNT(*)",
        "CONCAT(",
        "category) OR (1=1",
    ),
)
# What a good attack is made of: parts that close a condition, and parts that go on after it.
OPENING = (
    "",
    "x",
    "x'",
    "x\\'",
    "x')",
    "1=1",
    "region",
    "'x' = region",
    "(1=1",
    "1=1)",
    "x\\\\'",
    "region) IS NOT NULL",
)
GOING_ON = (
    "",
    " OR 1=1",
    " OR 1=1 -- ",
    " OR 1=1 /*",
    ") OR (1=1",
    " OR region",
    ") OR 1=1 GROUP BY region -- ",
    "; --",
)

pieces = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
attacks = st.builds("".join, st.tuples(st.sampled_from(OPENING), st.sampled_from(GOING_ON), pieces | st.just("")))
texts = attacks | pieces | st.text(max_size=12)
# A condition that Spark can read, so that more than refusals is tried.
atoms = st.sampled_from(
    ("1=1", "TRUE", "region = 'Europe'", "region <> 'x'", "category IS NOT NULL", "revenue > 0", "NOT region = 'Asia'")
)
conditions = st.recursive(
    atoms,
    lambda inner: (
        st.builds("{} OR {}".format, inner, inner)
        | st.builds("{} AND {}".format, inner, inner)
        | st.builds("({})".format, inner)
        | st.builds("NOT ({})".format, inner)
        | st.builds("{} /* {} */ OR 1=1".format, inner, atoms)
        | st.builds("{} -- {}\n OR TRUE".format, inner, atoms)
    ),
    max_leaves=5,
)
