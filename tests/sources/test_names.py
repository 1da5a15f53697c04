"""Files with names that Hadoop or Spark take for something else are read, or refused by name: none is skipped."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lib.errors import InputRefused
from lib.sources import inputs
from lib.sources.mapping import Source
from tests.sources.conftest import Read

pytestmark = pytest.mark.spark
MAPPING = "format: csv\ncurrency: EUR\ncolumns: {user_id: Nr, category: Text}\n"
COLON = ["a:b.csv", "C:b.csv", "a:", "file:a.csv"]
READ = [
    "a{b}.csv", "a{b,c}.csv", "a{b.csv", "a}b.csv", "a[1].csv", "a[1.csv", "a]1.csv", "a*b.csv", "a?b.csv", "a\\b.csv",
    "\\.csv", "a,b.csv", "a#b.csv", "a%b.csv", "a%20b.csv", "a+b.csv", "a b.csv", " a.csv", "a.csv ", "a\nb.csv",
    "a\rb.csv", "a\tb.csv", "a\x01b.csv", "a=b.csv", "a&b;c@d!e.csv", "${a}.csv", "~a.csv", "-a.csv", "a'b\"c`d.csv",
    "a^b|c<d>.csv", "é.csv", "e\u0301.csv", "\U0001f600.csv", "a\u00a0b\u2028c.csv",
]  # fmt: skip


def write(folder: Path, name: str) -> None:
    (folder / name).write_text("Nr,Text\n1,x\n2,y\n", encoding="utf-8")
    (folder / "good.csv").write_text("Nr,Text\n1,x\n2,y\n3,z\n", encoding="utf-8")


def test_all_other_names_are_read(read: Read, tmp_path: Path) -> None:
    exports = tmp_path / "exports"
    exports.mkdir()
    for name in READ:
        (exports / name).write_text(f"Nr,Text\n1,{name.encode().hex()}\n2,y\n", encoding="utf-8")
    expected = [(name, at) for name in sorted(READ) for at in (1, 2)]
    for locations in ([exports], [f"{exports}/*"], [exports / name for name in READ]):
        rows = read(MAPPING, *locations)
        assert [(row["_file"], row["_row"]) for row in rows] == expected
        assert [bytes.fromhex(row["category"]).decode() for row in rows if row["_row"] == 1] == sorted(READ)


def test_a_folder_may_have_any_name(read: Read, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in [*READ, *COLON, "_folder", ".folder", "x._COPYING_"]]
    for at, folder in enumerate(folders):
        folder.mkdir()
        (folder / f"{at:02}.csv").write_text(f"Nr,Text\n1,{at}\n2,y\n", encoding="utf-8")
    expected = [(f"{at:02}.csv", row) for at in range(len(folders)) for row in (1, 2)]
    for locations in (folders, [f"{tmp_path}/*/*.csv"]):
        assert [(row["_file"], row["_row"]) for row in read(MAPPING, *locations)] == expected


@pytest.mark.parametrize("pattern", ["{name}", "*", ""])
@pytest.mark.parametrize(
    "case",
    [(name, "Hadoop cannot open files with a ':' in their names.") for name in COLON]
    + [("a.csv._COPYING_", "Spark ignores names ending with '._COPYING_'.")],
)
def test_what_cannot_be_read_is_named(
    spark: SparkSession, mapping: Callable[[str], Source], tmp_path: Path, pattern: str, case: tuple[str, str]
) -> None:
    name, said = case
    write(tmp_path, name)
    with pytest.raises(InputRefused) as refused:
        inputs.resolve(spark, [f"{tmp_path}/{pattern.format(name=name)}"], mapping(MAPPING))
    assert f"/{name}: {said}" in str(refused.value)
    assert refused.value.exit_code == 3


@pytest.mark.parametrize("pattern", ["a\udcff.csv", "*.csv", ""])
def test_a_name_that_is_not_utf_8_is_named(
    spark: SparkSession, mapping: Callable[[str], Source], tmp_path: Path, pattern: str
) -> None:
    write(tmp_path, os.fsdecode(b"a\xff.csv"))
    with pytest.raises(InputRefused, match=r"a\\udcff.csv': this name is not UTF-8"):
        inputs.resolve(spark, [f"{tmp_path}/{pattern}"], mapping(MAPPING))


@pytest.mark.parametrize("location", ["a:b.csv", "file:b.csv"])
def test_a_location_that_is_no_path(spark: SparkSession, mapping: Callable[[str], Source], location: str) -> None:
    with pytest.raises(InputRefused, match=f"Hadoop cannot read {location} as a path"):
        inputs.resolve(spark, [location], mapping(MAPPING))


@pytest.mark.parametrize("name", ["a:b.txt", "_a.csv", ".a.csv", "a._COPYING_"])
@pytest.mark.parametrize("pattern", ["*/g*.csv", "*/{good,better}.csv", "*/*d.csv"])
def test_a_pattern_that_does_not_mean_such_a_file(read: Read, tmp_path: Path, pattern: str, name: str) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    write(folder, name)
    assert {row["_file"] for row in read(MAPPING, f"{tmp_path}/{pattern}")} == {"good.csv"}
