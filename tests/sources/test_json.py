from __future__ import annotations

from pathlib import Path

import pytest

from tests.sources.conftest import Read

pytestmark = pytest.mark.spark
MAPPING = "format: {}\ncurrency: EUR\ncolumns: {{user_id: Id, country: Land, category: Gruppe, unit_price: Preis}}\n"


def test_json_lines(read: Read, tmp_path: Path) -> None:
    lines = [
        b'{"Id": "1", "Land": "Chad", "Gruppe": "a\\u00e9", "Preis": 1.50, "x": "4111111111111111"}',
        b"",
        b'{"Id": 2, "Land": null, "Gruppe": {"b": [1, 2]}}',
        b'  {"Preis": true, "Id": "3", "Land": ""}',
        b"[1]",
        b'{"Id": "5"',
        b'{"Id": "6"} {"Id": "7"}',
        b'{"Id": "\xff"}',
        b'"text"',
        b'{"Id": 12345678901234567890123, "id": "other"}',
    ]
    file = tmp_path / "rows.jsonl"
    file.write_bytes(b"\n".join(lines))
    rows = read(MAPPING.format("jsonl"), file)
    found = [
        (r["_row"], r["user_id"], r["country"], r["category"], r["unit_price"], r["_corrupt_record"]) for r in rows
    ]
    assert found == [
        (1, "1", "Chad", "aé", "1.50", None),
        (2, "2", None, '{"b":[1,2]}', None, None),
        (3, "3", "", None, "true", None),
        (4, None, None, None, None, "not an object"),
        (5, None, None, None, None, "not JSON"),
        (6, None, None, None, None, "not JSON"),
        (7, None, None, None, None, "undecodable"),
        (8, None, None, None, None, "not an object"),
        (9, "12345678901234567890123", None, None, None, None),
    ]


def test_json_arrays(read: Read, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(
        b'[{"Id": "1", "Preis": 2}, 5, {"Id": "\xff"}, \n {"Id": "4", "Land": "a\\nb"}]\n'
    )
    (tmp_path / "b.json").write_bytes(b'[{"Id": "1", "Preis": 2}, {"Id": ')
    (tmp_path / "c.json").write_bytes(b"[]")
    rows = read(MAPPING.format("json"), tmp_path / "*.json")
    assert [
        (r["_file"], r["_row"], r["user_id"], r["unit_price"], r["country"], r["_corrupt_record"]) for r in rows
    ] == [
        ("a.json", 1, "1", "2", None, None),
        ("a.json", 2, None, None, None, "not an object"),
        ("a.json", 3, None, None, None, "undecodable"),
        ("a.json", 4, "4", None, "a\nb", None),
        ("b.json", 1, None, None, None, "not an object"),
    ]
