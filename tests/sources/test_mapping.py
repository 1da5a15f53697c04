from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from lib.contracts.model import Table
from lib.errors import UsageError
from lib.sources.mapping import Layout, Origin, Source, load_source

HERE = Path(__file__).parent
Load = Callable[[str], Source]
GOOD = "format: csv\ncurrency: EUR\ncolumns: {user_id: Id}\n"


def test_the_ecommerce_mapping_states_nineteen_columns_and_drops_what_no_contract_wants(bronze: Table) -> None:
    source = load_source(HERE.parents[1] / "conf/sources", "ecommerce", bronze)
    assert len(source.columns) == 19
    assert source.columns["product_name"] == Origin("column", "Product Name")
    assert not {"Name", "City", "CreditCard", "FullAddress", "UserLocation", "Comment"} & set(source.source_columns)
    assert source.declares == {"currency": "USD", "negative_quantity": "error", "duplicates": "drop"}


def test_another_shape_is_another_file(bronze: Table) -> None:
    source = load_source(HERE / "conf", "flea_market", bronze)
    assert source.layout == Layout(delimiter=";", encoding="cp1252")
    assert source.columns["channel"] == Origin("constant", "Flea market")
    assert source.declares == {"currency": "EUR", "negative_quantity": "return", "duplicates": "keep"}
    assert source.extract_date is not None
    assert source.extract_date.read("flea_20240131.csv") == date(2024, 1, 31)
    assert source.extract_date.read("flea_20240231.csv") is None
    assert source.extract_date.read("other.csv") is None


def test_a_declaration_left_out_takes_the_first_value(mapping: Load) -> None:
    assert mapping(GOOD).declares == {"currency": "EUR", "negative_quantity": "error", "duplicates": "drop"}


def test_a_mapped_column_that_never_enters_is_not_read(mapping: Load) -> None:
    source = mapping("format: csv\ncurrency: EUR\ncolumns: {user_id: Id, comment: Remark}\n")
    assert source.source_columns == ("Id",)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("delimeter: ';'", "'delimeter' is not a key of a mapping (Did you mean 'delimiter'?)"),
        ("format: xml", "'format' must be one of csv, jsonl, json, table"),
        ("currency: Euro", "'currency' must be an ISO 4217 code such as EUR"),
        ("delimiter: ', '", "'delimiter' must be one ASCII character in quotes"),
        ("quote: ','", "'delimiter' and 'quote' must differ"),
        ("encoding: utf-16", "'encoding' must be utf-8 or a single-byte superset of ASCII"),
        ("encoding: nonsense", "'encoding' must be utf-8"),
        ("encoding: shift_jis", "'encoding' must be utf-8"),
        ("header: false", "'names' must list the columns"),
        ("names: [a, b]", "'names' belongs to files without header"),
        ("multiline: 'yes'", "'multiline' must be true or false"),
        ("date_formats: yyyy-MM-dd", "'date_formats' must be a list"),
        ("date_formats: [yyyy-QQ]", "'date_formats' must be a list of patterns with year, month and day"),
        ("decimal_separator: ';'", "'decimal_separator' must be '.' or ','"),
        ("thousands_separator: '.'", "'thousands_separator' and 'decimal_separator' must differ"),
        ("columns: {}", "'columns.user_id' is missing: it identifies the data subject"),
        ("columns: {user_id: Id, contry: Land}", "is not a column of bronze/sales_events (Did you mean 'country'?)"),
        ("columns: {user_id: Id, _row: Nr}", "'columns._row' is not a column"),
        ("columns: {user_id: Id, age: [1]}", "'columns.age' must be a source column, {expression: SQL}"),
        ("declares: []", "'declares' must map declarations to values"),
        ("bronze: [sales_events]", "'bronze' must name a bronze table"),
        ("declares: {negative_quantity: refund}", "'declares.negative_quantity' must be one of error, return"),
        ("declares: {negativ_quantity: error}", "(Did you mean 'negative_quantity'?)"),
        ("extract_date: {pattern: 'x(\\d+)'}", "must have a pattern with the group (?P<date>...)"),
        ("extract_date: {pattern: '(?P<date>'}", "has a pattern that is not a regular expression"),
        ("extract_date: {pattern: '(?P<date>.*)', format: HH}", "must have a format of yyyy, MM and dd"),
    ],
)
def test_what_is_wrong_is_named_with_its_key_and_a_remedy(mapping: Load, change: str, said: str) -> None:
    key = change.partition(":")[0]
    kept = [line for line in GOOD.splitlines() if not line.startswith(f"{key}:")]
    with pytest.raises(UsageError) as refused:
        mapping("\n".join([*kept, change]))
    assert said in str(refused.value)
    assert "mapping.yaml" in str(refused.value)


def test_everything_that_is_wrong_is_said_at_once(mapping: Load) -> None:
    with pytest.raises(UsageError) as refused:
        mapping("format: xml\ncolumns: {age: Age}\ncolour: red\n")
    for key in ("'format'", "'currency'", "'columns.user_id'", "'colour'"):
        assert key in str(refused.value)


def test_an_unknown_mapping_brings_the_nearest(bronze: Table) -> None:
    with pytest.raises(UsageError, match="Did you mean 'flea_market'"):
        load_source(HERE / "conf", "fleamarket", bronze)


@pytest.mark.parametrize("text", ["", "- a", "a: [", "just text"])
def test_what_is_no_mapping_at_all_is_refused(mapping: Load, text: str) -> None:
    with pytest.raises(UsageError):
        mapping(text)
