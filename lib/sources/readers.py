"""From batches to bronze rows, and from these to typed rows: only native expressions, one plan for all files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import reduce
from itertools import groupby
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from lib import faults
from lib.contracts.model import Table
from lib.delta.tables import BATCH
from lib.errors import InputRefused, UsageError, nearest
from lib.local_frames import frame_of
from lib.normal_form import names_somebody, seen_of, spoilt, trimmed
from lib.sources import databases
from lib.sources.cards import masked_names, masked_or_null
from lib.sources.casting import TYPES, typed_value
from lib.sources.inputs import Batch
from lib.sources.mapping import Origin, Source, business_columns
from lib.sources.record_parsing import PLACE, csv_records, json_records, multiline_records
from lib.sources.row_positions import Placed, array_elements, placed_lines
from lib.sql import quoted

JSON = ("json", "jsonl")
SPOILT = "_spoilt_subject"


def read(spark: SparkSession, source: Source, batches: Sequence[Batch], ingested_at: datetime) -> DataFrame:
    """The rows of the batches as bronze stores them: all columns of the contract, in its order.

    Business columns are the original text (card numbers masked). In a malformed row they are NULL, and
    `_corrupt_record` states the fault in its structure.
    """
    ingested = _ingested(batches, ingested_at)
    frames = [_bronze(frame, source, ingested) for frame in _mapped_frames(spark, source, batches)]
    if not frames:
        return frame_of(spark, [], source.table.schema)
    return reduce(DataFrame.unionAll, frames)


def _mapped_frames(spark: SparkSession, source: Source, batches: Sequence[Batch]) -> Iterator[DataFrame]:
    placed = [Placed(part, batch.id, batch.extract_date) for batch in batches for part in batch.parts]
    for _, group in groupby(sorted(placed, key=_alike), key=_alike):
        parts = list(group)
        header = _header(parts, source)
        yield _mapped(_records(spark, parts, header), source, header)


def _alike(placed: Placed) -> str:
    """One scan reads all parts with the same value of this."""
    part = placed.part
    # A scan knows a file by its path: two scans read a file that an input and a manifest both name.
    is_of_manifest = part.rows is not None
    return repr({
        "csv": (part.layout, part.header, is_of_manifest),
        "table": part.location,
    }.get(part.format, (part.format, is_of_manifest)))  # fmt: skip


def _header(parts: Sequence[Placed], source: Source) -> tuple[str, ...]:
    """The columns of parts read by one scan; of names that Spark cannot distinguish, only the mapped one."""
    names = dict.fromkeys(name for placed in parts for name in placed.part.header)
    if parts[0].part.format not in JSON:
        return parts[0].part.header
    folded = [name.casefold() for name in names]
    return tuple(n for n in names if folded.count(n.casefold()) == 1 or n in source.source_columns)


def _records(spark: SparkSession, parts: Sequence[Placed], header: Sequence[str]) -> DataFrame:
    part = parts[0].part
    if part.format == "table":
        return databases.table_records(spark, databases.parse(part.location), parts[0])
    if part.format == "json":
        return json_records(array_elements(spark, parts), header, F.col("broken"))
    if part.format == "jsonl":
        return json_records(placed_lines(spark, parts, header=False), header, ~F.is_valid_utf8("value"))
    if part.layout.multiline:
        return multiline_records(spark, parts, part.layout)
    return csv_records(placed_lines(spark, parts, header=part.layout.header), part.layout, header)


def _mapped(records: DataFrame, source: Source, header: Sequence[str]) -> DataFrame:
    """The columns of the source under their bronze names."""
    told = _told_apart(header, source)
    fields = [F.col(f"record.c{at}").alias(name) for at, name in enumerate(header) if name in told]
    flat = records.select(*PLACE, "_corrupt_record", *fields)
    try:
        return flat.select(*PLACE, "_corrupt_record", *_values(source))
    except AnalysisException as error:
        raise _unfit(flat, source, told) or error from None


def _told_apart(header: Sequence[str], source: Source) -> list[str]:
    """The columns that Spark can distinguish, or whose meaning the mapping decides."""
    folded = [name.casefold() for name in header]
    return [name for name in header if name in source.source_columns or folded.count(name.casefold()) == 1]


def _values(source: Source) -> list[Column]:
    return [_value(origin).alias(name) for name, origin in source.columns.items()]


def _unfit(flat: DataFrame, source: Source, header: Sequence[str]) -> UsageError | None:
    """The error that names the mapped column whose name or SQL does not fit the input."""
    for name, origin in source.columns.items():
        error = _misfit(flat, origin)
        if error is not None:
            unknown = (error.getMessageParameters() or {}).get("objectName", "").strip("`")
            what = f", {unknown}" if unknown and unknown in origin.value else ""
            near = nearest(unknown, header) if what else ""
            return UsageError(
                f"Source mapping '{source.name}': 'columns.{name}' does not fit the input: "
                f"{error.getCondition()}{what}.",
                near if near.startswith("Did you mean") else "Check the names and the SQL.",
            )
    return None


def _misfit(flat: DataFrame, origin: Origin) -> AnalysisException | None:
    try:
        flat.select(_value(origin))
    except AnalysisException as error:
        return error
    return None


def dropped_columns(spark: SparkSession, header: Sequence[str], source: Source) -> tuple[str, ...]:
    """The columns of the source that do not enter the lake, not even through an expression: no code reads them.

    Spark lists the columns that an expression reads, for any quotes, case or star in it.
    """
    told = _told_apart(header, source)
    nothing = F.lit(None).cast("string")
    flat = spark.range(0).select(*(nothing.alias(name) for name in (*PLACE, "_corrupt_record", *told)))
    given: Any = flat._jdf
    mapped: Any = flat.select(*_values(source))._jdf
    numbers = _numbers(given.queryExecution().analyzed().output())
    read: set[int] = set()
    plans = [mapped.queryExecution().analyzed()]
    while plans:
        plan = plans.pop()
        read.update(_numbers(plan.references().toSeq()))
        plans += [plan.children().apply(at) for at in range(plan.children().size())]
    entering = {
        name for name, number in zip((*PLACE, "_corrupt_record", *told), numbers, strict=True) if number in read
    }
    return masked_names(spark, [name for name in header if name not in entering])


def _numbers(attributes: Any) -> list[int]:
    """Spark's numbers of a plan's columns; no two are equal."""
    return [int(attributes.apply(at).exprId().id()) for at in range(attributes.size())]


def require_readable(spark: SparkSession, source: Source, batches: Sequence[Batch]) -> None:
    """Find out why rows could not be loaded. Raises `InputRefused`, which names the cause and repeats no value.

    Each expression of the mapping is computed alone; Spark's own message would quote the failing row.
    """
    for frame in _mapped_frames(spark, source, batches):
        problem = _failure(frame, "_corrupt_record")
        if problem:
            raise InputRefused(
                f"An input of source mapping '{source.name}' cannot be read to its end ({problem}).",
                "Check that the files are complete, and that the database still answers.",
            )
        for name, origin in source.columns.items():
            if origin.kind == "expression" and (problem := _failure(frame, name)):
                raise InputRefused(
                    f"Source mapping '{source.name}': the expression of 'columns.{name}' fails on a row ({problem}).",
                    "Correct it; try_cast, try_to_date and try_divide return NULL where others fail.",
                )


def _failure(frame: DataFrame, column: str) -> str | None:
    """The class or condition of Spark that explains why the column cannot be computed; None if it can."""
    try:
        frame.agg(F.max(F.octet_length(F.col(column)))).collect()
    except (PySparkException, Py4JJavaError) as error:
        return faults.kind(error)
    return None


def _value(origin: Origin) -> Column:
    if origin.kind == "column":
        return F.col(quoted(origin.value))
    value = F.expr(origin.value).cast("string") if origin.kind == "expression" else F.lit(origin.value)
    return F.when(F.col("_corrupt_record").isNull(), value)


def _ingested(batches: Sequence[Batch], now: datetime) -> Column:
    """The load time of a row's batch: `now`, unless a lost batch comes again."""
    known = {batch.id: batch.loaded_at for batch in batches if batch.loaded_at}
    if not known:
        return F.lit(now)
    entries = [F.lit(word) for entry in known.items() for word in entry]
    return F.coalesce(F.create_map(*entries)[F.col(BATCH)], F.lit(now))


