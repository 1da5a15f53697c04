"""A login by the form of the page, without a browser: only its cookie shows who asks."""

from __future__ import annotations

import re
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from tests.dashboards.stack import Stack

TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


class _From(HTTPAdapter):
    """Asks from one of this machine's addresses."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *sizes: Any, **more: Any) -> None:
        super().init_poolmanager(*sizes, source_address=(self._address, 0), **more)


def at(address: str) -> requests.Session:
    """A fresh session of somebody at an address; all that begin with 127. are this machine's own."""
    session = requests.Session()
    session.mount("http://", _From(address))
    return session


def filled_in(
    stack: Stack, user: str, password: str, address: str = "127.0.0.1"
) -> tuple[requests.Session, requests.Response]:
    """A fresh session, and what the form answers."""
    session = at(address)
    session.headers["Accept"] = "text/html,*/*"  # as a browser asks for a page
    session.headers["Referer"] = f"{stack.url}/login/"
    page = session.get(f"{stack.url}/login/", timeout=60)
    found = TOKEN.search(page.text)
    assert found is not None, page.text[:500]
    body = {"username": user, "password": password, "csrf_token": found[1]}
    return session, session.post(f"{stack.url}/login/", data=body, allow_redirects=False, timeout=60)


def logged_in(stack: Stack, user: str, password: str = "") -> requests.Session:
    """A session of somebody who gave the right password."""
    session, answer = filled_in(stack, user, password or stack.passwords[user])
    assert answer.is_redirect
    assert is_in(stack, session)
    return session


def is_in(stack: Stack, session: requests.Session) -> bool:
    """Whether somebody is logged in with the session."""
    return session.get(f"{stack.url}/api/v1/me/", timeout=60).status_code == 200
