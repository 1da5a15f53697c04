"""The normal form of a text, and the form of an id.

Data and requests use the same normal form, so that a person is found by any spelling of an id: no blanks around it, no
invisible characters in it, letters and their accents composed (NFC). `trimmed` returns it for a column, `normal` for a
text that the driver holds. No function here raises, for any text.
"""

from __future__ import annotations

import re
import unicodedata

from pyspark.sql import Column
from pyspark.sql import functions as F

# All white space of Unicode, the control characters, and the two invisible marks of zero width.
BLANKS = "".join(map(chr, [*range(0x21), 0x7F, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F]))
BLANKS += "\u205f\u3000\u200b\ufeff"
# Invisible characters: category Cf without its visible signs (Arabic, Syriac), and the marks of variants.
INVISIBLE_RANGES = (
    "\u00ad\u00ad", "\u034f\u034f", "\u061c\u061c", "\u180b\u180f", "\u200b\u200f", "\u202a\u202e", "\u2060\u206f",
    "\ufe00\ufe0f", "\ufeff\ufeff", "\ufff9\ufffb", "\U0001bca0\U0001bca3", "\U0001d173\U0001d17a",
    "\U000e0000\U000e0fff",
)  # fmt: skip
INVISIBLE = "[" + "".join("-".join(ends) for ends in INVISIBLE_RANGES) + "]"


VISIBLE_ASCII = r"^[!-~](?:[ -~]*[!-~])?\z"
COMPOSABLE = "[\u0300-\U0010ffff]"  # a text without these is composed already
COMPOSER = ("com.ibm.icu.text.Normalizer", "compose")
# Spreadsheets and programs write a number that is too long for them in these forms: 6.93217E+12, 1,23E+15, 1E+16,
# 6.93217E12. The forms with a plus may also follow the name that a mapping puts before the ids of a shop.
SPOILT = r"^[+-]?[0-9]{1,3}[.,][0-9]+[Ee][0-9]{1,3}|(?<![0-9.,])[0-9]{1,3}(?:[.,][0-9]+)?[Ee]\+[0-9]{1,3}"


def trimmed(text: Column) -> Column:
    """The text in its normal form; NULL if nothing is left.

    Nearly every text is visible ASCII from end to end, and then needs no search. Spark has no function that composes
    letters. So its library of Unicode is called, for texts that may need it. Spark treats this call as not
    deterministic: it may be used in a selection, but not in the condition of a join or a deletion.
    """
    plain = text.rlike(VISIBLE_ASCII)
    seen = seen_of(text)
    composed = F.java_method(*map(F.lit, COMPOSER), seen, F.lit(False))  # noqa: FBT003 - canonical, not compatible
    return F.when(plain, text).otherwise(F.when(seen.rlike(COMPOSABLE), composed).otherwise(seen))


def seen_of(text: Column) -> Column:
    """The visible part of a text: without invisible characters and blanks around it; NULL if nothing is left."""
    return F.nullif(F.btrim(F.regexp_replace(text, INVISIBLE, ""), F.lit(BLANKS)), F.lit(""))


def normal(text: str) -> str:
    """The result of `trimmed` for one text; empty if nothing is left."""
    return unicodedata.normalize("NFC", re.sub(INVISIBLE, "", text).strip(BLANKS))


def names_somebody(text: Column) -> Column:
    """Whether a text can be an id: it is neither a masked card number nor spoilt by a spreadsheet."""
    return ~text.contains("*") & ~spoilt(text)


def spoilt(text: Column) -> Column:
    """Whether an id has become a rounded number, which several persons may share."""
    return text.rlike(rf"(?:{SPOILT})\z")


def is_spoilt(text: str) -> bool:
    """The result of `spoilt` for one text."""
    return re.search(rf"(?:{SPOILT})\Z", text) is not None
