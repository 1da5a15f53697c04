"""Transformations: the SQL file or the one DataFrame function beside each contract."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from lib.contracts.model import Table
from lib.errors import InputRefused, UsageError
from lib.sql import bound, without_comments


def transform(spark: SparkSession, table: Table, parameters: Mapping[str, Any]) -> DataFrame:
    """The table's rows, computed from temporary views with the names of its inputs.

    SQL may use `parameters` and the contract's own as `:name`. A Python file has one function `transform`, which takes
    the inputs by name and returns a frame. It knows nothing of the engine. To refuse an input, it raises a `ValueError`
    of two texts: what is wrong, and what to do.

    Raises `InputRefused` in that case.
    """
    if table.transformation is None:
        raise UsageError(f"{table.path} has no transformation.", "Put a .sql or .py file of its name beside it.")
    if table.transformation.suffix == ".py":
        return _computed(_function(table.transformation), {name: spark.table(name) for name in table.inputs})
    text = without_comments(table.transformation.read_text(encoding="utf-8"))
    return spark.sql(bound(text, {**parameters, **table.parameters}, table.path))


def _computed(function: Callable[[Mapping[str, DataFrame]], DataFrame], inputs: Mapping[str, DataFrame]) -> DataFrame:
    try:
        return function(inputs)
    except ValueError as error:
        match error.args:
            case (str(what), str(remedy)):
                raise InputRefused(what, remedy) from None
        raise


def _function(file: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"transformation_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise UsageError(f"{file} cannot be loaded.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.transform
