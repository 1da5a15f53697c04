"""The users of the SQL endpoint: one line a user in a file that only its owner may read.

`NAME:ROLE:SECRET`, where the secret is `pbkdf2-sha512:ITERATIONS:SALT:HASH` in hex digits, or `ldap` if the company's
LDAP server checks the password. The endpoint reads the file whenever it has changed (`lib/serving/gate/Accounts.java`).
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lib import drafts
from lib.drafts import locked
from lib.errors import UsageError

FILE = "endpoint_users"
DEMO = "demo_users.csv"
# The role of the one account that may act for others, for example a dashboard server's; it reads nothing itself.
SERVICE = "service"
LDAP = "ldap"
NAME = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
ITERATIONS = 210_000
SALT_BYTES = 16
SHORTEST = 12


@dataclass(frozen=True)
class Account:
    """A user of the endpoint. `secret` is the hash of the password, or `ldap`."""

    name: str
    role: str
    secret: str


class Accounts:
    """The users' file. Every change replaces it in one step."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / FILE

    def text(self) -> str | None:
        """The content of the file, or None if there is no file. Raises `UsageError` if others may read it."""
        if not self.file.exists():
            return None
        if self.file.stat().st_mode & 0o077:
            raise UsageError(f"Others may read the users' file {self.file}.", f"Run: chmod 600 '{self.file}'")
        return self.file.read_text(encoding="utf-8")

    def all(self) -> dict[str, Account]:
        """The users by name."""
        return parsed(self.text() or "")

    def add(self, account: Account) -> None:
        """Add a user. Raises `UsageError` if the name is taken or invalid, or a service account already exists."""
        known = self.all()
        if not NAME.fullmatch(account.name):
            raise UsageError(
                f"'{account.name}' is not a valid user name.",
                "Use small letters, digits, '.', '_' and '-', and begin with a letter.",
            )
        if account.name in known:
            raise UsageError(f"There is a user '{account.name}' already.", "Use passwd, or remove the user first.")
        services = [other.name for other in known.values() if other.role == SERVICE]
        if account.role == SERVICE and services:
            raise UsageError(f"'{services[0]}' is already the service account, and there can be only one.")
        self.write([*known.values(), account])

    def change(self, name: str, secret: str) -> None:
        """Give a user another secret."""
        account = self._known(name)
        others = [other for other in self.all().values() if other.name != name]
        self.write([*others, Account(account.name, account.role, secret)])

    def remove(self, name: str) -> None:
        """Remove a user."""
        self._known(name)
        self.write([account for account in self.all().values() if account.name != name])

    def write(self, accounts: Iterable[Account]) -> None:
        """Replace the file."""
        ordered = sorted(accounts, key=lambda account: account.name)
        write_private(self.file, "".join(f"{a.name}:{a.role}:{a.secret}\n" for a in ordered))

    def _known(self, name: str) -> Account:
        known = self.all()
        if name not in known:
            raise UsageError(f"There is no user '{name}'.", f"Known: {', '.join(sorted(known)) or 'none'}.")
        return known[name]


def parsed(text: str) -> dict[str, Account]:
    """The users of a users' file, by name."""
    parts = [line.split(":", 2) for line in text.splitlines() if line and not line.startswith("#")]
    return {name: Account(name, role, secret) for name, role, secret in parts}


def hashed(password: str) -> str:
    """The slow, salted hash of a password. Raises `UsageError` if the password is short."""
    if len(password) < SHORTEST:
        raise UsageError(f"The password is shorter than {SHORTEST} characters.", "Choose a longer one.")
    salt = secrets.token_bytes(SALT_BYTES)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS, dklen=32)
    return f"pbkdf2-sha512:{ITERATIONS}:{salt.hex()}:{digest.hex()}"


def generated() -> str:
    """A password that nobody has to remember."""
    return secrets.token_urlsafe(18)


def make_demo(accounts: Accounts, roles: Mapping[str, str]) -> Path:
    """One user for each name in `roles` (name -> role), their random passwords beside the users' file."""
    passwords = {name: generated() for name in roles}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["user", "role", "password"])
    writer.writerows([name, role, passwords[name]] for name, role in roles.items())
    demo = accounts.file.with_name(DEMO)
    write_private(demo, text.getvalue())
    accounts.write(Account(name, role, hashed(passwords[name])) for name, role in roles.items())
    return demo


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read, in one step: a reader sees the old text or the new one."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locked(file.parent):
        drafts.write(file, text.encode())
