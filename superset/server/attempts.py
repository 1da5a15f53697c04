"""Wrong passwords are slowed down for each account and address, and a stranger shuts out nobody else.

There are three counts, in the store that all processes share. An attempt that must wait is not counted and its password
is not checked, so more attempts do not make the wait longer:

| count of | free | then one waits | holds for |
|---|---|---|---|
| an account from an address | 5 | 30 s, doubled each time, up to 15 min | everybody there |
| an address, over all accounts | 50 | 5 s, doubled each time, up to 1 min | accounts that never logged in from there |
| an account, over all addresses | 20 | 1 min, doubled each time, up to 15 min | addresses without a login of it |

So once a user has given the right password at an address, only wrong passwords for that account stop the user there.
The check of a password takes a tenth of a second of a core, on purpose. Each process checks one at a time, and known
users have their own queue.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import BoundedSemaphore
from typing import Any

import questions
from flask import Flask, Response, current_app, g, request, session
from speech import said
from store import Limit, store

PAIR = Limit(free=5, first=30, longest=900, kept=3600)
ADDRESS = Limit(free=50, first=5, longest=60, kept=3600)
ACCOUNT = Limit(free=20, first=60, longest=900, kept=3600)
SECONDS_TO_KNOW = 30 * 24 * 3600
SECONDS_IF_CROWDED = 5.0
IPV6_CUSTOMER = 64  # bits of an address that identify a customer's network


@dataclass(frozen=True)
class Lane:
    """A queue before the check of a password: few wait, one is served."""

    room: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(4))
    served: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(1))

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Whether there was room."""
        if not self.room.acquire(blocking=False):
            yield False
            return
        try:
            with self.served:
                yield True
        finally:
            self.room.release()


STRANGERS, KNOWN = Lane(), Lane()


@dataclass(frozen=True)
class Attempt:
    """A login attempt for an account at an address. The names of its counts reveal neither."""

    account: str
    address: str

    @property
    def pair(self) -> str:
        """The name of the count of the account at the address."""
        return _name("pair", self.account, self.address)

    @property
    def counts(self) -> dict[str, Limit]:
        """The names and limits of its counts."""
        if self.is_known:
            return {self.pair: PAIR}
        rest = {_name("address", self.address): ADDRESS, _name("account", self.account): ACCOUNT}
        return {**rest, self.pair: PAIR}

    @property
    def is_known(self) -> bool:
        """Whether the account's password was right from this address before."""
        return store().get(_name("known", self.account, self.address)) is not None

    def begin(self) -> float:
        """Count it; 0 if the password may be checked, else the seconds to wait."""
        counts = self.counts
        return max(map(store().wait, counts)) or max(store().count(name, limit) for name, limit in counts.items())

    def take_back(self) -> None:
        """Count it no longer."""
        for name in self.counts:
            store().take_back(name)

    def succeed(self) -> None:
        """Delete its counts, and remember the address from now on."""
        self.take_back()
        store().drop(self.pair)
        store().put(_name("known", self.account, self.address), 1, SECONDS_TO_KNOW)


def are_texts(*stated: Any) -> bool:
    """Whether a name and a password are valid texts: half a surrogate pair cannot be stored or hashed."""
    return all(isinstance(text, str) and "\0" not in text and questions.is_text(text) for text in stated)


def judged(account: str, check: Callable[[], Any]) -> Any:
    """The user whose password is right; an attempt that must wait is not checked, and `refuse_crowds` answers it."""
    attempt = Attempt(account.lower(), network(request.remote_addr or ""))
    g.seconds_to_wait = attempt.begin()
    if g.seconds_to_wait:
        return None
    with (KNOWN if attempt.is_known else STRANGERS).turn() as has_room:
        user = check() if has_room else None
    if not has_room:
        g.seconds_to_wait = SECONDS_IF_CROWDED
        attempt.take_back()
    if user is not None:
        attempt.succeed()
    return user


def network(address: str) -> str:
    """The address that is counted; of an IPv6 address only the part that a provider gives to one customer."""
    try:
        read = ipaddress.ip_address(address)
    except ValueError:
        return address
    plain = read if isinstance(read, ipaddress.IPv4Address) else read.ipv4_mapped
    if plain is not None:
        return str(plain)
    return str(ipaddress.ip_network((read, IPV6_CUSTOMER), strict=False))


def _name(*parts: str) -> str:
    key = str(current_app.config["SECRET_KEY"]).encode()
    digest = hmac.new(key, "\0".join(("attempt", *parts)).encode(), hashlib.sha256)
    return f"{parts[0]}:{digest.hexdigest()}"


def change(app: Flask) -> None:
    """Answer an attempt that must wait with a refusal, independently of the page's answer."""

    @app.after_request
    def refuse_crowds(response: Response) -> Response:
        seconds = math.ceil(g.get("seconds_to_wait", 0))
        if not seconds:
            return response
        session.pop("_flashes", None)
        return _refusal(seconds)


def _refusal(seconds: int) -> Response:
    answer = said(f"Too many attempts to log in: please try again in {seconds} seconds.", HTTPStatus.TOO_MANY_REQUESTS)
    answer.headers["Retry-After"] = str(seconds)
    return answer
