"""The login: for the users of the SQL endpoint, with the same passwords, checked against the same file."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import attempts
import sessions
from accounts import SERVICE, accounts
from flask import g
from flask_jwt_extended import JWTManager
from superset.security import SupersetSecurityManager

PREFIX = "pbkdf2-sha512"
# The hash of a password that nobody has: an unknown name takes as long as a wrong password.
NOBODY = f"{PREFIX}:210000:{'00' * 16}:{'00' * 32}"


def proves(secret: str, password: str) -> bool:
    """Whether the password matches the hash. Passwords that the company's LDAP server checks are not accepted here."""
    if not secret.startswith(f"{PREFIX}:"):
        return False
    _, iterations, salt, expected = secret.split(":")
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), bytes.fromhex(salt), int(iterations), dklen=32)
    return hmac.compare_digest(digest.hex(), expected)


class SecurityManager(SupersetSecurityManager):
    """Superset's own, except the check of a password and the duration of a login."""

    def auth_user_db(self, username: str, password: str) -> Any:
        """The user, if the endpoint knows name and password; else None."""
        if not attempts.are_texts(username or "", password or ""):
            return None
        return attempts.judged(username or "", lambda: self._proved(username or "", password or ""))

    def auth_user_ldap(self, _username: str, _password: str) -> None:
        """Nobody: the company's LDAP server is not asked here, and no password bypasses `attempts`."""

    def _proved(self, username: str, password: str) -> Any:
        role, secret = accounts().get(username, ("", NOBODY))
        if role == SERVICE:
            return super().auth_user_db(username, password)
        user = self.find_user(username=username)
        right = proves(secret, password)
        if user is None or not user.is_active:
            return None
        self.update_user_auth_stat(user, right)
        return user if right else None

    def load_user(self, pk: int) -> Any:
        """The user of a cookie, if its login has not ended."""
        user = super().load_user(pk)
        return user if user is not None and sessions.holds(user) else None

    def load_user_jwt(self, _jwt_header: Any, jwt_data: Any) -> Any:
        """The user of a token, if it has not ended."""
        user = super().load_user(jwt_data["sub"])
        if user is None or not sessions.token_holds(user, jwt_data):
            return None
        g.user = user  # like Superset's own method
        return user

    def create_jwt_manager(self, app: Any) -> JWTManager:
        """Superset's own, with tokens that state their account and the time of their creation."""
        manager, found = super().create_jwt_manager(app), super().load_user
        manager.additional_claims_loader(lambda number: sessions.claims(found(number)))
        return manager

    def on_user_logout(self, user: Any) -> None:
        """End the login permanently."""
        sessions.end(user)
