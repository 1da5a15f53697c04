"""A login ends at logout and with its account, and so do its copies."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
import requests

from lib.dashboards.client import Client
from lib.serving.accounts import Account, Accounts, hashed
from tests.dashboards.browser_session import is_in, logged_in
from tests.dashboards.stack import Stack, wait_until

pytestmark = pytest.mark.e2e
ANNA, FIRST, SECOND = "anna", "a long enough password", "another long password"


@pytest.fixture
def anna(stack: Stack) -> Iterator[Accounts]:
    """A user who is made for a test."""
    accounts = Accounts(stack.secrets)
    accounts.add(Account(ANNA, "sales_analyst", hashed(FIRST)))
    wait_until(lambda: ANNA in {user["username"] for user in stack.admin.all("security/users/")})
    yield accounts
    if ANNA in accounts.all():
        accounts.remove(ANNA)
    wait_until(lambda: ANNA not in {user["username"] for user in stack.admin.all("security/users/")})


def _copied(session: requests.Session) -> requests.Session:
    """Somebody else's browser with the same cookies."""
    other = requests.Session()
    other.cookies = copy.deepcopy(session.cookies)
    return other


def _is_client_in(client: Client) -> bool:
    return client.ask("GET", "me/").status_code == 200


@pytest.mark.parametrize("way", ["/logout/", "/login/logout/"])
def test_a_copied_cookie_is_refused_after_logout(stack: Stack, way: str) -> None:
    session = logged_in(stack, "executive")
    copied = _copied(session)
    assert is_in(stack, copied)
    session.get(stack.url + way, timeout=60)
    assert not is_in(stack, copied)
    assert copied.get(f"{stack.url}/superset/dashboard/sales/", allow_redirects=False, timeout=60).is_redirect
    assert not is_in(stack, session)


def test_another_login_of_the_same_person_goes_on(stack: Stack) -> None:
    at_work, at_home = logged_in(stack, "executive"), logged_in(stack, "executive")
    at_work.get(f"{stack.url}/logout/", timeout=60)
    assert is_in(stack, at_home)


def test_a_token_is_refused_after_its_user_logged_out(stack: Stack) -> None:
    client, other = stack.client("dpo"), stack.client("marketing_analyst")
    assert _is_client_in(client)
    logged_in(stack, "dpo").get(f"{stack.url}/logout/", timeout=60)
    assert not _is_client_in(client)
    assert _is_client_in(other)
    assert _is_client_in(stack.client("dpo"))  # a new one holds


def test_a_program_can_log_out(stack: Stack) -> None:
    client = stack.client("dpo")
    client.session.get(f"{stack.url}/logout/", timeout=60)
    assert not _is_client_in(client)


def test_a_new_token_is_not_made_of_an_old_one_after_logout(stack: Stack) -> None:
    login = {"username": "dpo", "password": stack.passwords["dpo"], "provider": "db", "refresh": True}
    session = requests.Session()
    token = session.post(f"{stack.url}/api/v1/security/login", json=login, timeout=60).json()["refresh_token"]
    session.headers["Authorization"] = f"Bearer {token}"
    assert session.post(f"{stack.url}/api/v1/security/refresh", timeout=60).status_code == 200
    logged_in(stack, "dpo").get(f"{stack.url}/logout/", timeout=60)
    assert session.post(f"{stack.url}/api/v1/security/refresh", timeout=60).status_code == 401


def test_a_new_password_ends_what_began_with_the_old_one(stack: Stack, anna: Accounts) -> None:
    session, client = logged_in(stack, ANNA, FIRST), Client(stack.url, ANNA, FIRST)
    anna.change(ANNA, hashed(SECOND))
    assert not is_in(stack, session)
    assert not _is_client_in(client)
    assert is_in(stack, logged_in(stack, ANNA, SECOND))


def test_who_is_removed_is_out_at_once(stack: Stack, anna: Accounts) -> None:
    session, client = logged_in(stack, ANNA, FIRST), Client(stack.url, ANNA, FIRST)
    anna.remove(ANNA)
    assert not is_in(stack, session)
    assert not _is_client_in(client)


def test_a_cookie_without_a_login_that_the_server_knows_is_nobodys(stack: Stack) -> None:
    session = logged_in(stack, "executive")
    name, value = next((cookie.name, cookie.value or "") for cookie in session.cookies)
    forged = requests.Session()
    forged.cookies.set(name, value[:-4] + "AAAA")
    assert not is_in(stack, forged)
