"""The users: those of the SQL endpoint, read from the same file at each question.

So there is one list of users (`endpoint_user add`, `passwd`, `remove`), and Superset keeps none of their passwords.
Superset's only own account is its administrator. It has the service account's name and the password in
`superset_admin_password`; at the endpoint this name reads no row.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

from sqlalchemy.engine.url import URL

SERVICE = "service"


def _secret(name: str) -> Path:
    return Path(os.environ["LAKEHOUSE_SECRETS"]) / name


def accounts() -> dict[str, tuple[str, str]]:
    """Name -> role and secret, from the endpoint's current file; as there, a line with fewer parts is ignored."""
    lines = _secret("endpoint_users").read_text(encoding="utf-8").splitlines()
    parts = [line.split(":", 2) for line in lines if not line.startswith("#")]
    return {part[0]: (part[1], part[2]) for part in parts if len(part) == 3}  # noqa: PLR2004 - name, role, secret


def service_password(_address: URL) -> str:
    """The password of the service account, which queries the endpoint for other users."""
    own = _secret("superset_endpoint_password")
    if own.exists():
        return own.read_text(encoding="utf-8").strip()
    with _secret("demo_users.csv").open(encoding="utf-8") as file:
        return next(row["password"] for row in csv.DictReader(file) if row["role"] == SERVICE)


def administrators_password() -> str:
    """The password of Superset's administrator."""
    return _secret("superset_admin_password").read_text(encoding="utf-8").strip()


def is_administrator(name: str) -> bool:
    """Whether this is the name of the one account that may do more than look at dashboards."""
    return accounts().get(name, ("", ""))[0] == SERVICE
