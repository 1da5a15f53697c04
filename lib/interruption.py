"""Ctrl-C, SIGTERM and a terminal that has gone: the job is told once, and has a few seconds to clean up."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SECONDS_TO_CLEAN_UP = 5.0
_heard: list[int] = []


def listen() -> None:
    """Answer the signals from now on. PySpark puts a handler of its own in place, so this is said again after it."""
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            signal.signal(number, _interrupt)


def silence() -> None:
    """Let nothing but the job's own lines come to stderr: when Java ends first, its client tells of each thread."""
    logging.disable(logging.CRITICAL)
    sys.unraisablehook = lambda _: None
    threading.excepthook = lambda _: None


def is_listening() -> bool:
    """Whether this process is a job of its own, and not a test's or a notebook's."""
    return signal.getsignal(signal.SIGTERM) is _interrupt


def exit_code() -> int | None:
    """What the process ends with if it was interrupted; None if it was not."""
    return 128 + _heard[0] if _heard else None


def _interrupt(number: int, _frame: FrameType | None) -> None:
    if _heard:  # a Ctrl-C comes from the terminal and from the launcher
        return
    _heard.append(number)
    # What waits for Java may wait for long, and a library may catch what is raised here. A kill leaves the lake sound.
    timer = threading.Timer(SECONDS_TO_CLEAN_UP, os._exit, [128 + number])
    timer.daemon = True
    timer.start()
    raise KeyboardInterrupt
