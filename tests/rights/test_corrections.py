"""A file of corrections is read strictly, and its faults are reported without its values."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from lib.contracts import model
from lib.errors import InputRefused, UsageError
from lib.rights import corrections

CATALOG = model.load(Path(__file__).resolve().parents[2] / "lakehouse")
BRONZE = CATALOG["bronze/sales_events"]


def read(text: str, monkeypatch: pytest.MonkeyPatch) -> tuple[corrections.Correction, ...]:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    return corrections.read("-", CATALOG, [BRONZE]).corrections


def test_a_line_corrects_some_columns_of_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    text = '{"user_id": " u1 ", "age": 41, "sign_up_date": "2020-02-29"}\n\n{"user_id": "u2", "segment": null}\n'
    assert read(text, monkeypatch) == (
        ("u1", "age", "41"), ("u1", "sign_up_date", "2020-02-29"), ("u2", "segment", None),
    )  # fmt: skip


def test_ids_and_values_come_in_the_normal_form_of_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    text = '\ufeff{"user_id": "41\u200b", "gender": "Jose\u0301\u2028x"}\r\n{"user_id": 9007199254740993, "age": 41}\r'
    assert read(text, monkeypatch) == (("41", "gender", "Jos\u00e9\u2028x"), ("9007199254740993", "age", "41"))


def test_what_is_stated_twice_is_one_correction(monkeypatch: pytest.MonkeyPatch) -> None:
    text = '{"user_id": "u1", "age": 41}\n{"user_id": "u1\u200e", "age": "041"}\n'
    assert read(text, monkeypatch) == (("u1", "age", "41"),)


@pytest.mark.parametrize("second", ['"age": 42', '"age": null'])
def test_lines_that_contradict_each_other_are_refused(second: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = '{"user_id": "u1", "age": 41}\n{"user_id": "u2", "age": 42}\n{"user_id": " u1 ", ' + second + "}\n"
    with pytest.raises(UsageError, match="Lines 1 and 3 state two values of 'age' for one person"):
        read(text, monkeypatch)


def test_a_spoilt_id_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for stated in ("6.93217E+12", '"6.93217E+12"'):
        with pytest.raises(InputRefused, match="spoilt the id of line 1"):
            read('{"user_id": ' + stated + ', "age": 41}', monkeypatch)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"user_id": "u1", "contry": "Hidden"}', "Line 1: 'contry' cannot be corrected. Did you mean 'country'?"),
        ('{"user_id": "u1", "unit_price": "1"}', "Line 1: 'unit_price' cannot be corrected."),
        ('{"user_id": "u1", "email": "Hidden"}', "Line 1: 'email' cannot be corrected."),
        ('{"user_id": "u1", "age": "Hidden"}', "Line 1: 'age' is not a valid integer."),
        ('{"user_id": "u1", "age": true}', "Line 1: 'age' is not a valid integer."),
        ('{"user_id": "u1", "sign_up_date": "29.02.2020"}', "Line 1: 'sign_up_date' is not a valid date."),
        ('{"user_id": "u1", "gender": " "}', "Line 1: 'gender' is not a valid string."),
        ('{"user_id": "u1", "gender": ["Hidden"]}', "Line 1: 'gender' is not a valid string."),
        ('{"user_id": "u1", "age": NaN}', "Line 1: 'age' is not a valid integer."),
        ('{"user_id": "u1", "gender": "Hidden", "gender": "x"}', "Line 1 states a column twice."),
        ('{"age": 41}', "Line 1 names no person. State 'user_id'."),
        ('{"user_id": true, "age": 41}', "Line 1 names no person. State 'user_id'."),
        ("Hidden", "Line 1 is not a JSON object."),
        ('["Hidden"]', "Line 1 is not a JSON object."),
        ("", "The file holds no correction."),
        ('{"user_id": "u1"}', "The file holds no correction."),
    ],
)
def test_what_cannot_be_meant_is_refused(line: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError) as caught:
        read(line, monkeypatch)
    assert str(caught.value).startswith(said)
    assert "Hidden" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        corrections.read(str(tmp_path / "missing"), CATALOG, [BRONZE])


def test_every_column_that_can_be_corrected_is_one_of_bronze() -> None:
    (listed,) = (column.values for column in CATALOG["rights/corrections"].stored if column.name == "attribute")
    stored = {column.name for column in BRONZE.stored}
    assert set(listed) <= stored
    assert set(listed).isdisjoint({BRONZE.subject, "unit_price", "quantity", "purchase_date"})
