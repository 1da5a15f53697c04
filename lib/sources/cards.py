"""Card numbers that stray into text: found by form and check digit, and masked except for their last four digits.

A card number is 13 to 19 decimal digits of any script whose Luhn sum is a multiple of ten, written as one or
more whole groups of digits. Between two groups there are one to four characters: blanks, dashes, punctuation, invisible
characters or marks. If matches overlap, the leftmost counts, and the longest of several that begin there. Rather too
much is masked than too little. But three things are not card numbers: a day like 2023-12-31 or 31.12.2023, a time like
20231231223000, and the two parts of a decimal number taken together. If the whole value is a decimal number, or a day
with a time, it stays unchanged.

If anything in a text is masked, its other digits become ASCII too.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F

from lib.local_frames import frame_of
from lib.sql import quoted

SHORTEST, LONGEST = 13, 19

# The zero of each script's digits, as of Unicode 13, which every supported Java and Python knows.
ZEROS = (
    0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0, 0xF20,
    0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0,
    0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0,
    0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50, 0x11DA0, 0x16A60, 0x16AC0, 0x16B50,
    0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0,
)  # fmt: skip
DIGITS = "".join(chr(zero + digit) for zero in ZEROS for digit in range(10))

# U+2044, U+2212 and U+2215 are a slash, a dash and a slash that Unicode counts among the mathematical symbols.
PARTING = r"[\p{Z}\p{Pd}\p{Pc}\p{Po}\p{Cf}\p{Cc}\p{M}|\u2044\u2212\u2215]"
APART = PARTING + "{1,4}+"
YEAR, MONTH, DAY = "(?:19|20)[0-9]{2}", "(?:0?[1-9]|1[0-2])", "(?:0?[1-9]|[12][0-9]|3[01])"
TIME = "(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9](?:[0-9]{3})?"
CALENDAR = f"{YEAR}[-./]{MONTH}[-./]{DAY}|{DAY}[-./]{DAY}[-./]{YEAR}"
DATE = f"(?:{CALENDAR}|{YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[ _-]?{TIME})(?![0-9])"
WHOLE_PART = f"[0-9]++(?=[.,](?!{DATE})[0-9]++(?!{APART}(?!{DATE})[0-9]))"

# Whole values that fill many columns.
NUMBER = "[+-]?[0-9]{1,12}[.,][0-9]+(?:[eE][+-]?[0-9]{1,3})?"
INSTANT = (
    f"(?:{CALENDAR})[ T][0-9]{{1,2}}:[0-9]{{2}}(?::[0-9]{{2}}(?:[.,][0-9]{{1,9}})?)?"
    "(?: ?(?:Z|UTC|[+-][0-9]{2}:?[0-9]{2}))?"
)

# Most values are short or hold few digits: only values that pass this test pay for the search. Characters between
# groups are recognised far faster among ASCII than among all characters, and most texts hold only ASCII.
ASCII_PARTING = r"[\x00-\x20\x7f!\x22#%&\x27*,\-./:;?@\\_|]"
SUSPECT = (
    f"octet_length({{text}}) >= {SHORTEST} and if(octet_length({{text}}) = length({{text}}), "
    rf"{{text}} rlike r'[0-9](?:{ASCII_PARTING}{{0,4}}+[0-9]){{{SHORTEST - 1}}}', "
    rf"{{text}} rlike r'\p{{Nd}}(?:{PARTING}{{0,4}}+\p{{Nd}}){{{SHORTEST - 1}}}') "
    rf"and not {{text}} rlike r'^\s*(?:{NUMBER}|{INSTANT})\s*\z'"
)

# Days and times, whole parts of decimal numbers, groups of digits with the characters between them, and the rest:
# together the whole text.
TOKENS = f"regexp_extract_all(plain, r'{DATE}|{WHOLE_PART}|[0-9]++(?:{APART}(?!{DATE})[0-9]++)*+|[^0-9]++', 0)"

# The groups of a run, each with the characters before it.
GROUPS = "regexp_extract_all(token, r'[^0-9]*+[0-9]++', 0)"

# Every second digit from the right counts double, less 9 from 5 on: 0 2 4 6 8 1 3 5 7 9.
LUHN = """
    aggregate(
        sequence(1, length(digits)), 0,
        (total, place) -> total + int(
            if(place % 2 = 1, substr(digits, -place, 1), substr('0246813579', int(substr(digits, -place, 1)) + 1, 1))
        )
    ) % 10 = 0
"""

# The number of groups in the longest card number that begins with group `first`; 0 if none begins there.
TAKEN = f"""
    coalesce(array_max(filter(
        sequence(1, least({LONGEST}, size(groups) - first + 1)),
        many -> exists(
            array(regexp_replace(array_join(slice(groups, first, many), ''), '[^0-9]++', '')),
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
                regexp_replace(array_join(slice(groups, first, taken), ''), '[0-9](?=(?:[^0-9]*+[0-9]){{4}})', '*')
            )
        ))[0]),
        done -> done.text
    )
"""

MASKED_PLAIN = f"""
    array_join(transform({TOKENS}, token -> if(
        length(token) < {SHORTEST} or not token rlike '^[0-9]' or token rlike r'^{DATE}\\z',
        token,
        transform(array({GROUPS}), groups -> {MASKED_RUN})[0]
    )), '')
"""

MASKED = f"""
    transform(
        array(translate({{text}}, '{DIGITS}', '{"0123456789" * len(ZEROS)}')),
        plain -> transform(array({MASKED_PLAIN}), masked -> if(masked = plain, {{text}}, masked))[0]
    )[0]
"""


def masked_or_null(columns: Sequence[str]) -> Column:
    """The masked texts of these columns, an array in their order; NULL where none looks like a card number.

    One search for many columns: a plan with one search per column takes longer to make than a small file to load.
    """
    suspect = reduce(Column.__or__, (F.expr(SUSPECT.replace("{text}", quoted(column))) for column in columns))
    search = f"if({SUSPECT}, {MASKED}, {{text}})".replace("{text}", "text")
    texts = F.expr(f"transform(array({', '.join(map(quoted, columns))}), text -> {search})")
    return F.when(suspect, texts)


def has_long_number(names: Sequence[str]) -> bool:
    """Whether one of the names has as many digits as a card number."""
    return any(sum(letter.isdecimal() for letter in name) >= SHORTEST for name in names)


def masked_names(spark: SparkSession, names: Sequence[str]) -> tuple[str, ...]:
    """Names of files and columns, masked like values: the sender of an export chooses them."""
    if not has_long_number(names):
        return tuple(names)
    listed = frame_of(spark, [(at, name) for at, name in enumerate(names)], "at int, name string")
    found = {
        row["at"]: row["masked"] for row in listed.select("at", masked_or_null(["name"]).alias("masked")).collect()
    }
    return tuple(found[at][0] if found[at] else name for at, name in enumerate(names))
