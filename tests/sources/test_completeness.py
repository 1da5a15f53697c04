"""Bronze holds every record of every file once; otherwise the batch is not known and none of its rows stay."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import yaml
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lib import keys
from lib.build import bronze
from lib.delta.lake import Lake, open_lake
from lib.errors import AuditFailed, InputRefused
from lib.rights import suppression
from lib.settings import load
from lib.sources import completeness, inputs, readers
from lib.sources.inputs import Batch
from lib.sources.mapping import Source
from tests.sources.conftest import ROOT

pytestmark = pytest.mark.spark
CSV = "format: csv\ncurrency: EUR\ncolumns: {user_id: Nr, category: Text}\n"
JSON = CSV.replace("csv", "json", 1)
Defect = Callable[[DataFrame], DataFrame]


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path) -> Lake:
    stated = {"contracts": str(ROOT / "lakehouse"), "sources": str(tmp_path), "secrets": str(tmp_path / "secrets")}
    (tmp_path / "deployment.yaml").write_text(yaml.safe_dump({"lake": "unused", **stated}), encoding="utf-8")
    return open_lake(spark, load(tmp_path / "deployment.yaml", str(tmp_path / "lake")))


def described(lake: Lake, text: str) -> Source:
    name = f"source{len(list(lake.settings.sources.glob('source*')))}"
    (lake.settings.sources / f"{name}.yaml").write_text(text, encoding="utf-8")
    return bronze.source_of(lake.settings, lake.catalog, name)


def resolved(lake: Lake, source: Source, *locations: Path) -> list[Batch]:
    return inputs.resolve(lake.spark, [str(location) for location in locations], source)


def in_bronze(lake: Lake) -> list[tuple[str, int, str]]:
    (table,) = bronze.tables(lake)
    rows = lake.tables.read(table).collect()
    return sorted((row["_file"], row["_row"], row["user_id"]) for row in rows)


def written(file: Path, rows: int) -> Path:
    file.write_text("Nr,Text\n" + "".join(f"{at},x\n" for at in range(1, rows + 1)), encoding="utf-8")
    return file


def nothing_is_known(lake: Lake) -> bool:
    return not lake.ledger.entries() and not lake.ledger.removed() and not in_bronze(lake)


def test_every_way_of_reading_is_counted(lake: Lake, tmp_path: Path) -> None:
    csv = tmp_path / "a.csv"
    csv.write_bytes(b"\xef\xbb\xbf\r\n \nNr,Text\r1,x\r\n\n2,y\n\t\r3,z")
    multiline = tmp_path / "multi.csv"
    multiline.write_text('Nr,Text\n1,"x\n\ny"\n2,z\n', encoding="utf-8")
    array = tmp_path / "a.json"
    array.write_text(json.dumps([{"Nr": "1", "Text": "[{}]"}, {"Nr": "2"}, {"Nr": "3"}], indent=1), encoding="utf-8")
    objects = tmp_path / "a.jsonl"
    objects.write_text('{"Nr": "1", "Text": "x"}\n\nnot JSON\n', encoding="utf-8")
    only_header = tmp_path / "header.csv"
    only_header.write_text("Nr,Text\n", encoding="utf-8")
    headless = tmp_path / "headless.csv"
    headless.write_text("1,x\n2,y\n", encoding="utf-8")
    known: dict[Path, str] = {
        csv: CSV,
        multiline: f"{CSV}multiline: true\n",
        array: JSON,
        objects: CSV.replace("csv", "jsonl", 1),
        only_header: CSV,
        headless: f"{CSV}header: false\nnames: [Nr, Text]\n",
    }
    for file, mapping in known.items():
        source = described(lake, mapping)
        bronze.load(lake, source, resolved(lake, source, file))
    assert {entry.files: entry.rows for entry in lake.ledger.entries()} == {
        ("a.csv",): 3, ("multi.csv",): 2, ("a.json",): 3, ("a.jsonl",): 2, ("header.csv",): 0, ("headless.csv",): 2,
    }  # fmt: skip
    assert len(in_bronze(lake)) == 12


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    (tmp_path / "in.csv").write_text("Nr,Text\n" + "".join(f"{at},x\n" for at in range(1, 8)), encoding="utf-8")
    command = [sys.executable, "-m", "splitter", str(tmp_path / "in.csv"), "--out", str(tmp_path / "parts")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return tmp_path / "parts/manifest.json"


def test_a_manifest_and_one_of_its_parts_are_two_batches(lake: Lake, manifest: Path) -> None:
    source = described(lake, CSV)
    bronze.load(lake, source, resolved(lake, source, manifest, manifest.parent / "part.csv"))
    assert {entry.files: entry.rows for entry in lake.ledger.entries()} == {
        ("part.jsonl", "part.sqlite", "part.csv"): 7, ("part.csv",): 2,
    }  # fmt: skip
    # The database part has the rows' positions in the whole input: of seven rows, the second and the fifth.
    assert [row for row in in_bronze(lake) if row[0] == "part.sqlite"] == [
        ("part.sqlite", 2, "2"), ("part.sqlite", 5, "5"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["part.jsonl", "part.sqlite", "part.csv"])
def test_a_manifest_that_promises_another_number(lake: Lake, manifest: Path, name: str) -> None:
    source = described(lake, CSV)
    (batch,) = resolved(lake, source, manifest)
    rows = {"part.jsonl": 3, "part.sqlite": 2, "part.csv": 2}[name]
    wrong = [dataclasses.replace(part, rows=rows + 1) if part.name == name else part for part in batch.parts]
    said = f"{name} holds {rows} records, but its manifest says {rows + 1}"
    with pytest.raises(InputRefused, match=said):
        bronze.load(lake, source, [dataclasses.replace(batch, parts=tuple(wrong))])
    assert nothing_is_known(lake)


def moved(to: str) -> Defect:
    """Other positions for the rows of a.csv."""
    return lambda rows: rows.withColumn("_row", F.expr(f"if(_file = 'a.csv', {to}, _row)"))


DEFECTS: dict[str, tuple[Defect, str]] = {
    "lost": (lambda rows: rows.where("_row <> 100"), "a.csv holds 200 records, but 199 rows of it are in bronze."),
    "a file lost": (lambda rows: rows.where("_file <> 'a.csv'"), "but 0 rows of it are in bronze."),
    "doubled": (lambda rows: rows.unionAll(rows.where("_row = 200")), "but 201 rows of it are in bronze."),
    "two have one": (moved("if(_row = 3, 4, _row)"), "but its 200 rows in bronze have 199 positions."),
    "a gap": (moved("if(_row = 64, 201, _row)"), "but its rows in bronze have the positions 1 to 201."),
    "from 0": (moved("_row - 1"), "but its rows in bronze have the positions 0 to 199."),
    "from 65": (moved("_row + 64"), "but its rows in bronze have the positions 65 to 264."),
    "one without": (moved("nullif(_row, 64)"), "but its 200 rows in bronze have 199 positions."),
    "all without": (moved("cast(null as bigint)"), "but its 200 rows in bronze have 0 positions."),
}


@pytest.mark.parametrize("name", list(DEFECTS))
def test_a_defect_of_the_reading(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    defect, said = DEFECTS[name]
    true_read = readers.read

    def read(spark: SparkSession, source: Source, batches: Sequence[Batch], *others: object) -> DataFrame:
        return defect(true_read(spark, source, batches, *others))  # type: ignore[arg-type]  # passed on as they came

    source = described(lake, CSV)
    files = (written(tmp_path / "a.csv", 200), written(tmp_path / "b.csv", 70))
    with monkeypatch.context() as patch:
        patch.setattr(readers, "read", read)
        with pytest.raises(AuditFailed) as failed:
            bronze.load(lake, source, resolved(lake, source, *files))
    assert said in str(failed.value)
    assert failed.value.exit_code == 4
    assert nothing_is_known(lake)
    bronze.load(lake, source, resolved(lake, source, *files))
    assert {entry.files: entry.rows for entry in lake.ledger.entries()} == {("a.csv",): 200, ("b.csv",): 70}
    assert in_bronze(lake) == sorted(
        [("a.csv", at, str(at)) for at in range(1, 201)] + [("b.csv", at, str(at)) for at in range(1, 71)]
    )


def test_a_file_that_grows_while_it_is_loaded(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = described(lake, CSV)
    file = written(tmp_path / "a.csv", 5)
    true_check = completeness.require_complete

    def check(*arguments: object) -> dict[str, int]:
        with file.open("a", encoding="utf-8") as stream:
            stream.write("6,x\n")
        return true_check(*arguments)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(completeness, "require_complete", check)
    with pytest.raises(AuditFailed, match=r"a\.csv holds 6 records, but 5 rows of it are in bronze"):
        bronze.load(lake, source, resolved(lake, source, file))
    assert nothing_is_known(lake)


def test_a_file_that_vanishes_while_it_is_loaded(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = described(lake, CSV)
    file = written(tmp_path / "a.csv", 5)
    true_check = completeness.require_complete

    def check(*arguments: object) -> dict[str, int]:
        file.unlink()
        return true_check(*arguments)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(completeness, "require_complete", check)
    with pytest.raises(AnalysisException, match="PATH_NOT_FOUND"):
        bronze.load(lake, source, resolved(lake, source, file))
    assert nothing_is_known(lake)


def suppress(lake: Lake, *ids: str) -> None:
    key = suppression.key(lake)
    suppression.add(lake, [keys.pseudonym(one, key) for one in ids], dt.date(2024, 1, 31))


def test_suppressed_rows_are_accounted_for(lake: Lake, tmp_path: Path) -> None:
    suppress(lake, "1", "64", "70")
    source = described(lake, CSV)
    bronze.load(lake, source, resolved(lake, source, written(tmp_path / "a.csv", 70), written(tmp_path / "b.csv", 5)))
    assert {entry.files: entry.rows for entry in lake.ledger.entries()} == {("a.csv",): 70, ("b.csv",): 5}
    assert sorted(lake.ledger.removed().values()) == [1, 3]
    assert [row for row in in_bronze(lake) if row[1] in (1, 64, 70)] == []
    assert len(in_bronze(lake)) == 71


def test_a_row_that_is_lost_beside_suppressed_ones(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suppress(lake, "3")
    true_keep_out = suppression.keep_out

    def keep_out(*arguments: object) -> tuple[DataFrame, dict[completeness.Key, int]]:
        entering, out = true_keep_out(*arguments)  # type: ignore[arg-type]  # passed on as they came
        return entering.where("_row <> 5"), out

    monkeypatch.setattr(suppression, "keep_out", keep_out)
    source = described(lake, CSV)
    with pytest.raises(
        AuditFailed, match=r"a\.csv holds 7 records, but 5 rows of it are in bronze and 1 were kept out"
    ):
        bronze.load(lake, source, resolved(lake, source, written(tmp_path / "a.csv", 7)))
    assert nothing_is_known(lake)
