"""A job's effects on the disk, one after the other, and the moments between them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from lib import drafts, keys, storage
from lib.accountability import anchors, auditlog, subject_requests
from lib.delta import tables

# Whatever changes a file of the lake or of its secrets.
EFFECTS: tuple[tuple[Any, str], ...] = (
    (storage, "_replace"),
    (storage, "_remove"),
    (drafts, "write"),
    (drafts, "sync"),
    (tables.Tables, "_write"),
    (tables.Tables, "write_few"),
    (tables.Tables, "_merge"),
    (tables.Tables, "delete"),
    (tables.Tables, "delete_where"),
    (tables.Tables, "_vacuum"),
    (subject_requests, "save"),
    (subject_requests, "forget"),
    (auditlog.AuditLog, "_write_head"),
    (anchors, "write_file"),
    (keys, "_make"),
)


class Clock:
    """Counts the moments before and after each effect. At each moment nothing else happens on the disk."""

    def __init__(self, at: Callable[[int], None]) -> None:
        self.moments = 0
        self._at = at
        self._one_at_a_time = threading.RLock()

    def around(self, effect: Callable[..., Any]) -> Callable[..., Any]:
        """The effect between two moments."""

        def between(*arguments: Any, **named: Any) -> Any:
            with self._one_at_a_time:
                self._tick()
                result = effect(*arguments, **named)
                self._tick()
                return result

        return between

    def _tick(self) -> None:
        self.moments += 1
        self._at(self.moments)


@contextmanager
def clocked(at: Callable[[int], None] = lambda _: None) -> Iterator[Clock]:
    """Do something at each moment of the work meanwhile."""
    clock = Clock(at)
    with ExitStack() as stack:
        for owner, name in EFFECTS:
            stack.enter_context(mock.patch.object(owner, name, clock.around(getattr(owner, name))))
        yield clock
