"""Ctrl-C, SIGTERM and a closed terminal: the job is interrupted once, and has a few seconds to clean up."""

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
    """Handle the signals from now on. PySpark installs its own handler, so call this again after it."""
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            signal.signal(number, _interrupt)


def silence() -> None:
    """Let only the job's own lines reach stderr: if Java ends first, its client reports every thread."""
    logging.disable(logging.CRITICAL)
    sys.unraisablehook = lambda _: None
    threading.excepthook = lambda _: None


def is_listening() -> bool:
    """Whether this process is a job of its own, and not a test's or a notebook's."""
    return signal.getsignal(signal.SIGTERM) is _interrupt


def exit_code() -> int | None:
    """The exit code of the process if it was interrupted; otherwise None."""
    return 128 + _heard[0] if _heard else None


def _interrupt(number: int, _frame: FrameType | None) -> None:
    if _heard:  # a Ctrl-C comes from the terminal and from the launcher
        return
    _heard.append(number)
    # Code that waits for Java may wait long, and a library may catch this exception. A kill leaves the lake sound.
    timer = threading.Timer(SECONDS_TO_CLEAN_UP, os._exit, [128 + number])
    timer.daemon = True
    timer.start()
    raise KeyboardInterrupt
