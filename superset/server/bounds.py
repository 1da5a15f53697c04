"""Limits of a request's size, of the values in its address, and of a viewer's questions in progress at once.

They are checked before Superset handles the request: some of its handlers treat an unreadable value as a failure.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Condition
from typing import Any

import prison
import questions
from flask import Flask, Response, g, request
from speech import said

BYTES_OF_ALL = 4_000_000  # the administrator imports all dashboards at once
BYTES_OF_A_VIEWER = 100_000
LOGINS = frozenset(("/login/", "/api/v1/security/login"))
LARGEST = 2**63 - 1
DIGITS = re.compile(r"(?<![\w.])\d{19,}")
LONGEST, DEEPEST = 2000, 20
PERIODS = "/api/v1/time_range/"
FIGURES = "/api/v1/chart/data"
UNREADABLE = "This question cannot be read: {}."
CROWDED = "Too many of your questions are being answered: please try again in a moment."


@dataclass(frozen=True)
class Places:
    """The questions in progress in one process, by viewer: a few are answered, some wait, more are refused.

    A page requests all its charts at once, some fourteen. One viewer takes at most 14 of a process's 16 threads.
    """

    answered: int = 5
    waiting: int = 9
    seconds: float = 30.0
    taken: Counter[str] = field(default_factory=Counter)
    queued: Counter[str] = field(default_factory=Counter)
    changed: Condition = field(default_factory=Condition)

    def take(self, viewer: str) -> bool:
        """Whether there is a place, now or in some seconds."""
        with self.changed:
            if self.taken[viewer] >= self.answered and self.queued[viewer] >= self.waiting:
                return False
            self.queued[viewer] += 1
            has_place = self.changed.wait_for(lambda: self.taken[viewer] < self.answered, self.seconds)
            _one_less(self.queued, viewer)
            self.taken[viewer] += has_place
            return has_place

    def leave(self, viewer: str) -> None:
        """Give the place to the next."""
        with self.changed:
            _one_less(self.taken, viewer)
            self.changed.notify_all()


def _one_less(counts: Counter[str], name: str) -> None:
    counts[name] -= 1
    if counts[name] <= 0:
        del counts[name]


PLACES = Places()


def change(app: Flask) -> None:
    """Check all requests, and free a question's place when it ends."""

    @app.before_request
    def judge() -> Response | None:
        if request.path in LOGINS and (refusal := _too_large()):
            return refusal
        why = fault(request.path, request.args.get("q", ""))
        return said(UNREADABLE.format(why), HTTPStatus.BAD_REQUEST) if why else None

    @app.teardown_request
    def leave(_error: BaseException | None) -> None:
        viewer = g.pop("place", None)
        if viewer is not None:
            PLACES.leave(viewer)


def fault(path: str, q: str) -> str:
    """The fault of an address and its argument; empty if they can be looked up."""
    numbers = [*(part for part in path.split("/") if part.isdecimal()), *DIGITS.findall(q)]
    if any(len(number) > len(str(LARGEST)) or int(number) > LARGEST for number in numbers):
        return "it holds a number that is too large"
    return "it has too many brackets" if _depth(q) > DEEPEST else ""


def _depth(text: str) -> int:
    """The greatest depth of its brackets, including those in quotes."""
    depth = deepest = 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        deepest = max(deepest, depth)
    return deepest


def of_a_viewer(name: str) -> Response | None:
    """A refusal if a request exceeds those of a dashboard's page."""
    q = request.args.get("q", "")
    if refusal := _too_large():
        return refusal
    if len(q) > LONGEST:
        return said(UNREADABLE.format("it is too long"), HTTPStatus.BAD_REQUEST)
    if request.path == PERIODS and not is_period(q):
        return said(UNREADABLE.format("the time range is unknown"), HTTPStatus.BAD_REQUEST)
    return _without_a_place(name) if request.path == FIGURES else None


def _too_large() -> Response | None:
    request.max_content_length = BYTES_OF_A_VIEWER  # also for a body without a stated length
    if (request.content_length or 0) > BYTES_OF_A_VIEWER:
        return said(UNREADABLE.format("it is too large"), HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return None


def _without_a_place(name: str) -> Response | None:
    if PLACES.take(name):
        g.place = name
        return None
    answer = said(CROWDED, HTTPStatus.TOO_MANY_REQUESTS)
    answer.headers["Retry-After"] = "5"
    return answer


def is_period(q: str) -> bool:
    """Whether the requested time ranges can be read in a short time."""
    return all(map(questions.is_readable, questions.texts(_read(q))))


def _read(q: str) -> Any:
    """The value as the API reads it; the API itself refuses an unreadable one."""
    with contextlib.suppress(prison.decoder.ParserException):
        return prison.loads(q)
    with contextlib.suppress(ValueError):
        return json.loads(q)
    return None
