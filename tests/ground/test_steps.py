"""The output of a run while it works."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pyspark.sql import SparkSession

from lib.progress import Steps


class Stream(io.StringIO):
    """Remembers the pieces as they were written."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []

    def write(self, text: str) -> int:
        self.pieces.append(text)
        return super().write(text)


def test_a_line_comes_at_once_so_that_steps_side_by_side_do_not_share_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_tag: str) -> None:
        pass

    stream = Stream()
    monkeypatch.setattr(sys, "stderr", stream)
    tracker = SimpleNamespace(getJobIdsForTag=lambda _tag: [7, 8])
    java = SimpleNamespace(sc=lambda: SimpleNamespace(statusTracker=lambda: tracker))
    context: Any = SimpleNamespace(addJobTag=nothing, removeJobTag=nothing, _jsc=java)
    with Steps(cast("SparkSession", SimpleNamespace(sparkContext=context)), verbose=True).step("one"):
        pass
    first, second = [piece for piece in stream.pieces if piece]
    assert first == "one ...\n"
    assert second.startswith("one: ")
    assert second.endswith(" s, 2 Spark jobs\n")
