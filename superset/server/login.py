"""Who may log in: the users of the SQL endpoint, with the same passwords, checked against the same file.

So there is one list of people (`endpoint_user add`, `passwd`, `remove`), and Superset keeps no password of any of them.
The one account of Superset's own is its administrator, who has the service account's name and the password in
`superset_admin_password`; at the endpoint that name reads no row.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import os
from pathlib import Path
from typing import Any

from sqlalchemy.engine.url import URL
from superset.security import SupersetSecurityManager

SERVICE = "service"
PREFIX = "pbkdf2-sha512"
# Of a password that nobody has: an unknown name takes as long as a wrong password.
NOBODY = f"{PREFIX}:210000:{'00' * 16}:{'00' * 32}"


def _secret(name: str) -> Path:
    return Path(os.environ["LAKEHOUSE_SECRETS"]) / name


def accounts() -> dict[str, tuple[str, str]]:
    """Name -> role and secret, as the endpoint's file has them now."""
    lines = _secret("endpoint_users").read_text(encoding="utf-8").splitlines()
    parts = [line.split(":", 2) for line in lines if line and not line.startswith("#")]
    return {name: (role, secret) for name, role, secret in parts}


def service_password(_address: URL) -> str:
    """The password of the service account, which asks the endpoint for others."""
    own = _secret("superset_endpoint_password")
    if own.exists():
        return own.read_text(encoding="utf-8").strip()
    with _secret("demo_users.csv").open(encoding="utf-8") as file:
        return next(row["password"] for row in csv.DictReader(file) if row["role"] == SERVICE)


def proves(secret: str, password: str) -> bool:
    """Whether the password is that of the hash. What the company's LDAP server checks is not proved here."""
    if not secret.startswith(f"{PREFIX}:"):
        return False
    _, iterations, salt, expected = secret.split(":")
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), bytes.fromhex(salt), int(iterations), dklen=32)
    return hmac.compare_digest(digest.hex(), expected)


class SecurityManager(SupersetSecurityManager):  # type: ignore[misc]
    """Superset's own, but for the check of a password."""

    def auth_user_db(self, username: str, password: str) -> Any:
        """The user, if the endpoint knows name and password; else None."""
        role, secret = accounts().get(username or "", ("", NOBODY))
        if role == SERVICE:
            return super().auth_user_db(username, password)
        user = self.find_user(username=username)
        right = proves(secret, password or "")
        if user is None or not user.is_active:
            return None
        self.update_user_auth_stat(user, right)
        return user if right else None
