"""Card numbers in text: 13 to 19 decimal digits of any script, Luhn-valid, with one to four blanks, dashes, points or
invisible characters between the groups; not what is a day, a time or a decimal number.
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import accumulate

SHORTEST, LONGEST, SHOWN, WIDEST_GAP = 13, 19, 4, 4
APART = {"Zs", "Zl", "Zp", "Pd", "Pc", "Po", "Cf", "Cc", "Mn", "Mc", "Me"}
SIGNS = "|\u2044\u2212\u2215"
DECIMAL = re.compile(r"[+-]?[0-9]{1,12}[.,][0-9]+([eE][+-]?[0-9]{1,3})?")
BLANK = " \t\n\x0b\f\r"
CLOCK = re.compile(r"[ T]\d\d?:\d\d(:\d\d([.,]\d{1,9})?)?( ?(Z|UTC|[+-]\d\d:?\d\d))?", re.ASCII)
NEXT_TO_A_DATE = re.compile(r"[0-9]{1,4}[-./][0-9]{1,2}[-./][0-9]{1,4}(?![0-9])")
STAMP = re.compile(r"[0-9]{8}[ _-]?(?:[0-9]{6}|[0-9]{9})(?![0-9])")

Span = tuple[int, int]


def mask(text: str) -> str:
    """The text with all but the last four digits of each card number as `*`; then the digits left are ASCII."""
    if sum(map(str.isdecimal, text)) < SHORTEST or _is_plain(text.strip(BLANK)):
        return text
    plain = "".join(str(unicodedata.decimal(letter)) if letter.isdecimal() else letter for letter in text)
    masked, done = "", 0
    for start, end in _cards(plain):
        masked += plain[done:start] + _starred(plain[start:end])
        done = end
    return masked + plain[done:] if done else text


def _is_plain(text: str) -> bool:
    """Whether the whole text is a decimal number, or a day with a time."""
    day = NEXT_TO_A_DATE.match(text)
    whole = bool(day and _is_day(*re.split("[-./]", day.group())) and CLOCK.fullmatch(text, day.end()))
    return whole or bool(DECIMAL.fullmatch(text))


def _cards(text: str) -> Iterator[Span]:
    """The places of the card numbers: whole digit runs only, the leftmost first, the longest of one start."""
    for chain in _chains(text):
        done = 0
        decimal = len(chain) == 2 and text[chain[0][1] : chain[1][0]] in (".", ",")
        for at, (start, _) in enumerate(chain):
            if start >= done and (end := _end(text, chain[at : at + 1] if decimal else chain[at:])):
                done = end
                yield start, end


def _chains(text: str) -> Iterator[list[Span]]:
    """Digit runs, grouped where a short gap lies between neighbours; days and times stand apart, as do decimals."""
    chain: list[Span] = []
    at = 0
    while at < len(text):
        begins = text[at].isdecimal()
        if begins and (end := _moment(text, at)):
            yield chain
            chain, at = [], end
        elif begins:
            end = at
            while end < len(text) and text[end].isdecimal():
                end += 1
            if chain and not _is_gap(text[chain[-1][1] : at]):
                yield chain
                chain = []
            chain.append((at, end))
            at = end
        else:
            at += 1
    yield chain


def _moment(text: str, at: int) -> int:
    """The end of the day or time that begins here; 0 if none begins here."""
    day, stamp = NEXT_TO_A_DATE.match(text, at), STAMP.match(text, at)
    if day and _is_day(*re.split("[-./]", day.group())):
        return day.end()
    if stamp and _is_stamp(re.sub("[ _-]", "", stamp.group())):
        return stamp.end()
    return 0


def _is_day(first: str, middle: str, last: str) -> bool:
    """Whether it is a day as office programs write it: year, then month; or the year last, the others in any order."""
    if len(first) == 4:
        return first[:2] in ("19", "20") and 1 <= int(middle) <= 12 and 1 <= int(last) <= 31 and len(last) < 3
    return (
        len(last) == 4 and last[:2] in ("19", "20") and len(first) < 3 and 1 <= int(first) <= 31
        and 1 <= int(middle) <= 31
    )  # fmt: skip


def _is_stamp(digits: str) -> bool:
    year, *rest = digits[:4], *(int(digits[at : at + 2]) for at in range(4, 14, 2))
    month, day, hour, minute, second = rest
    of_day = hour < 24 and minute < 60 and second < 60
    return year[:2] in ("19", "20") and 1 <= month <= 12 and 1 <= day <= 31 and of_day


def _is_gap(between: str) -> bool:
    kinds = (unicodedata.category(letter) in APART or letter in SIGNS for letter in between)
    return 1 <= len(between) <= WIDEST_GAP and all(kinds)


def _end(text: str, chain: list[Span]) -> int:
    """The end of the longest card number that begins with the chain; 0 if none begins there."""
    digits = accumulate(text[start:end] for start, end in chain)
    ends = [end for (_, end), number in zip(chain, digits, strict=True) if _is_card(number)]
    return ends[-1] if ends else 0


def _is_card(digits: str) -> bool:
    return SHORTEST <= len(digits) <= LONGEST and _luhn(digits)


def _luhn(digits: str) -> bool:
    odd = sum(int(digit) for digit in digits[-1::-2])
    even = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (odd + even) % 10 == 0


def _starred(number: str) -> str:
    hidden = sum(char.isdigit() for char in number) - SHOWN
    return re.sub("[0-9]", "*", number, count=hidden)
