"""Wrong passwords: a client that tries many must wait, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from lib.serving.accounts import Account, Accounts, hashed
from tests.dashboards.browser_session import at, filled_in
from tests.dashboards.stack import Stack, wait_until

pytestmark = pytest.mark.e2e
BERT, RIGHT, WRONG = "bert", "a long enough password", "a wrong password"
# Addresses of this machine that no other test asks from.
THIEF, AT_WORK, AT_HOME, CROWD = "127.0.40.1", "127.0.40.2", "127.0.40.3", "127.0.41."
FREE = 5


@pytest.fixture
def bert(stack: Stack, request: pytest.FixtureRequest) -> Iterator[str]:
    """A user for only one test."""
    accounts, name = Accounts(stack.secrets), f"{BERT}_{abs(hash(request.node.name)) % 10**8}"
    accounts.add(Account(name, "sales_analyst", hashed(RIGHT)))
    wait_until(lambda: name in {user["username"] for user in stack.admin.all("security/users/")})
    yield name
    accounts.remove(name)


def _asked(stack: Stack, address: str, user: str, password: str) -> requests.Response:
    body = {"username": user, "password": password, "provider": "db", "refresh": True}
    return at(address).post(f"{stack.url}/api/v1/security/login", json=body, timeout=60)


def test_who_tries_sixty_passwords_is_blocked_also_with_the_right_one(stack: Stack, bert: str) -> None:
    codes = [_asked(stack, THIEF, bert, WRONG).status_code for _ in range(60)]
    assert codes[: FREE + 1] == [401] * (FREE + 1)
    assert codes[FREE + 1 :] == [429] * (60 - FREE - 1)
    answer = _asked(stack, THIEF, bert, RIGHT)
    seconds = int(answer.headers["Retry-After"])
    assert (answer.status_code, answer.json()) == (
        429,
        {"message": f"Too many attempts to log in: please try again in {seconds} seconds."},
    )
    assert 1 <= seconds <= 30


def test_the_form_refuses_as_the_api_does(stack: Stack, bert: str) -> None:
    answers = [filled_in(stack, bert, WRONG, THIEF)[1] for _ in range(FREE + 2)]
    assert [answer.status_code for answer in answers] == [302] * (FREE + 1) + [429]
    assert answers[-1].text.startswith("Too many attempts to log in: please try again in ")
    assert filled_in(stack, bert, RIGHT, THIEF)[1].status_code == 429
    assert _asked(stack, THIEF, bert, RIGHT).status_code == 429  # one count for both


def test_attempts_at_once_are_counted_one_by_one(stack: Stack, bert: str) -> None:
    with ThreadPoolExecutor(30) as pool:
        codes = list(pool.map(lambda _: _asked(stack, THIEF, bert, WRONG).status_code, range(60)))
    assert codes.count(401) <= FREE + 1
    assert set(codes) == {401, 429}


def test_the_owner_at_another_address_and_others_at_the_same_are_not_blocked(stack: Stack, bert: str) -> None:
    for _ in range(20):
        _asked(stack, THIEF, bert, WRONG)
    assert _asked(stack, THIEF, bert, RIGHT).status_code == 429
    assert _asked(stack, AT_HOME, bert, RIGHT).status_code == 200
    assert _asked(stack, THIEF, "executive", stack.passwords["executive"]).status_code == 200


def test_who_tries_many_names_shuts_out_nobody_who_is_known_there(stack: Stack, bert: str) -> None:
    assert _asked(stack, AT_WORK, bert, RIGHT).status_code == 200
    codes = [_asked(stack, AT_WORK, f"nobody_{number}", WRONG).status_code for number in range(60)]
    assert codes[0] == 401
    assert codes[-1] == 429
    assert _asked(stack, AT_WORK, bert, RIGHT).status_code == 200
    assert _asked(stack, AT_HOME, "executive", stack.passwords["executive"]).status_code == 200


def test_many_addresses_against_one_account_stop_strangers_and_not_its_owner(stack: Stack, bert: str) -> None:
    assert _asked(stack, AT_HOME, bert, RIGHT).status_code == 200
    codes = [_asked(stack, f"{CROWD}{number}", bert, WRONG).status_code for number in range(1, 31)]
    assert codes[0] == 401
    assert codes[-1] == 429
    assert _asked(stack, f"{CROWD}200", bert, RIGHT).status_code == 429
    assert _asked(stack, AT_HOME, bert, RIGHT).status_code == 200


def test_a_few_mistakes_and_then_the_right_password(stack: Stack, bert: str) -> None:
    for _ in range(3):
        assert [_asked(stack, AT_HOME, bert, WRONG).status_code for _ in range(FREE - 1)] == [401] * (FREE - 1)
        assert _asked(stack, AT_HOME, bert, RIGHT).status_code == 200  # after this the count begins again
