"""The real thing for the tests: a lake by the pipeline, the endpoint, Superset, and everyone who may log in."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import requests
import yaml
from deltalake import DeltaTable
from pyhive import hive

from lib.contracts import model
from lib.dashboards import specs
from lib.dashboards.client import Client
from lib.dashboards.provision import ASSETS, Place, administrator, provision
from lib.serving import roles
from lib.settings import PROJECT, Settings, load
from tests.dashboards import odd_names
from tests.ports import free_port

CATALOG = model.load(PROJECT / "lakehouse")
ROLES = roles.load(PROJECT / "conf/roles.yaml", CATALOG)
DASHBOARDS = {dashboard.slug: dashboard for dashboard in specs.load(ASSETS, CATALOG).dashboards}
SEES = {
    (name, slug): dashboard.marts <= set(role.marts)
    for name, role in ROLES.by_name.items()
    for slug, dashboard in DASHBOARDS.items()
}
SECONDS_TO_START = 280
# Where pictures go, if they are to be kept; docs/screenshots to renew those of the docs.
PICTURES = os.environ.get("LAKEHOUSE_SCREENSHOTS")
FAST = {
    "LAKEHOUSE_DRIVER_MEMORY": "1500m",
    "SPARK_SUBMIT_OPTS": "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m",
}


@dataclass
class Stack:
    """One endpoint and one Superset over one lake."""

    folder: Path
    lake: Path
    port: int
    endpoint_port: int

    @property
    def url(self) -> str:
        """Where Superset is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def secrets(self) -> Path:
        """Where the users' file is."""
        return self.folder / "secrets"

    @property
    def roles_file(self) -> Path:
        """The roles that endpoint and Superset follow."""
        return self.folder / "roles.yaml"

    @property
    def settings(self) -> Settings:
        """The deployment."""
        return load(self.folder / "deployment.yaml")

    @property
    def place(self) -> Place:
        """Where assets go."""
        return Place(self.url, f"127.0.0.1:{self.endpoint_port}", self.folder / "home")

    @cached_property
    def passwords(self) -> Mapping[str, str]:
        """The passwords of the demo users."""
        with (self.secrets / "demo_users.csv").open(encoding="utf-8") as file:
            return {row["user"]: row["password"] for row in csv.DictReader(file)}

    @cached_property
    def admin(self) -> Client:
        """Superset's administrator."""
        return administrator(self.secrets, self.url)

    def client(self, user: str) -> Client:
        """A fresh session of a viewer."""
        return Client(self.url, user, self.passwords[user])

    def provision(self, assets: Path = ASSETS) -> list[str]:
        """Bring Superset in line with these assets."""
        return provision(self.settings, self.place, assets)

    def forget(self) -> None:
        """Ask again for Superset's numbers: what was removed and made again has another."""
        for name in ("chart_ids", "dashboard_ids", "dataset_ids"):
            self.__dict__.pop(name, None)

    @cached_property
    def chart_ids(self) -> Mapping[tuple[str, str], int]:
        """Superset's number of each chart, by dashboard and slug."""
        found: dict[tuple[str, str], int] = {}
        for dashboard in DASHBOARDS.values():
            titles = {c["slice_name"]: c["id"] for c in self.admin.get(f"dashboard/{dashboard.slug}/charts")["result"]}
            found |= {(dashboard.slug, chart.slug): titles[chart.title] for chart in dashboard.charts}
        return found

    @cached_property
    def dashboard_ids(self) -> Mapping[str, int]:
        """Superset's number of each dashboard."""
        return {slug: self.admin.get(f"dashboard/{slug}")["result"]["id"] for slug in DASHBOARDS}

    @cached_property
    def dataset_ids(self) -> Mapping[str, int]:
        """Superset's number of each dataset, by table."""
        return {f"{entry['schema']}/{entry['table_name']}": entry["id"] for entry in self.admin.all("dataset/")}

    def published(self) -> dict[str, pa.Table]:
        """What is published, read without Spark."""
        tables = {}
        for name in ("published.json", "published_operations.json"):
            for path, entry in json.loads((self.lake / name).read_text(encoding="utf-8"))["tables"].items():
                tables[path] = DeltaTable(str(self.lake / path), version=entry["version"]).to_pyarrow_table()
        return tables

    def figures(self, sql: str, role: str = "executive") -> list[tuple[Any, ...]]:
        """A query over what the role may see, by DuckDB. `mart_sales/monthly` is `mart_sales.monthly` there."""
        rows = ROLES.by_name[role].rows
        with duckdb.connect() as database:
            for path, table in self.published().items():
                schema, name = path.split("/")
                database.execute(f"create schema if not exists {schema}")
                database.register("arriving", table)
                values = ", ".join(f"'{value}'" for value in rows or ())
                own = f" where region in ({values})" if rows and "region" in table.column_names else ""
                database.execute(f"create table {schema}.{name} as select * from arriving{own}")
            return database.execute(sql).fetchall()

    def asked(self, client: Client, dashboard: str, chart: str, **query: Any) -> requests.Response:
        """A question in the name of a chart, whatever it is that is asked."""
        table = next(c.table for c in DASHBOARDS[dashboard].charts if c.slug == chart)
        return client.ask("POST", "chart/data", json=self.question(dashboard, chart, table, **query))

    def question(self, dashboard: str, chart: str, table: str, **query: Any) -> dict[str, Any]:
        """The body of such a question."""
        parts: dict[str, Any] = {
            key: query.pop(key) for key in ("result_format", "result_type", "force") if key in query
        }
        form = {"slice_id": self.chart_ids[dashboard, chart], "dashboardId": self.dashboard_ids[dashboard]}
        asked = {"columns": [], "metrics": [], "filters": [], "row_limit": 1000, **query}
        return {
            "datasource": {"id": self.dataset_ids[table], "type": "table"},
            "queries": [asked],
            "form_data": form,
            "result_format": "json",
            "result_type": "full",
            "force": False,
            **parts,
        }

    def at_the_endpoint(self, user: str, statement: str) -> list[tuple[Any, ...]]:
        """The rows that the endpoint gives a user."""
        password = self.passwords[user]
        connection = hive.connect("127.0.0.1", self.endpoint_port, username=user, password=password, auth="CUSTOM")
        with contextlib.closing(connection), contextlib.closing(connection.cursor()) as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())


