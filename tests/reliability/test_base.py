"""A job's checks before it begins: after a power cut or a kill, the lake is restored to what it was, or is refused."""

from __future__ import annotations

import csv
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from unittest import mock

import pytest
from deltalake import DeltaTable

from lib.delta import deltalog, publication
from lib.delta.base import Base
from lib.delta.deltalog import Changes
from lib.errors import AuditFailed, UsageError
from lib.publication import reader
from splitter.split import Order, split
from tests.e2e.lakes import PROJECT, Site, newest
from tests.reliability.conftest import DAY, ERASED, Content, Shop
from tests.reliability.damage import DAMAGES, TABLES, tree

pytestmark = [pytest.mark.spark, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def expected(shop: Shop, start: Path) -> Content:
    """What people read after one more batch, if nothing happens to the lake."""
    shop.begin(start)
    assert shop.load(3).code == 0
    return shop.told()


def newest_commits(lake: Path) -> list[Path]:
    logs = [lake / table / "_delta_log" for table in TABLES]
    return [log / deltalog.commit_name(max(deltalog.versions(f.name for f in log.iterdir()))) for log in logs]


def empty_the_newest_commits(lake: Path) -> None:
    """Leave the commits as after a power cut: without content and without sidecars."""
    for commit in newest_commits(lake):
        assert DAMAGES["empty"](commit, Path())


def test_emptied_commits_are_put_back_byte_by_byte(shop: Shop, start: Path) -> None:
    shop.begin(start)
    shop.open()
    whole = tree(shop.place)
    empty_the_newest_commits(shop.lake)
    opened = shop.open().base
    assert opened.damages == {}
    assert tree(shop.place) == whole
    assert sorted(opened.said) == [
        f"The log of {table} was damaged, and put back from its copy." for table in sorted(TABLES)
    ]


def test_without_the_base_sales_would_be_lost_in_silence(shop: Shop, start: Path, expected: Content) -> None:
    """That the test above can fail: Delta itself takes an emptied commit for one that changes nothing."""
    shop.begin(start)
    empty_the_newest_commits(shop.lake)
    with mock.patch.object(Base, "_settle", return_value=False):
        done = shop.load(3)
    assert (done.code, shop.told_or_nothing()) != (0, expected)


def test_what_an_interrupted_job_left_is_no_part_of_the_lake(shop: Shop, start: Path) -> None:
    shop.begin(start)
    tables = shop.open().tables
    before = {table: tables.version(shop.open().catalog[table]) for table in TABLES}
    whole = tree(shop.place)
    for commit in newest_commits(shop.lake):
        number, folder = int(commit.stem), commit.parent
        (folder.parent / "part-stray.parquet").write_bytes(b"PAR1")
        shutil.copy(commit, folder / deltalog.commit_name(number + 1))
        (folder / deltalog.commit_name(number + 2)).write_bytes(b"")
    shop.forget()
    lake = shop.open()
    assert lake.base.damages == {}
    after = tree(shop.place)
    assert {name: after.get(name) for name in whole} == whole
    assert len(after) == len(whole) + 2 * len(TABLES)
    for table in TABLES:
        assert lake.tables.version(lake.catalog[table]) == (before[table] or 0) + 2
        assert set(lake.tables.files(lake.catalog[table])) == set(lake.base.pins.tables[table].files)


@pytest.mark.parametrize("table", ["silver/users", "ledger/batches"])
def test_what_can_be_made_again_is_made_again(shop: Shop, start: Path, expected: Content, table: str) -> None:
    shop.begin(start)
    for file in (shop.lake / table).glob("part-*.parquet"):
        file.unlink()
    refused = shop.job("rollback")
    assert (refused.code, refused.last_line.startswith(f"{table} is not what the last job left:")) == (4, True)
    done = shop.load(3)
    assert done.code == 0, done.err
    assert f"{table} was not what the last job left:" in done.err
    assert shop.told() == expected
    assert shop.job("verify", "--full").code == 0


def test_a_lost_batch_is_named_and_that_very_file_is_accepted_again(shop: Shop, start: Path) -> None:
    shop.begin(start)
    before = shop.told()
    newest = max((shop.lake / "bronze/sales_events").glob("part-*.parquet"), key=lambda file: file.stat().st_mtime_ns)
    newest.unlink()
    refused = shop.load(3)
    assert refused.code == 4
    assert "1 of 3 batches are no longer whole: batch-2.csv (9 rows)." in refused.last_line
    assert refused.last_line.endswith("./spark-submit.sh pipeline --source ecommerce --input batch-2.csv")
    assert shop.told() == before
    again = shop.job("pipeline", "--source", "ecommerce", "--input", str(shop.batches[2]))
    assert again.code == 0, again.err
    assert shop.told() == before


def test_lost_batches_of_all_kinds_of_input_are_given_again_in_one_run(shop: Shop, tmp_path: Path) -> None:
    """A split export, a table of another source, and a file; each keeps the days that it had."""
    shop.begin()
    one, two, three, _ = shop.batches
    split(Order(one, tmp_path / "split"))
    manifest = str(tmp_path / "split/manifest.json")
    database = tabled(two, tmp_path / "till.db")
    deployment = with_source(shop, tmp_path / "sources", "till")
    for source, given in (("ecommerce", manifest), ("till", f"{database}?table=sales"), ("ecommerce", str(three))):
        done = shop.job("pipeline", "--source", source, "--input", given, deployment=deployment)
        assert done.code == 0, done.err
    before, batches = shop.told(), shop.open().base.pins.batches
    loaded = days_of_loading(shop)
    for file in (shop.lake / "bronze/sales_events").glob("part-*.parquet"):
        file.unlink()
    refused = shop.job("pipeline", deployment=deployment)
    assert refused.code == 4
    for said in ("MANIFEST is the manifest.json that the splitter wrote", "DATABASE is the address of the database"):
        assert said in refused.last_line
    command = refused.last_line.partition("./spark-submit.sh ")[2]
    name, *words = command.replace("MANIFEST", manifest).replace("DATABASE", database).split()
    again = shop.job(name, *(str(three) if word == three.name else word for word in words), deployment=deployment)
    assert again.code == 0, again.err
    shop.forget()
    assert (shop.told(), days_of_loading(shop)) == (before, loaded)
    assert sorted(one["loaded_at"] for one in shop.open().base.pins.batches) == [one["loaded_at"] for one in batches]


def days_of_loading(shop: Shop) -> list[tuple[object, int]]:
    rows = newest(shop.lake, "bronze/sales_events").group_by(["_batch_id", "_ingested_at"])
    return sorted(tuple(row.values()) for row in rows.aggregate([([], "count_all")]).to_pylist())


def tabled(export: Path, file: Path) -> str:
    """Write the rows of an export as a table of a database; return its address."""
    header, *rows = csv.reader(export.read_text(encoding="utf-8").splitlines())
    columns = [f'"{name}" text' for name in header]
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(f"create table sales ({', '.join(columns)})")
        connection.executemany(f"insert into sales values ({', '.join('?' * len(header))})", rows)
    return f"sqlite:///{file}"


def with_source(shop: Shop, folder: Path, name: str) -> Path:
    """A deployment whose mappings have one more: that of the wide export, read from a table."""
    shutil.copytree(PROJECT / "conf/sources", folder)
    text = (folder / "ecommerce.yaml").read_text(encoding="utf-8")
    kept = [line for line in text.splitlines() if not line.startswith(("format:", "encoding:", "delimiter:"))]
    (folder / f"{name}.yaml").write_text("\n".join(["format: table", *kept]), encoding="utf-8")
    return Site(shop.spark, shop.place).deployment(shop.contracts, folder)


def test_a_lost_list_of_persons_stops_everything_until_it_is_put_back(shop: Shop, start: Path) -> None:
    shop.begin(start)
    (file,) = (shop.lake / "rights/suppressions").glob("part-*.parquet")
    kept = file.read_bytes()
    file.unlink()
    refused = shop.load(3)
    assert (refused.code, refused.last_line.endswith("from a backup of the lake, and run the same command again.")) == (
        4,
        True,
    )
    file.write_bytes(kept)
    assert shop.load(3).code == 0


def test_a_turned_bit_is_found_by_the_full_look_and_by_every_job_after_it(shop: Shop, start: Path) -> None:
    shop.begin(start)
    file = next((shop.lake / "silver/users").glob("part-*.parquet"))
    beside = file.with_name(f".{file.name}.crc")
    kept = beside.read_bytes()
    assert DAMAGES["one bit flipped"](file, Path())
    beside.write_bytes(kept)
    assert shop.job("verify").code == 0
    full = shop.job("verify", "--full")
    assert (full.code, "silver/users is not what the last job left" in full.last_line) == (4, True)
    assert shop.job("verify").code == 4
    done = shop.load(3)
    assert done.code == 0, done.err
    assert shop.job("verify", "--full").code == 0


@pytest.mark.parametrize("damage", ["empty", "torn", "missing", "one bit flipped"])
def test_a_reader_is_told_when_a_mart_is_not_what_was_published(shop: Shop, start: Path, damage: str) -> None:
    for pattern in ("part-*.parquet", "_delta_log/[0-9_]*"):
        shop.begin(start)
        before = shop.told()["mart_sales/trends"]
        for file in filter(Path.is_file, (shop.lake / "mart_sales/trends").glob(pattern)):
            DAMAGES[damage](file, Path())
        read = []
        with suppress(AuditFailed):
            read = sorted(map(repr, reader.published(shop.lake).arrow("mart_sales/trends").to_pylist()))
        # A bit of a log may say nothing of files.
        assert read in (([], before) if pattern.startswith("_") else ([],))


@pytest.mark.parametrize("damage", ["empty", "torn", "missing", "one bit flipped"])
def test_a_lost_pointer_comes_back_from_the_history(shop: Shop, start: Path, damage: str) -> None:
    shop.begin(start)
    shop.open()
    whole = tree(shop.place)
    for name in ("published.json", "published_operations.json", "keys.json"):
        DAMAGES[damage](shop.lake / name, Path())
    assert shop.job("verify").code == 0
    after = tree(shop.place)
    assert {name: after.get(name) for name in whole if not name.startswith("lake/bases/")} == {
        name: content for name, content in whole.items() if not name.startswith("lake/bases/")
    }


def test_a_lake_all_of_whose_pointers_are_lost_is_refused(shop: Shop, start: Path) -> None:
    shop.begin(start)
    for file in [shop.lake / "published.json", *(shop.lake / "bases").glob("*.json")]:
        file.write_bytes(b"")
    refused = shop.load(3)
    assert (refused.code, "cannot be read, nor any of its copies" in refused.last_line) == (4, True)


def test_a_commit_is_read_as_delta_reads_it() -> None:
    changes = Changes()
    changes.apply('{"add":{"path":"a%20b.parquet","size":3}}\n{"add":{"path":"c.parquet","size":4}}\n')
    changes.apply('{"remove":{"path":"c.parquet"}}\n{"commitInfo":{}}\n')
    assert (changes.added, changes.left) == ({"a b.parquet": 3}, {"c.parquet"})
    for torn in ("", "\n", '{"add":', "[]"):
        with pytest.raises(ValueError, match=r"no commit|Expecting"):
            changes.apply(torn)


def test_nothing_published_is_said_so(shop: Shop) -> None:
    shop.begin()
    shop.open()
    with pytest.raises(UsageError, match="Nothing is published in"):
        reader.published(shop.lake)


def test_a_rollback_lasts_though_files_had_to_be_read_again(shop: Shop, start: Path) -> None:
    """Whose sidecar is gone is read, and known again at the end: that once pinned the publication of before, too."""
    shop.begin(start)
    before = shop.told()
    for file in (shop.lake / "silver/users").glob(".part-*.crc"):
        file.unlink()
    assert shop.job("rollback").code == 0
    after = shop.told()
    assert after != before
    shop.open()
    assert shop.told() == after


def test_a_batch_leaves_no_older_files_of_tables_that_nobody_reads(shop: Shop, start: Path) -> None:
    shop.begin(start)
    before = {table: DeltaTable(str(shop.lake / table)).version() for table in ("gold/sales_daily", "gold/fact_sales")}
    assert shop.load(3).code == 0
    for table, version in before.items():
        now = DeltaTable(str(shop.lake / table))
        assert now.version() > version
        assert {file.name for file in (shop.lake / table).glob("*.parquet")} == set(map(name_of, now.file_uris()))
    mart = shop.lake / "mart_sales/trends"
    assert len(list(mart.glob("*.parquet"))) > len(DeltaTable(str(mart)).file_uris())  # its readers may still read
    refused = shop.job("breach_scope", "--table", f"gold/sales_daily@{before['gold/sales_daily']}")
    assert (refused.code, "have been removed: nobody read it any more" in refused.last_line) == (2, True)
    assert shop.job("verify").code == 0


def name_of(uri: str) -> str:
    return uri.rpartition("/")[2]


def test_a_rollback_outlives_the_removal_of_older_versions(shop: Shop, start: Path) -> None:
    """What people read is not the newest version then, and is needed all the same."""
    shop.begin(start)
    assert shop.job("rollback").code == 0
    before = shop.told()
    shop.open().drop_older_versions(grace=0)
    assert shop.told() == before


def test_what_people_read_after_a_rollback_is_looked_at_too(shop: Shop, start: Path) -> None:
    """It is not the newest version then, which is whole."""
    shop.begin(start)
    newest_read = shop.told()
    newest_files = set(shop.open().base.pins.tables["mart_sales/trends"].files)
    assert shop.job("rollback").code == 0
    published = publication.parsed((shop.lake / "published.json").read_text(encoding="utf-8")).publication
    assert published
    lost = next(iter(set(published.pins["mart_sales/trends"].files) - newest_files))
    (shop.lake / "mart_sales/trends" / lost).unlink()
    refused = shop.job("verify")
    assert (refused.code, "mart_sales/trends is not what the last job left" in refused.last_line) == (4, True)
    done = shop.job("pipeline")
    assert done.code == 0, done.err
    assert (shop.told(), shop.job("verify").code) == (newest_read, 0)


def test_a_doubtful_ledger_does_not_replace_what_is_known_of_it(shop: Shop, start: Path, expected: Content) -> None:
    shop.begin(start)
    known = shop.open().base.pins.batches
    for file in (shop.lake / "ledger/batches").glob("part-*.parquet"):
        DAMAGES["one bit flipped"](file, Path())
    assert shop.job("verify", "--full").code == 4
    done = shop.load(3)
    assert done.code == 0, done.err
    assert shop.told() == expected
    assert [each for each in shop.open().base.pins.batches if each["loaded_at"] in {k["loaded_at"] for k in known}]


def test_a_table_that_lost_its_log_begins_anew_and_stays(shop: Shop, start: Path, expected: Content) -> None:
    """Its copies are lost too: what is written then has the first versions again, and is pinned as that."""
    shop.begin(start)
    for folder in (shop.lake / "silver/users/_delta_log", shop.lake / "bases/log/silver/users"):
        for file in filter(Path.is_file, folder.iterdir()):
            DAMAGES["empty"](file, Path())
    done = shop.load(3)
    assert done.code == 0, done.err
    shop.forget()
    assert shop.open().base.damages == {}
    assert (shop.told(), shop.job("verify", "--full").code) == (expected, 0)


def test_a_lost_batch_does_not_bring_back_whom_nothing_keeps_out(shop: Shop, start: Path) -> None:
    """As those whose period had ended, and those whose suppression was lifted: their sales would count twice."""
    shop.begin(start)
    assert shop.job("lift_suppression", "--subjects", str(shop.folder / f"{ERASED}.txt")).code == 0
    before = shop.told()
    for file in (shop.lake / "bronze/sales_events").glob("part-*.parquet"):
        file.unlink()
    paths = [word for number in (0, 1, 2) for word in ("--input", str(shop.batches[number]))]
    refused = shop.job("pipeline", *paths, "--extract-date", f"{DAY}")
    assert (refused.code, "No list would keep these rows out" in refused.last_line) == (4, True), refused.err
    assert shop.told() == before
