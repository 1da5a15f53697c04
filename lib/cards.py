"""Card numbers that stray into text: found by form and check digit, and masked but for their last four digits.

A card number is 13 to 19 ASCII digits whose Luhn sum is a multiple of ten, written as one or more whole groups of
digits with one space or dash between two groups. Where such stretches overlap, the leftmost counts, and of several
that begin there the longest.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column
from pyspark.sql import functions as F

SHORTEST, LONGEST = 13, 19

# Most values are short or hold few digits: only what passes this pays for the search.
SUSPECT = f"octet_length({{text}}) >= {SHORTEST} and {{text}} rlike '[0-9](?:[ -]?[0-9]){{{{{SHORTEST - 1}}}}}'"

# Runs of digits with single separators, and what lies between them: together the whole text.
TOKENS = "regexp_extract_all({text}, '[0-9]++(?:[ -][0-9]++)*+|[^0-9]++', 0)"

# The groups of a run, each with the separator before it.
GROUPS = "regexp_extract_all(token, '[ -]?[0-9]++', 0)"

# Every second digit from the right counts double, less 9 from 5 on: 0 2 4 6 8 1 3 5 7 9.
LUHN = """
    aggregate(
        sequence(1, length(digits)), 0,
        (total, place) -> total + int(
            if(place % 2 = 1, substr(digits, -place, 1), substr('0246813579', int(substr(digits, -place, 1)) + 1, 1))
        )
    ) % 10 = 0
"""

# How many groups the longest card number takes that begins with group `first`; 0 if none does.
TAKEN = f"""
    coalesce(array_max(filter(
        sequence(1, least({LONGEST}, size(groups) - first + 1)),
        many -> exists(
            array(translate(array_join(slice(groups, first, many), ''), ' -', '')),
            digits -> length(digits) between {SHORTEST} and {LONGEST} and {LUHN}
        )
    )), 0)
"""

MASKED_RUN = f"""
    aggregate(
        sequence(1, size(groups)), named_struct('next', 1, 'text', ''),
        (done, first) -> if(first < done.next, done, transform(array({TAKEN}), taken -> named_struct(
            'next', first + greatest(taken, 1),
            'text', done.text || if(
                taken = 0,
                element_at(groups, first),
                regexp_replace(array_join(slice(groups, first, taken), ''), '[0-9](?=(?:[ -]?[0-9]){{{{4}}}})', '*')
            )
        ))[0]),
        done -> done.text
    )
"""

MASKED = f"""
    array_join(transform({TOKENS}, token -> if(
        length(token) < {SHORTEST} or not token rlike '^[0-9]',
        token,
        transform(array({GROUPS}), groups -> {MASKED_RUN})[0]
    )), '')
"""


def mask_card_numbers(column: str) -> Column:
    """The text column of that name, with every digit of a card number but the last four replaced by `*`."""
    return _sql(f"if({SUSPECT}, {MASKED}, {{text}})", column)


def masked_or_null(columns: Sequence[str]) -> Column:
    """The masked texts of these columns, an array in their order; NULL where none looks like a card number.

    One search for many columns: a plan with one per column takes longer to make than a small file to load.
    """
    suspect = reduce(Column.__or__, (_sql(SUSPECT, column) for column in columns))
    search = f"if({SUSPECT}, {MASKED}, {{text}})".format(text="text")
    texts = F.expr(f"transform(array({', '.join(map(_quoted, columns))}), text -> {search})")
    return F.when(suspect, texts)


def _sql(template: str, column: str) -> Column:
    return F.expr(template.format(text=_quoted(column)))


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"
