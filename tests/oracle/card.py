"""Card numbers in text: 13 to 19 digits, single spaces or dashes between them, Luhn-valid."""

import re
from collections.abc import Iterator
from itertools import accumulate

RUN = re.compile("[0-9]+")
SUSPECT = re.compile("[0-9](?:[ -]?[0-9]){12}")
SHORTEST, LONGEST, SHOWN = 13, 19, 4


def mask(text: str) -> str:
    """The text with all but the last four digits of each card number as `*`; separators stay."""
    if not SUSPECT.search(text):
        return text
    masked, done = "", 0
    for start, end in _cards(text):
        masked += text[done:start] + _starred(text[start:end])
        done = end
    return masked + text[done:]


def _cards(text: str) -> Iterator[tuple[int, int]]:
    """Where the card numbers lie: whole digit runs only, the leftmost first, the longest of one start."""
    done = 0
    for chain in _chains(text):
        for first in range(len(chain)):
            if chain[first].start() >= done and (last := _last_run(chain[first:])):
                done = last.end()
                yield chain[first].start(), done


def _chains(text: str) -> Iterator[list[re.Match[str]]]:
    """Digit runs, grouped where a single space or dash lies between neighbours."""
    chain: list[re.Match[str]] = []
    for run in RUN.finditer(text):
        if chain and text[chain[-1].end() : run.start()] not in (" ", "-"):
            yield chain
            chain = []
        chain.append(run)
    if chain:
        yield chain


def _last_run(chain: list[re.Match[str]]) -> re.Match[str] | None:
    """The last run of the longest card number that begins with the chain."""
    digits = accumulate(run.group() for run in chain)
    ends = [run for run, number in zip(chain, digits, strict=True) if _is_card(number)]
    return ends[-1] if ends else None


def _is_card(digits: str) -> bool:
    return SHORTEST <= len(digits) <= LONGEST and _luhn(digits)


def _luhn(digits: str) -> bool:
    odd = sum(int(digit) for digit in digits[-1::-2])
    even = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (odd + even) % 10 == 0


def _starred(number: str) -> str:
    hidden = sum(char.isdigit() for char in number) - SHOWN
    return re.sub("[0-9]", "*", number, count=hidden)
