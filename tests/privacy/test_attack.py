"""An attacker with the lake but without the key recovers nobody; the same attack on plain hashes recovers everybody."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable

from lib.keys import pseudonym

IDS = [f"{number}" for number in range(1, 100_001)]
# First six and last four digits are often printed on a receipt; what lies between is a million candidates at most.
BEGINNING, ENDING = "411111", "1111"
Guess = Callable[[str], str]


def plain(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def guesses() -> list[Guess]:
    """Guesses that need no key: plain hashes, public salts, and keys that people really choose."""
    salted: list[Guess] = [lambda text, salt=salt: plain(salt + text) for salt in ("", "salt", "pepper")]  # type: ignore[misc]  # the loop's variable, bound
    weak = (b"", b"\0" * 32, b"secret", b"changeme", bytes(range(32)))
    keyed: list[Guess] = [lambda text, key=key: pseudonym(text, key) for key in weak]  # type: ignore[misc]  # the loop's variable, bound
    return salted + keyed


def recovered(stored: set[str], dictionary: Iterable[str], tried: Iterable[Guess]) -> set[str]:
    """The texts of the dictionary that the attacker links to stored values."""
    methods = list(tried)
    return {text for text in dictionary if any(guess(text) in stored for guess in methods)}


def test_a_full_dictionary_of_ids_recovers_no_pseudonym() -> None:
    key = secrets.token_bytes(32)
    stored = {pseudonym(one, key) for one in IDS}
    assert len(stored) == 100_000
    assert recovered(stored, IDS, guesses()) == set()


def test_the_same_attack_on_plain_hashes_recovers_all() -> None:
    """So that the test above is known to work."""
    stored = {plain(one) for one in IDS}
    assert len(recovered(stored, IDS, guesses()[:1])) == 100_000


def test_a_weak_key_would_be_found() -> None:
    stored = {hmac.new(b"changeme", one.encode(), hashlib.sha256).hexdigest() for one in IDS[:100]}
    assert len(recovered(stored, IDS[:100], guesses())) == 100


def test_a_million_cards_recover_no_pseudonym_but_every_plain_hash() -> None:
    key = secrets.token_bytes(32)
    card = f"{BEGINNING}424242{ENDING}"
    stored, hashed = {pseudonym(card, key)}, {plain(card)}
    candidates = [f"{BEGINNING}{middle:06}{ENDING}" for middle in range(1_000_000)]
    assert recovered(stored, candidates, [plain]) == set()
    assert recovered(hashed, candidates, [plain]) == {card}
