"""Superset's API, as an administrator or as anyone else who can log in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import requests

from lib.errors import LakehouseError

SECONDS = 120
PAGE = 100


class Client:
    """One session of one user."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url.rstrip("/")
        self.session = requests.Session()
        self.session.headers["Referer"] = self.url
        self.session.headers["Connection"] = "close"  # the server may close one after a refused question
        login = {"username": user, "password": password, "provider": "db", "refresh": True}
        token = self.post("security/login", login)["access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"
        self.session.headers["X-CSRFToken"] = self.get("security/csrf_token/")["result"]

    def ask(self, method: str, path: str, **parts: Any) -> requests.Response:
        """The answer, successful or not."""
        try:
            return self.session.request(method, f"{self.url}/api/v1/{path}", timeout=SECONDS, **parts)
        except requests.RequestException as error:
            raise LakehouseError(f"Superset at {self.url} gave no answer ({type(error).__name__}).") from error

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """An answer's content. `query` is Superset's `q`."""
        parameters = {"q": json.dumps(query)} if query else {}
        return _content(self.ask("GET", path, params=parameters))

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Make something."""
        return _content(self.ask("POST", path, json=body))

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        """Change something."""
        return _content(self.ask("PUT", path, json=body))

    def delete(self, path: str) -> None:
        """Remove something."""
        _content(self.ask("DELETE", path))

    def all(self, path: str) -> Iterator[Mapping[str, Any]]:
        """Every entry of a list, page by page."""
        page = 0
        while True:
            result = self.get(path, {"page": page, "page_size": PAGE})["result"]
            yield from result
            if len(result) < PAGE:
                return
            page += 1


def _content(answer: requests.Response) -> Any:
    if not answer.ok:
        path = answer.request.path_url.partition("?")[0]
        raise LakehouseError(
            f"Superset answered {answer.status_code} to {answer.request.method} {path}: {_said(answer)}"
        )
    return answer.json() if answer.content else {}


def _said(answer: requests.Response) -> str:
    try:
        stated = answer.json()
    except ValueError:
        return answer.text[:200]
    return json.dumps(stated.get("errors", stated.get("message", stated)))[:600]
