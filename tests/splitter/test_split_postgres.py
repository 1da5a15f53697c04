"""The database part on a real PostgreSQL server."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from splitter.__main__ import main
from tests.postgres import PASSWORD, USER, Server
from tests.splitter.reading import Output, canonical, checksum, table_sha256

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
ROWS: list[list[str | None]] = [
    ["1", ""],
    ["tab\t \\ \\N \\.", None],
    ["l1\nl2\r", 'say "é"'],
    [None, "%s"],
    ["\x01\u2028", "𝄞"],
]


@pytest.fixture
def database(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A database of its own for each test; the password is in the environment."""
    name = f"test_{uuid.uuid4().hex}"
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    with postgres.connect() as connection:
        connection.execute(f'create database "{name}"')
    yield name
    with postgres.connect() as connection:
        connection.execute(f'drop database "{name}" with (force)')


def source(folder: Path) -> Path:
    """Every third row goes to the database: put each row of ROWS between two others."""

    def text(value: str | None) -> str:
        return "" if value is None else '"' + value.replace('"', '""') + '"'

    lines = ["x,x\n" + ",".join(map(text, row)) + "\nx,x\n" for row in ROWS]
    path = folder / "in.csv"
    path.write_bytes(("%s,B b\n" + "".join(lines)).encode())
    return path


def rows(postgres: Server, database: str, table: str = "part") -> list[tuple[Any, ...]]:
    with postgres.connect(database) as connection:
        return connection.execute(f'select * from "{table}" order by _row').fetchall()


def test_the_table_holds_its_rows_as_they_are(tmp_path: Path, postgres: Server, database: str) -> None:
    url = postgres.url(database)
    assert main([str(source(tmp_path)), "--out", str(tmp_path / "out"), "--database", url]) == 0
    found = rows(postgres, database)
    assert found == [(2 + 3 * i, *row) for i, row in enumerate(ROWS)]
    output = Output(tmp_path / "out")
    part = output.parts["postgresql"]
    assert part["sha256"] == table_sha256(found)
    assert part["checksum"] == checksum(canonical(row[1:]) for row in found)
    assert (part["rows"], part["schema"], part["table"]) == (5, "public", "part")
    assert part["database"] == f"postgresql://127.0.0.1:{postgres.port}/{database}"
    assert {path.name for path in output.folder.iterdir()} == {"manifest.json", "part.jsonl", "part.csv"}


def test_no_password_and_no_user_in_the_manifest(
    tmp_path: Path, postgres: Server, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = PASSWORD.replace(" ", "%20")
    url = f"postgresql://{USER}:{secret}@127.0.0.1:{postgres.port}/{database}"
    assert main([str(source(tmp_path)), "--out", str(tmp_path / "out"), "--database", url]) == 0
    written = (tmp_path / "out" / "manifest.json").read_text()
    assert secret not in written
    assert PASSWORD not in written
    assert USER not in json.dumps(Output(tmp_path / "out").parts["postgresql"])
    assert "PGPASSWORD" in capsys.readouterr().err


def test_password_by_passfile_or_service(
    tmp_path: Path, postgres: Server, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGPASSWORD")
    passfile, services = tmp_path / "pgpass", tmp_path / "services"
    passfile.write_text(f"127.0.0.1:{postgres.port}:{database}:{USER}:{PASSWORD}\n")
    passfile.chmod(0o600)
    services.write_text(f"[shop]\nhost=127.0.0.1\nport={postgres.port}\ndbname={database}\nuser={USER}\n")
    monkeypatch.setenv("PGPASSFILE", str(passfile))
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    arguments = [str(source(tmp_path)), "--out", str(tmp_path / "out"), "--database", "postgresql:///?service=shop"]
    assert main(arguments) == 0
    assert len(rows(postgres, database)) == len(ROWS)


def refused(capsys: pytest.CaptureFixture[str], arguments: list[str], code: int) -> str:
    assert main(arguments) == code
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_wrong_password(
    tmp_path: Path, postgres: Server, database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PGPASSWORD", "wrong one")
    arguments = [str(source(tmp_path)), "--out", str(tmp_path / "out"), "--database", postgres.url(database)]
    said = refused(capsys, arguments, 2)
    assert "password authentication failed" in said
    assert "wrong one" not in said
    assert not (tmp_path / "out").exists()


def test_a_table_of_somebody_else_stays(
    tmp_path: Path, postgres: Server, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(source(tmp_path)), "--out", str(tmp_path / "out"), "--database", postgres.url(database)]
    with postgres.connect(database) as connection:
        connection.execute("create table part (_row int); insert into part values (7)")
    assert "--table" in refused(capsys, arguments, 2)
    assert rows(postgres, database) == [(7,)]
    assert main([*arguments, "--table", 'my "part"']) == 0
    with postgres.connect(database) as connection:
        assert connection.execute('select count(*) from "my ""part"""').fetchone() == (len(ROWS),)


def test_the_table_of_an_unfinished_run_is_replaced(tmp_path: Path, postgres: Server, database: str) -> None:
    arguments = [str(source(tmp_path)), "--out", str(tmp_path / "out"), "--database", postgres.url(database)]
    assert main(arguments) == 0
    for path in (tmp_path / "out").iterdir():
        path.unlink()  # as if the run had died between the database's commit and the manifest
    assert main(arguments) == 0
    assert len(rows(postgres, database)) == len(ROWS)


def test_another_output_does_not_replace_it(
    tmp_path: Path, postgres: Server, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(source(tmp_path))
    assert main([path, "--out", str(tmp_path / "one"), "--database", postgres.url(database)]) == 0
    capsys.readouterr()
    arguments = [path, "--out", str(tmp_path / "two"), "--database", postgres.url(database)]
    assert "no unfinished run" in refused(capsys, arguments, 2)


def test_names_that_postgresql_would_cut(
    tmp_path: Path, postgres: Server, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "in.csv"
    path.write_text("a," + "b" * 64 + "\n1,2\n")
    arguments = [str(path), "--out", str(tmp_path / "out"), "--database", postgres.url(database)]
    assert "column 2" in refused(capsys, arguments, 3)


def test_a_database_that_cannot_hold_the_text(
    tmp_path: Path, postgres: Server, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with postgres.connect() as connection:
        connection.execute(f"create database {database}_latin encoding 'LATIN1' template template0 locale 'C'")
    url = postgres.url(f"{database}_latin")
    said = refused(capsys, [str(source(tmp_path)), "--out", str(tmp_path / "out"), "--database", url], 1)
    assert "UTF8" in said
    assert "say" not in said
    assert not (tmp_path / "out").exists()


def test_killed_while_copying_leaves_no_table(tmp_path: Path, postgres: Server, database: str) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(b"a,b\n" + b"".join(b"%d,%s\n" % (i, b"x" * 300) for i in range(60_000)))
    arguments = [sys.executable, "-m", "splitter", str(path), "--out", str(tmp_path / "out")]
    arguments += ["--database", postgres.url(database)]
    process = subprocess.Popen(arguments, cwd=ROOT)
    staged = tmp_path / "out" / ".splitter-partial" / "part.jsonl"
    while not (staged.exists() and staged.stat().st_size > 1 << 20):
        assert process.poll() is None
    process.kill()
    process.wait()
    with postgres.connect(database) as connection:
        assert connection.execute("select count(*) from pg_tables where schemaname = 'public'").fetchone() == (0,)
    assert subprocess.run(arguments, check=False, cwd=ROOT, capture_output=True).returncode == 0
    assert len(rows(postgres, database)) == 20_000
