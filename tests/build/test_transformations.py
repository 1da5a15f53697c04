"""What a transformation in Python may refuse, and how it does so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from unittest import mock

import pytest
from pyspark.sql import SparkSession

from lib.build import transformations
from lib.contracts.model import Table
from lib.errors import InputRefused


def computed(function: Callable[[object], object]) -> object:
    table = cast("Table", SimpleNamespace(path="silver/x", transformation=Path("x.py"), inputs=()))
    with mock.patch.object(transformations, "_function", return_value=function):
        return transformations.transform(cast("SparkSession", None), table, {})


def raising(*texts: str) -> Callable[[object], object]:
    def transform(_: object) -> object:
        raise ValueError(*texts)

    return transform


def test_an_error_of_two_texts_refuses_the_input() -> None:
    with pytest.raises(InputRefused) as refused:
        computed(raising("Too many names.", "Map another column."))
    assert str(refused.value) == "Too many names. Map another column."


def test_any_other_error_is_a_defect() -> None:
    with pytest.raises(ValueError, match="invalid literal") as defect:
        computed(raising("invalid literal"))
    assert type(defect.value) is ValueError


def test_what_it_gives_is_the_table() -> None:
    assert computed(lambda tables: tables) == {}
