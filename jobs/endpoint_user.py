"""Manage the users of the SQL endpoint, also of a running one: add NAME --role ROLE, passwd NAME, remove NAME, list."""

from __future__ import annotations

import getpass
import os
import sys
from argparse import Namespace
from pathlib import Path

from lib import cli
from lib.contracts import model
from lib.errors import UsageError
from lib.serving import accounts, roles
from lib.serving.accounts import Account, Accounts

ACTIONS = ("add", "passwd", "remove", "list")


def arguments() -> Namespace:
    """The command line of this job."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("action", choices=ACTIONS, help="what to do")
    parser.add_argument("name", nargs="?", help="the user; not for list")
    parser.add_argument(
        "--role", help="for add: a role of conf/roles.yaml, or service (acts for other users, reads nothing)"
    )
    given = parser.add_mutually_exclusive_group()
    given.add_argument("--generate", action="store_true", help="make a random password and show it once")
    given.add_argument("--password-file", metavar="FILE", type=Path, help="take the password from a file's first line")
    given.add_argument("--ldap", action="store_true", help="let the deployment's LDAP server check the password")
    return parser.parse_args()


def main(options: Namespace) -> str:
    """Do it; return the text of the last line."""
    settings = cli.settings(options)
    kept = Accounts(settings.secrets)
    if options.action == "list":
        for account in kept.all().values():
            print(f"{account.name}\t{account.role}\t{'ldap' if account.secret == accounts.LDAP else 'password'}")
        return f"{len(kept.all())} users."
    if not options.name:
        raise UsageError(f"'{options.action}' needs the name of a user.")
    if options.action == "remove":
        kept.remove(options.name)
        return f"Removed {options.name}; a running endpoint ends the user's sessions within seconds."
    if options.action == "passwd":
        kept.change(options.name, _secret(options))
        return f"Changed how {options.name} logs in."
    if not options.role:
        raise UsageError("'add' needs a role.", "Write --role ROLE.")
    known = roles.load(settings.roles, model.load(settings.contracts))
    kept.add(Account(options.name, known.require(options.role), _secret(options)))
    return f"Added {options.name} with the role {options.role}."


def _secret(options: Namespace) -> str:
    if options.ldap:
        return accounts.LDAP
    if options.generate:
        password = accounts.generated()
        print(password)
        return accounts.hashed(password)
    if options.password_file:
        return accounts.hashed(_first_line(options.password_file))
    if not _has_terminal():
        raise UsageError("There is no terminal to ask for a password.", "Use --generate or --password-file FILE.")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise UsageError("The two passwords differ.")
    return accounts.hashed(password)


def _first_line(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").partition("\n")[0]
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from error


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR))
    except OSError:
        return False
    return True


if __name__ == "__main__":
    options = arguments()
    sys.exit(cli.run(main, options))
