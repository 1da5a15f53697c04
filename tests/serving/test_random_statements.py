"""Random mutations of valid and hostile statements: the answer is rows of the asker's marts, or a refusal, and the
server goes on.
"""

from __future__ import annotations

import contextlib
import random
import re
from dataclasses import dataclass, field

import pytest
from pyhive.exc import Error
from thrift.Thrift import TException

from tests.serving.attacks import ATTACKS
from tests.serving.lakes import CANARY, MARTS
from tests.serving.server import Server, rows

pytestmark = pytest.mark.e2e
SEED = 20_240_229
USER = "sales_manager_asia"
VALID = (
    "select region, sum(revenue) as total from mart_sales.monthly where region <> 'x' group by 1 order by total",
    "with a as (select * from mart_sales.trends) select day, revenue from a limit 5",
    "select m.region, y.units from mart_sales.monthly m left join mart_sales.yearly y on m.region = y.region limit 3",
    "select count(distinct category), max(period_start) from mart_sales.quarterly having count(*) > 0",
    "select rank() over (partition by region order by revenue desc) as r, product from mart_sales.products",
    "select * from mart_users.churn union all select * from mart_users.churn",
    "select case when revenue > 1 then region else category end from mart_sales.monthly where day(period_start) = 1",
    "show tables in mart_sales",
    "describe mart_sales.monthly",
)
# Regions of which this user sees no row. A statement may name one itself, so only values count that it does not name.
FOREIGN = ("Africa", "Americas", "Europe", "Oceania")
TOKEN = re.compile(r"`[^`]*`|'[^']*'|\w+|\s+|.")


def mutated(source: random.Random) -> str:
    """Parts of two statements, with parts dropped, doubled, exchanged and put in."""
    attacks = [attack for attack in ATTACKS if len(attack) < 500]
    one = TOKEN.findall(source.choice(VALID if source.random() < 0.7 else attacks))
    other = TOKEN.findall(source.choice([*VALID, *attacks]))
    for _ in range(source.choice([1, 1, 1, 2, 4])):
        at = source.randrange(len(one) + 1)
        kind = source.randrange(5)
        if kind == 0:
            del one[at : at + source.randint(1, 3)]
        elif kind == 1:
            one[at:at] = one[max(0, at - 4) : at]
        elif kind == 2:
            begin = source.randrange(len(other))
            one[at:at] = [" ", *other[begin : begin + source.randint(1, 12)], " "]
        elif kind == 3:
            one[at:at] = ["(", *other, ")"]
        else:
            one[at : at + 1] = [
                source.choice(["*", ",", "|>", "${x}", ";", "--", "\0", "é", "mart_users", "silver", "1"])
            ]
        one = one or ["select"]
    return "".join(one)


def shows_what_it_must_not(statement: str, found: list[tuple[object, ...]]) -> bool:
    text = str(found)
    return CANARY in text or any(region in text and region not in statement for region in FOREIGN)


@dataclass
class Storm:
    """What became of random statements: how many were answered, how often the connection was lost, what leaked."""

    answered: int = 0
    lost: int = 0
    leaks: list[str] = field(default_factory=list)


def storm(server: Server, count: int, seed: int) -> Storm:
    source = random.Random(seed)  # noqa: S311 - no secret
    result = Storm()
    asked = 0
    while asked < count:
        with contextlib.suppress(OSError, TException), contextlib.closing(server.connect(USER)) as connection:
            while asked < count:
                asked += 1
                ask(connection, mutated(source), result)
        result.lost += asked < count
    return result


def ask(connection: object, statement: str, result: Storm) -> None:
    with contextlib.suppress(Error, UnicodeError):
        found = rows(connection, statement)
        result.answered += 1
        result.leaks += [statement] if shows_what_it_must_not(statement, found) else []


def check(server: Server, count: int) -> None:
    result = storm(server, count, SEED)
    print(f"{count} random statements, {result.answered} answered, {result.lost} connections lost")  # noqa: T201 - shown by pytest -rP
    assert result.leaks == []
    assert result.answered > count / 100
    assert result.lost <= count / 100
    assert server.rows("executive", "select count(*) from mart_sales.monthly") == [(21,)]
    described = {row[1] for row in server.rows("executive", "show tables in mart_sales")}
    assert described == {table.name for table in MARTS if table.layer == "mart_sales"}


def test_five_hundred(server: Server) -> None:
    check(server, 500)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_ten_thousand(server: Server) -> None:
    check(server, 10_000)
