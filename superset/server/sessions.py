"""A login ends at logout, or when its password or role changes; a copied cookie or token ends with it.

A cookie is signed and names a login that the server knows. After logout the server no longer knows it. An API token
states its time; tokens from before their user's logout are refused. Both carry a keyed hash of the account in the
endpoint's file, so that `endpoint_user passwd`, `add` and `remove` end them at once.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from typing import Any

from accounts import SERVICE, accounts, administrators_password
from flask import Flask, current_app, request, session
from flask_jwt_extended import current_user as token_user
from flask_jwt_extended import verify_jwt_in_request
from flask_login import user_logged_in
from store import store

SESSION, ACCOUNT = "lakehouse_login", "lakehouse_account"
MADE_AT = "lakehouse_made_at"


def change(app: Flask) -> None:
    """Note each login of a browser, and let a program log out too."""
    user_logged_in.connect(_begin, app)

    @app.before_request
    def end_tokens() -> None:
        if request.url_rule is not None and request.url_rule.endpoint.endswith(".logout") and brings_a_token():
            verify_jwt_in_request()
            end(token_user)


def _begin(_app: Flask, user: Any) -> None:
    session[SESSION] = secrets.token_urlsafe(32)
    session[ACCOUNT] = fingerprint(user.username)
    store().put(_known_as(session[SESSION]), 1, current_app.permanent_session_lifetime.total_seconds())


def brings_a_token() -> bool:
    """Whether this request has an API token."""
    return str(request.headers.get("Authorization", "")).startswith("Bearer ")


def holds(user: Any) -> bool:
    """Whether the cookie of this request belongs to a login that has not ended."""
    stated = (session.get(SESSION), session.get(ACCOUNT))
    if not all(isinstance(part, str) for part in stated):
        return False
    number, account = stated
    return _is_of(user, str(account)) and store().get(_known_as(str(number))) is not None


def end(user: Any) -> None:
    """End the login of this request, and all tokens that the user has."""
    number = session.pop(SESSION, None)
    if number:
        store().drop(_known_as(number))
    lifetimes = (current_app.config[f"JWT_{kind}_TOKEN_EXPIRES"] for kind in ("ACCESS", "REFRESH"))
    store().put(_ended(user.username), time.time(), max(lifetimes).total_seconds())


def claims(user: Any) -> dict[str, Any]:
    """The claims of a token beside its user."""
    return {ACCOUNT: fingerprint(user.username), MADE_AT: time.time()}


def token_holds(user: Any, stated: dict[str, Any]) -> bool:
    """Whether a token belongs to the current state of an account, and was made after its user's last logout."""
    made = stated.get(MADE_AT)
    if not isinstance(made, float) or not _is_of(user, str(stated.get(ACCOUNT))):
        return False
    ended = store().get(_ended(user.username))
    return ended is None or made > ended


def _is_of(user: Any, account: str) -> bool:
    now = fingerprint(user.username)
    return bool(now) and hmac.compare_digest(account, now)


def fingerprint(name: str) -> str:
    """A keyed hash of an account's role and secret; empty if the account does not exist."""
    role, secret = accounts().get(name, ("", ""))
    own = administrators_password() if role == SERVICE else ""
    return _hash("account", name, role, secret, own) if role else ""


def _known_as(number: str) -> str:
    return f"session:{_hash('session', number)}"


def _ended(name: str) -> str:
    return f"ended:{_hash('ended', name)}"


def _hash(*parts: str) -> str:
    key = str(current_app.config["SECRET_KEY"]).encode()
    return hmac.new(key, "\0".join(parts).encode(), hashlib.sha256).hexdigest()
