"""An input that does not fit its mapping is refused before any row is read, without a value of a row in the message."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timezone
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lib.contracts.model import Table
from lib.errors import InputRefused, LakehouseError, UsageError
from lib.sources import inputs, readers
from lib.sources.mapping import Source, load_source

pytestmark = pytest.mark.spark
Load = Callable[[str], Source]
MAPPING = "format: csv\ncurrency: EUR\ncolumns: {user_id: Customer, country: Country}\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf \n\n", "is empty"),
        ("Customer,Country\n1,Chad\n".encode("utf-16"), "is UTF-16, but is to be read as utf-8"),
        (b"Customer,Land\n1,Chad\n", "'Country' is missing. Known: Customer, Land."),
        (b"Customer,Countri\n1,Chad\n", "'Country' is missing. Did you mean 'Countri'?"),
        (b"Hidden,Chad\n2,Togo\n", "has none of the columns that mapping 'mapping' reads: Customer, Country"),
        (b"Customer;Country\n2;Togo\n", "has none of the columns"),
        (b"Customer,Country,Customer\n1,Chad,2\n", "has two columns named 'Customer'"),
        (b"x" * 70_000, "has no line end"),
    ],
)
def test_csv(spark: SparkSession, mapping: Load, tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "in.csv").write_bytes(content)
    with pytest.raises(InputRefused) as refused:
        inputs.resolve(spark, [str(tmp_path / "in.csv")], mapping(MAPPING))
    assert said in str(refused.value)
    assert "in.csv" in str(refused.value)
    assert not {"Hidden", "Togo", "Chad"} & set(re.findall(r"\w+", str(refused.value).split("in.csv")[1]))


@pytest.mark.parametrize(
    "case",
    [
        ("jsonl", b"Customer,Country\n", "does not begin with a JSON object"),
        ("jsonl", b'{"Kunde": "1"}', "none of the columns that mapping 'mapping' reads: Customer"),
        ("json", b'{"Customer": "1"}', "is not a JSON array"),
        ("json", b"[1, 2]", "does not begin with a JSON object"),
        ("table", b"x", "reads tables"),
    ],
)
def test_other_formats(spark: SparkSession, mapping: Load, tmp_path: Path, case: tuple[str, bytes, str]) -> None:
    format_, content, said = case
    (tmp_path / "in").write_bytes(content)
    with pytest.raises(LakehouseError) as refused:
        inputs.resolve(spark, [str(tmp_path / "in")], mapping(MAPPING.replace("csv", format_)))
    assert said in str(refused.value)


@pytest.mark.parametrize("location", ["none.csv", "none*.csv", "none/"])
def test_what_is_not_there(spark: SparkSession, mapping: Load, tmp_path: Path, location: str) -> None:
    with pytest.raises(InputRefused, match="There is no file"):
        inputs.resolve(spark, [f"{tmp_path}/{location}"], mapping(MAPPING))


def test_a_name_that_spark_would_pass_over_in_silence(spark: SparkSession, mapping: Load, tmp_path: Path) -> None:
    (tmp_path / "_in.csv").write_text("Customer,Country\n", encoding="utf-8")
    with pytest.raises(InputRefused, match="Rename the file"):
        inputs.resolve(spark, [str(tmp_path / "_in.csv")], mapping(MAPPING))


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("sqlite:///none.db?table=t", "There is no SQLite file"),
        ("sqlite:///none.db", "names no database and table"),
        ("postgresql://me:hidden@localhost/shop?table=t", "must not hold a password"),
    ],
)
def test_addresses_of_databases(spark: SparkSession, mapping: Load, address: str, said: str) -> None:
    with pytest.raises(LakehouseError) as refused:
        inputs.resolve(spark, [address], mapping(MAPPING))
    assert said in str(refused.value)
    assert "hidden" not in str(refused.value)


def test_an_expression_that_does_not_fit(spark: SparkSession, mapping: Load, tmp_path: Path, bronze: Table) -> None:
    (tmp_path / "in.csv").write_text("Customer,Country\n1,Chad\n", encoding="utf-8")
    source = mapping(MAPPING.replace("country: Country", "country: {expression: upper(Land)}"))
    batches = inputs.resolve(spark, [str(tmp_path / "in.csv")], source)
    with pytest.raises(UsageError) as refused:
        readers.read(spark, source, batches, datetime.now(timezone.utc))
    assert "'columns.country' does not fit the input: UNRESOLVED_COLUMN.WITH_SUGGESTION, Land." in str(refused.value)


def test_a_batch_is_its_content(spark: SparkSession, mapping: Load, tmp_path: Path) -> None:
    for name, content in {"a.csv": "1,Chad", "b.csv": "1,Chad", "c.csv": "2,Togo"}.items():
        (tmp_path / name).write_text(f"Customer,Country\n{content}\n", encoding="utf-8")
    batches = inputs.resolve(spark, [str(tmp_path / "c.csv"), f"{tmp_path}/*.csv"], mapping(MAPPING))
    assert [batch.name for batch in batches] == ["c.csv", "a.csv"]
    # printf 'Customer,Country\n1,Chad\n' | sha256sum
    assert batches[1].id == "2394f9acbeddaa26492e638a9127f08b"


def test_the_extract_date_is_that_of_the_call_else_that_of_the_name(
    spark: SparkSession, tmp_path: Path, bronze: Table
) -> None:
    source = load_source(Path(__file__).parent / "conf", "flea_market", bronze)
    file = tmp_path / "flea_20240131.csv"
    file.write_text("Kunde;Land;Artikel;Gruppe;Preis;Menge;Datum;Straße\n", encoding="cp1252")
    batch = inputs.resolve(spark, [str(file)], source)[0]
    assert batch.extract_date == date(2024, 1, 31)
    assert inputs.resolve(spark, [str(file)], source, date(2024, 2, 1))[0].extract_date == date(2024, 2, 1)
    assert readers.dropped_columns(spark, batch.header, source) == ("Straße",)


@pytest.mark.parametrize(
    ("columns", "dropped"),
    [
        ("user_id: Kunde, country: {expression: 'upper(`Civilité`)'}", ("Kunde.Name", "Ort", "ort")),
        ("user_id: {expression: \"concat('a-', kunde)\"}, country: Civilité", ("Kunde.Name", "Ort", "ort")),
        ("user_id: Kunde, country: {expression: 'coalesce(`kunde.NAME`, `civilité`)'}", ("Ort", "ort")),
        ("user_id: Kunde, country: {expression: \"'Ort and Civilité'\"}", ("Civilité", "Kunde.Name", "Ort", "ort")),
        ("user_id: Kunde, country: Ort", ("Civilité", "Kunde.Name", "ort")),
        ("user_id: Kunde, country: {expression: 'to_json(struct(*))'}", ("Ort", "ort")),
        ("user_id: Kunde, country: {expression: 'first(`Civilité`) over (order by `Kunde.Name`)'}", ("Ort", "ort")),
        ("user_id: Kunde, country: {constant: Civilité}, comment: Ort", ("Civilité", "Kunde.Name", "Ort", "ort")),
    ],
)
def test_dropped_are_the_columns_that_enter_in_no_way(
    spark: SparkSession, mapping: Load, columns: str, dropped: tuple[str, ...]
) -> None:
    source = mapping(f"format: csv\ncurrency: EUR\ncolumns: {{{columns}}}\n")
    header = ("Kunde", "Civilité", "Kunde.Name", "Ort", "ort")
    assert readers.dropped_columns(spark, header, source) == dropped
