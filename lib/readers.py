"""From batches to the rows of bronze, and from those to typed rows: native expressions only, one plan for all files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import reduce
from itertools import groupby

from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - Spark's own convention

from lib.cards import mask_card_numbers
from lib.contracts import Table
from lib.errors import UsageError
from lib.inputs import Batch
from lib.lines import Placed, placed_lines
from lib.literals import TYPES, trimmed, typed_value
from lib.records import PLACE, csv_records
from lib.sources import Origin, Source, business_columns


def read(
    spark: SparkSession, source: Source, batches: Sequence[Batch], bronze: Table, ingested_at: datetime
) -> DataFrame:
    """The rows of the batches as bronze stores them: all columns of the contract, in its order.

    Business columns are text as it came (card numbers masked); of a malformed row they are NULL, and
    `_corrupt_record` says what is wrong with its structure.
    """
    frames = [_bronze(frame, source, bronze, ingested_at) for frame in _mapped_frames(spark, source, batches)]
    if not frames:
        return spark.createDataFrame([], bronze.schema)
    return reduce(DataFrame.unionAll, frames)


def _mapped_frames(spark: SparkSession, source: Source, batches: Sequence[Batch]) -> Iterator[DataFrame]:
    placed = [Placed(part, batch.id, batch.extract_date) for batch in batches for part in batch.parts]
    placed.sort(key=lambda entry: (entry.part.format, entry.part.header))
    for (_, header), group in groupby(placed, key=lambda entry: (entry.part.format, entry.part.header)):
        lines = placed_lines(spark, list(group), header=source.header)
        yield _mapped(csv_records(lines, source, header), source, header)


def _mapped(records: DataFrame, source: Source, header: Sequence[str]) -> DataFrame:
    """The columns of the source under their bronze names."""
    folded = [name.casefold() for name in header]
    names = [name if folded.count(name.casefold()) == 1 else None for name in header]
    fields = [F.col(f"record.c{at}").alias(name) for at, name in enumerate(names) if name is not None]
    flat = records.select(*PLACE, "_corrupt_record", *fields)
    try:
        return flat.select(*PLACE, "_corrupt_record", *(_value(o).alias(n) for n, o in source.columns.items()))
    except AnalysisException as error:
        raise UsageError(
            f"An expression of source mapping '{source.name}' does not fit its columns: {error.getCondition()}.",
            "Check names and SQL under 'columns'.",
        ) from error


def _value(origin: Origin) -> Column:
    if origin.kind == "column":
        return F.col(_quoted(origin.value))
    value = F.expr(origin.value).cast("string") if origin.kind == "expression" else F.lit(origin.value)
    return F.when(F.col("_corrupt_record").isNull(), value)


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"


def _bronze(frame: DataFrame, source: Source, bronze: Table, ingested_at: datetime) -> DataFrame:
    ready = {
        "_source": F.lit(source.name),
        "_ingested_at": F.lit(ingested_at),
        **{name: F.col(name) for name in (*PLACE, "_corrupt_record")},
        **{name: mask_card_numbers(name) for name in source.columns},
    }
    absent = F.lit(None).cast("string")
    return frame.select(*(ready.get(c.name, absent).alias(c.name) for c in bronze.stored))


def typed(frame: DataFrame, source: Source, bronze: Table) -> DataFrame:
    """Bronze rows of one source with their business columns trimmed and typed as the contract says.

    What cannot be read is NULL. Adds a column per declaration of the contract, and `_mapped`: the names of the
    bronze columns that this source states.
    """
    _check_types(bronze)
    business = business_columns(bronze)
    technical = [F.col(column.name) for column in bronze.stored if column not in business]
    texts = frame.select(*(_text(c.name, source).alias(c.name) for c in business), *technical)
    values = [typed_value(F.col(c.name), c.logical_type, source).alias(c.name) for c in business]
    declared = [F.lit(value).alias(name) for name, value in source.declares.items()]
    stated = F.array(*(F.lit(name) for name in source.columns)).alias("_mapped")
    return texts.select(*values, *technical, *declared, stated)


def _text(name: str, source: Source) -> Column:
    if name not in source.columns:
        return F.lit(None).cast("string")
    text = trimmed(F.col(name))
    # A card number where an id is expected identifies nobody, and must not become a pseudonym.
    return F.when(~text.contains("*"), text) if name == source.subject else text


def _check_types(bronze: Table) -> None:
    for column in business_columns(bronze):
        if column.logical_type not in TYPES:
            raise UsageError(
                f"{bronze.path}: column '{column.name}' has type '{column.logical_type}', which no source can state.",
                f"Known: {', '.join(TYPES)}.",
            )