def _bronze(frame: DataFrame, source: Source, ingested: Column) -> DataFrame:
    names = list(source.columns)
    searched = frame.select("*", masked_or_null(names).alias("masked"))
    ready = {
        "_source": F.lit(source.name),
        "_ingested_at": ingested,
        **{name: F.col(name) for name in (*PLACE, "_corrupt_record")},
        **{name: F.expr(f"if(masked is null, {quoted(name)}, masked[{at}])") for at, name in enumerate(names)},
    }
    absent = F.lit(None).cast("string")
    return searched.select(*(ready.get(c.name, absent).alias(c.name) for c in source.table.stored))


def typed(frame: DataFrame, source: Source) -> DataFrame:
    """Bronze rows of one source, with their business columns trimmed and typed according to the contract.

    Unreadable values become NULL. Adds a column per declaration of the contract; `_mapped`: the names of the bronze
    columns that this source states; `_spoilt_subject`: whether a spreadsheet has spoilt the row's id.
    """
    bronze = source.table
    _check_types(bronze)
    business = business_columns(bronze)
    technical = [F.col(column.name) for column in bronze.stored if column not in business]
    texts = frame.select(*(_text(c.name, source).alias(c.name) for c in business), *technical, _spoilt(bronze.subject))
    values = [typed_value(F.col(c.name), c.logical_type, source).alias(c.name) for c in business]
    declared = [F.lit(value).alias(name) for name, value in source.declares.items()]
    stated = F.array(*(F.lit(name) for name in source.columns)).alias("_mapped")
    return texts.select(*values, *technical, *declared, stated, SPOILT)


def _spoilt(subject: str | None) -> Column:
    """Whether the row's id is a rounded number. All rounded numbers have a letter that hardly any other id has."""
    if subject is None:
        return F.expr("false").alias(SPOILT)
    name = F.col(subject)
    return F.coalesce(name.rlike("[Ee]") & spoilt(seen_of(name)), F.expr("false")).alias(SPOILT)


def _text(name: str, source: Source) -> Column:
    if name not in source.columns:
        return F.lit(None).cast("string")
    text = trimmed(F.col(name))
    # A card number or a rounded number in place of an id identifies nobody, and must not become a pseudonym.
    return F.when(names_somebody(text), text) if name == source.subject else text


def _check_types(bronze: Table) -> None:
    for column in business_columns(bronze):
        if column.logical_type not in TYPES:
            raise UsageError(
                f"{bronze.path}: column '{column.name}' has type '{column.logical_type}', which no source can state.",
                f"Known: {', '.join(TYPES)}.",
            )
