"""Death between any two effects: what a job does to the disk is counted, and its process ends at one of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from lib import anchors, auditlog, drafts, keys, requests, storage, tables
from tests.e2e.lakes import Died

# Whatever changes a file of the lake or of its secrets.
EFFECTS: tuple[tuple[Any, str], ...] = (
    (storage, "_replace"),
    (storage, "_remove"),
    (drafts, "write"),
    (drafts, "sync"),
    (tables.Tables, "_write"),
    (tables.Tables, "_merge"),
    (tables.Tables, "delete"),
    (tables.Tables, "delete_where"),
    (tables.Tables, "_vacuum"),
    (requests, "save"),
    (requests, "forget"),
    (auditlog.AuditLog, "_write_head"),
    (anchors, "write_file"),
    (keys, "_make"),
)


class Clock:
    """Counts points in time, one before and one after each effect, and ends the process at one of them."""

    def __init__(self, death: int | None = None) -> None:
        self.death = death
        self.points = 0
        self._lock = threading.Lock()

    def tick(self) -> None:
        with self._lock:
            self.points += 1
            if self.death is not None and self.points >= self.death:
                raise Died


@contextmanager
def clocked(death: int | None = None) -> Iterator[Clock]:
    """Count the effects of what is done meanwhile, and let it die at a point, if one is named."""
    clock = Clock(death)
    with ExitStack() as stack:
        for owner, name in EFFECTS:
            stack.enter_context(mock.patch.object(owner, name, _counting(getattr(owner, name), clock)))
        yield clock


def _counting(effect: Callable[..., Any], clock: Clock) -> Callable[..., Any]:
    def counted(*arguments: Any, **named: Any) -> Any:
        clock.tick()
        result = effect(*arguments, **named)
        clock.tick()
        return result

    return counted
