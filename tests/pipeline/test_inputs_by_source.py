"""On the command line an input belongs to the last mapping named before it."""

from __future__ import annotations

import sys
from unittest import mock

import pytest

from jobs import pipeline
from lib.errors import UsageError


def given(*words: str) -> dict[str, list[str]]:
    with mock.patch.object(sys, "argv", ["pipeline", *words]):
        return pipeline.by_source(pipeline.arguments().given)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", {}),
        ("--input a", {"ecommerce": ["a"]}),
        ("--input a --input b --source till", {"till": ["a", "b"]}),
        ("--source till --input a --source web --input b --input c --source till --input d",
         {"till": ["a", "d"], "web": ["b", "c"]}),
        ("--input a --source till --input b --source web --input c", {"till": ["a", "b"], "web": ["c"]}),
    ],
)  # fmt: skip
def test_inputs_by_source(words: str, expected: dict[str, list[str]]) -> None:
    assert given(*words.split()) == expected


@pytest.mark.parametrize("words", ["--source till", "--source till --input a --source web"])
def test_a_source_without_inputs_is_refused(words: str) -> None:
    with pytest.raises(UsageError, match=r"Source '(till|web)' was named, but no input"):
        given(*words.split())
