"""Many clients at once: `python -m tests.serving.load --port 10000 --users .secrets/demo_users.csv` prints how long
queries take at a running endpoint: `select 1`, then marts, by one client and by many.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pyhive import hive

QUERIES = (
    "select region, sum(revenue) as revenue from mart_sales.monthly group by region order by revenue desc",
    "select period_start, sum(revenue) as revenue from mart_sales.monthly group by period_start order by period_start",
    "select product, sum(units) as units from mart_sales.products group by product order by units desc limit 10",
    "select day, avg(revenue_28d) as revenue from mart_sales.trends group by day order by day limit 400",
    "select age_band, gender, sum(users) as users from mart_users.demographics group by age_band, gender",
    "select cohort_month, months_since, sum(retained_users) as users from mart_users.retention group by 1, 2",
    "select month, try_divide(sum(churned_users), sum(users_at_start)) as rate from mart_users.churn group by month",
)
FLOOR = ("select 1",)


@dataclass
class Measured:
    """Seconds per query, and the failures."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """One line for a person."""
        if not self.seconds:
            return f"no query answered, {len(self.errors)} errors"
        ordered = sorted(self.seconds)
        p95 = ordered[int(len(ordered) * 0.95) - 1]
        middle = statistics.median(ordered)
        times = f"p50 {middle:.2f} s, p95 {p95:.2f} s, max {ordered[-1]:.2f} s"
        return f"{len(ordered)} queries, {len(self.errors)} errors, {times}"


def measure(
    host: str, port: int, user: str, password: str, *, clients: int, queries: int, asked: Sequence[str] = QUERIES
) -> Measured:
    """So many clients of one user, each with a session of its own that asks so many queries."""
    measured = Measured()

    def ask(first: int) -> None:
        try:
            with contextlib.closing(
                hive.connect(host, port, username=user, password=password, auth="CUSTOM")
            ) as connection:
                for number in range(first, first + queries):
                    began = time.monotonic()
                    cursor = connection.cursor()
                    cursor.execute(asked[number % len(asked)])
                    cursor.fetchall()
                    cursor.close()
                    measured.seconds.append(time.monotonic() - began)
        except Exception as error:  # noqa: BLE001 - any error is counted
            measured.errors.append(f"{type(error).__name__}: {error}"[:300])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return measured


def main() -> None:
    """Measure a running endpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=10000)
    parser.add_argument("--users", type=Path, default=Path(".secrets/demo_users.csv"))
    parser.add_argument("--user", default="executive")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--queries", type=int, default=200)
    given = parser.parse_args()
    with given.users.open(encoding="utf-8") as file:
        passwords = {row["user"]: row["password"] for row in csv.DictReader(file)}
    password = passwords[given.user]
    for clients, queries, asked in ((1, 100, FLOOR), (1, 100, QUERIES), (given.clients, given.queries, QUERIES)):
        measured = measure(given.host, given.port, given.user, password, clients=clients, queries=queries, asked=asked)
        what = "select 1" if asked is FLOOR else "marts"
        print(f"{clients} clients, {what}: {measured.summary()}", flush=True)  # noqa: T201 - what it is for
        for text in measured.errors[:5]:
            print(text)  # noqa: T201 - a program of its own


if __name__ == "__main__":
    main()
