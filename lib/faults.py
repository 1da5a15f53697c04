"""What may be said of an error that nobody expected. Its message may quote rows, so classes and places are all.

Spark's messages hold the value that a cast failed on, a database's the row that it refused, Python's whatever the code
put there. None of that belongs on a terminal or into a log. A condition such as CAST_INVALID_INPUT is a fixed word of
Spark's.
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
FRAMES = 12  # of each cause, from where it was thrown


def kind(error: BaseException) -> str:
    """The class of the error, or of its first cause in Java, and Spark's condition of the first that has one."""
    told = [(_name(thrown), _condition(thrown)) for thrown in _thrown(error)]
    conditions = [f"{name}, {condition}" for name, condition in told if condition]
    return conditions[-1] if conditions else told[-1][0] if told else type(error).__name__


def trace(error: BaseException) -> list[str]:
    """The places that an error and its causes came through, in the order of Python and of Java."""
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
    """An error and what it was raised for, or while."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def texts(error: BaseException) -> list[str]:
    """What an error and its causes say, by class and message. To search for fixed words only: it may quote rows."""
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
    """The Java exceptions behind an error, each after the one that it caused; none if Java has ended."""
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
