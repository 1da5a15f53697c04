"""What may be printed of an unexpected error. Its message may quote rows, so only classes and places are printed.

Spark's messages hold the value of a failed cast, those of a database the refused row, those of Python anything that
the code put there. None of that belongs on a terminal or into a log. A condition like CAST_INVALID_INPUT is a fixed
word of Spark.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from py4j.java_gateway import is_instance_of
from py4j.protocol import Py4JError, Py4JJavaError
from pyspark import SparkContext

THROWABLE = "org.apache.spark.SparkThrowable"
FRAMES = 12  # per cause, beginning at the place where it was thrown


def kind(error: BaseException) -> str:
    """The class of the error, or of its first cause in Java, and the first condition of Spark among the causes."""
    told = [(_name(thrown), _condition(thrown)) for thrown in _thrown(error)]
    conditions = [f"{name}, {condition}" for name, condition in told if condition]
    return conditions[-1] if conditions else told[-1][0] if told else type(error).__name__


def trace(error: BaseException) -> list[str]:
    """The places that an error and its causes passed through, in the order of Python and of Java."""
    lines = []
    for seen in chain(error):
        lines.append(f"{type(seen).__name__}:")
        lines += [
            f"  {Path(frame.filename).name}:{frame.lineno} in {frame.name}"
            for frame in traceback.extract_tb(seen.__traceback__)
        ]
        for thrown in _thrown(seen):
            condition = _condition(thrown)
            lines.append(f"Java: {_name(thrown)}{f', {condition}' if condition else ''}:")
            lines += [f"  at {frame.toString()}" for frame in list(thrown.getStackTrace())[:FRAMES]]
    return lines


def chain(error: BaseException) -> Iterator[BaseException]:
    """An error, and the errors for which or during which it was raised."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def texts(error: BaseException) -> list[str]:
    """The classes and messages of an error and its causes. Only to search for fixed words: messages may quote rows."""
    found = []
    for each in chain(error):
        found.append(f"{type(each).__name__}: {each}")
        found += [str(thrown.toString()) for thrown in _thrown(each)]
    return found


def java_answers() -> bool:
    """Whether the JVM of this process still works."""
    gateway: Any = SparkContext._gateway  # noqa: SLF001 - PySpark has no public way to ask
    try:
        return gateway is None or bool(gateway.jvm.java.lang.System.nanoTime())
    except (Py4JError, OSError):
        return False


def _thrown(error: BaseException) -> Iterator[Any]:
    """The Java exceptions that led to an error, each after the one that it caused; none if Java has ended."""
    thrown = error.java_exception if isinstance(error, Py4JJavaError) else getattr(error, "_origin", None)
    try:
        while thrown is not None:
            yield thrown
            thrown = thrown.getCause()
    except (Py4JError, OSError):
        return


def _name(thrown: Any) -> str:
    return str(thrown.getClass().getSimpleName())


def _condition(thrown: Any) -> str | None:
    gateway: Any = SparkContext._gateway  # noqa: SLF001 - PySpark has no public way to ask for a Java class
    condition = thrown.getCondition() if is_instance_of(gateway, thrown, THROWABLE) else None
    return str(condition) if condition else None
