"""The people: the users of the SQL endpoint, read from the same file at each question.

So there is one list of people (`endpoint_user add`, `passwd`, `remove`), and Superset keeps no password of any of them.
The one account of Superset's own is its administrator, who has the service account's name and the password in
`superset_admin_password`; at the endpoint that name reads no row.
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
    """Name -> role and secret, as the endpoint's file has them now; a line of fewer parts is of nobody, as there."""
    lines = _secret("endpoint_users").read_text(encoding="utf-8").splitlines()
    parts = [line.split(":", 2) for line in lines if not line.startswith("#")]
    return {part[0]: (part[1], part[2]) for part in parts if len(part) == 3}  # noqa: PLR2004 - name, role, secret


def service_password(_address: URL) -> str:
    """The password of the service account, which asks the endpoint for others."""
    own = _secret("superset_endpoint_password")
    if own.exists():
        return own.read_text(encoding="utf-8").strip()
    with _secret("demo_users.csv").open(encoding="utf-8") as file:
        return next(row["password"] for row in csv.DictReader(file) if row["role"] == SERVICE)


def administrators_password() -> str:
    """The password of Superset's administrator."""
    return _secret("superset_admin_password").read_text(encoding="utf-8").strip()


def is_administrator(name: str) -> bool:
    """Whether that is the name of the one account that may do more than look at dashboards."""
    return accounts().get(name, ("", ""))[0] == SERVICE
