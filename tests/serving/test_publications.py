"""The endpoint follows publications, roles and users while it runs; its clients see one publication at a time."""

from __future__ import annotations

import contextlib
import csv
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from pyhive.exc import Error

from tests.serving.lakes import PROJECT, publish
from tests.serving.server import HOST, LOGIN_FAILED, Server, rows, running, start

pytestmark = pytest.mark.e2e
# It checks every second and shows a new publication before reading it. The further wait of a reader depends on the
# machine and is in docs/benchmarks.md; here, after a minute, the publication counts as missing.
SECONDS_TO_FOLLOW = 60
# Both views' publication in one row; equal unless the statement saw two.
BOTH = "select max(m.order_lines) div 1000, max(y.order_lines) div 1000 from mart_sales.monthly m, mart_sales.yearly y"
CLIENTS = 4


@pytest.fixture
def own_lake(tmp_path: Path) -> Path:
    publish(tmp_path / "lake", 1)
    return tmp_path / "lake"


@pytest.fixture
def own(tmp_path: Path, own_lake: Path) -> Iterator[Server]:
    with running(tmp_path / "server", own_lake) as server:
        yield server


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.2)
    return False


def has_row(seen: list[tuple[int, ...]], generation: int) -> bool:
    return (generation, generation) in seen[-20:]


def test_a_new_publication_is_followed_by_whole_statements(own: Server, own_lake: Path) -> None:
    seen: list[tuple[int, ...]] = []
    errors: list[BaseException] = []
    ended = threading.Event()

    def ask() -> None:
        try:
            with contextlib.closing(own.connect("executive")) as connection:
                while not ended.is_set():
                    seen.extend(rows(connection, BOTH))
        except BaseException as error:  # noqa: BLE001 - handed to the test
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        assert within(SECONDS_TO_FOLLOW, partial(has_row, seen, 1))
        for generation in (2, 3):
            publish(own_lake, generation)
            assert within(SECONDS_TO_FOLLOW, partial(has_row, seen, generation))
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert errors == []
    assert [row for row in seen if row[0] != row[1]] == []


def test_users_and_roles_count_without_a_restart(own: Server) -> None:
    statement = "select count(*) from mart_sales.monthly"
    users = own.folder / "secrets/endpoint_users"
    assert own.rows("sales_analyst", statement) == [(21,)]
    # The server ends this session, so there is nothing left to close.
    with contextlib.suppress(Error), contextlib.closing(own.connect("sales_analyst")) as connection:
        lines = users.read_text(encoding="utf-8").splitlines(keepends=True)
        users.write_text("".join(line for line in lines if not line.startswith("sales_analyst:")), encoding="utf-8")
        with pytest.raises(LOGIN_FAILED):
            own.connect("sales_analyst").close()
        ended = within(SECONDS_TO_FOLLOW, lambda: refused(connection, statement))
    assert ended
    roles = own.folder / "roles.yaml"
    changed = roles.read_text(encoding="utf-8").replace("rows: [Asia]", "rows: [Africa]")
    roles.write_text(changed, encoding="utf-8")
    region = "select distinct region from mart_sales.monthly"
    assert within(SECONDS_TO_FOLLOW, lambda: own.rows("sales_manager_asia", region) == [("Africa",)])
    roles.write_text("nonsense: [", encoding="utf-8")
    own.wait_for("the earlier state is still served", SECONDS_TO_FOLLOW)
    assert own.rows("sales_manager_asia", region) == [("Africa",)]


def refused(connection: object, statement: str) -> bool:
    try:
        rows(connection, statement)
    except Error:
        return True
    return False


def test_a_publication_that_cannot_be_read_is_not_served(own: Server, own_lake: Path) -> None:
    published = own_lake / "published.json"
    published.write_text(
        published.read_text(encoding="utf-8").replace('"version": 0', '"version": 7'), encoding="utf-8"
    )
    own.wait_for("the earlier state is still served", SECONDS_TO_FOLLOW)
    assert own.rows("executive", BOTH) == [(1, 1)]


def test_without_a_publication_it_waits_and_says_so(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    lake.mkdir()
    server = start(tmp_path / "server", lake)
    try:
        server.wait_for(f"Nothing is published in {lake} yet; waiting", 60)
        assert server.log.count("Nothing is published") == 1
        publish(lake, 1)
        server.wait_for("Ready:", 60)
        assert server.rows("executive", BOTH) == [(1, 1)]
        client = server.connect("executive")
        assert rows(client, "select 1") == [(1,)]
    finally:
        assert server.stop() == 0  # although the client is still connected
    assert server.log.rstrip().endswith("Stopped.")


def test_beeline_reads_and_is_refused(own: Server) -> None:
    home = next((PROJECT / ".venv/lib").glob("python3.*/site-packages/pyspark"))
    command = [str(home / "bin/beeline"), "-u", f"jdbc:hive2://{HOST}:{own.port}/mart_sales", "-n", "executive"]
    command += ["-p", own.passwords["executive"], "--outputformat=csv2", "--silent=true", "-e"]
    text = "select region, count(*) as n from monthly where region = 'Asia' group by region"
    done = subprocess.run([*command, text], capture_output=True, text=True, timeout=120, check=False)
    assert list(csv.reader(done.stdout.splitlines()))[-2:] == [["region", "n"], ["Asia", "3"]] or "Asia" in done.stdout
    bad = subprocess.run(
        [*command, "select * from text.`/etc/passwd`"], capture_output=True, text=True, timeout=120, check=False
    )
    assert "Refused: the table" in bad.stderr
    assert "root:" not in bad.stdout + bad.stderr
