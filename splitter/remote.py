"""A part that a separate process writes: parsing needs one core, writing another.

The child depends on its pipe: if the parent ends for any reason, the child reads the end of the pipe,
lets go of its part and ends too.
"""

from __future__ import annotations

import multiprocessing
import signal
from typing import TYPE_CHECKING, cast

from splitter.errors import SplitterError, write_failed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection

    from splitter.parts import Part, PartPlan, PartSummary

_JOIN_SECONDS = 10


class RemotePart:
    """Represents in the parent a part that lives in a child."""

    def __init__(self, plan: PartPlan) -> None:
        # A fresh interpreter: a forked one would inherit the output's lock and the caller's threads.
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, plan), daemon=True)
        self._process.start()
        theirs.close()

    def wait_until_begun(self) -> None:
        """Wait for the child's first word."""
        self._answer()

    def write(self, numbers: Sequence[int], packed: bytes) -> None:
        """Hand rows over."""
        self._ask(("write", numbers, packed))

    def finish(self) -> PartSummary:
        """Write everything and get the sum."""
        self._ask(("finish",))
        return cast("PartSummary", self._answer())

    def commit(self) -> None:
        """Make it visible and let the child end."""
        self._ask(("commit",))
        self._answer()
        self._end()

    def abort(self) -> None:
        """Let the child end without a commit."""
        self._end()

    def _end(self) -> None:
        self._pipe.close()
        self._process.join(_JOIN_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _ask(self, message: tuple[object, ...]) -> None:
        try:
            self._pipe.send(message)
        except OSError:
            self._answer()
            raise _lost() from None

    def _answer(self) -> object:
        try:
            answer = self._pipe.recv()
        except (EOFError, OSError):
            raise _lost() from None
        if isinstance(answer, SplitterError):
            raise answer
        return cast("object", answer)


def _lost() -> SplitterError:
    message = "A process that writes one of the parts ended unexpectedly."
    return SplitterError(message, "Nothing was published. Check whether the machine is out of memory, and run again.")


def _serve(pipe: Connection, plan: PartPlan) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _obey(pipe, plan)
    except SplitterError as error:
        pipe.send(error)
    except EOFError:
        pass
    except OSError as error:
        pipe.send(write_failed("A part", error))


def _obey(pipe: Connection, plan: PartPlan) -> None:
    part = plan.begin()
    try:
        pipe.send(None)
        while _step(pipe, part):
            pass
    finally:
        part.abort()


def _step(pipe: Connection, part: Part) -> bool:
    message = pipe.recv()
    if message[0] == "write":
        part.write(*message[1:])
    elif message[0] == "finish":
        pipe.send(part.finish())
    else:
        part.commit()
        pipe.send(None)
    return bool(message[0] != "commit")