def regions(answer: requests.Response) -> set[str]:
    """The regions in an answer."""
    assert answer.status_code == 200, answer.text[:500]
    return {row["region"] for row in answer.json()["result"][0]["data"]}


def wait_until(what: Any, seconds: float = 30) -> None:
    """Wait until something is so."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(0.3)


def make_lake(folder: Path) -> Path:
    """A small lake of the invented shop, by the real command; for pictures that of a first run, without odd names."""
    sample = folder / "shop.csv"
    rows = "10000" if PICTURES else "2500"
    module = [sys.executable, "-m", "splitter.sample", "--rows", rows, "--out", str(sample)]
    subprocess.run(module, cwd=PROJECT, check=True, capture_output=True)
    odd = [] if PICTURES else ["--input", str(odd_names.write(folder / "odd.csv"))]
    lake = folder / "lake"
    options = ["--lake", str(lake), "--conf", str(folder / "deployment.yaml")]
    stated = ["--input", str(sample), *odd, "--extract-date", "2023-08-25"]
    command = [str(PROJECT / "spark-submit.sh"), "pipeline", *options, *stated]
    done = subprocess.run(command, env={**os.environ, **FAST}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return lake


def write_deployment(folder: Path) -> None:
    """Keys, users and roles of the tests' own."""
    shutil.copy(PROJECT / "conf/roles.yaml", folder / "roles.yaml")
    stated = {
        "lake": str(folder / "lake"),
        "contracts": str(PROJECT / "lakehouse"),
        "sources": str(PROJECT / "conf/sources"),
        "secrets": str(folder / "secrets"),
        "roles": str(folder / "roles.yaml"),
    }
    (folder / "deployment.yaml").write_text(yaml.safe_dump(stated), encoding="utf-8")


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Stack]:
    """The whole stack, started by the command that a person uses, and stopped at the end."""
    write_deployment(folder)
    stack = Stack(folder, make_lake(folder), free_port(), free_port())
    options = ["--conf", str(folder / "deployment.yaml"), "--home", str(folder / "home")]
    ports = ["--port", str(stack.port), "--endpoint-port", str(stack.endpoint_port)]
    log = folder / "launch.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [str(PROJECT / "superset/start.sh"), *options, *ports],
            env={**os.environ, **FAST},
            cwd=folder,
            stderr=stream,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + SECONDS_TO_START
        while "Ready after" not in log.read_text(encoding="utf-8"):
            assert process.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < until, log.read_text(encoding="utf-8")
            time.sleep(0.5)
        yield stack
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
