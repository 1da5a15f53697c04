"""Users: a file for its owner only, slow salted hashes, one service account, demo users."""

from __future__ import annotations

import csv
import hashlib
import stat
from pathlib import Path

import pytest

from lib.errors import UsageError
from lib.serving.accounts import ITERATIONS, Account, Accounts, generated, hashed, make_demo, parsed


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    return Accounts(tmp_path / "secrets")


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_a_user_is_one_line(accounts: Accounts) -> None:
    accounts.add(Account("berta", "analyst", "ldap"))
    accounts.add(Account("anna", "steward", "ldap"))
    assert accounts.text() == "anna:steward:ldap\nberta:analyst:ldap\n"
    assert accounts.all()["anna"] == Account("anna", "steward", "ldap")


def test_only_the_owner_may_read_the_file(accounts: Accounts) -> None:
    accounts.add(Account("anna", "steward", "ldap"))
    assert mode(accounts.file) == 0o600
    accounts.file.chmod(0o640)
    with pytest.raises(UsageError, match="Others may read"):
        accounts.text()


def test_a_password_is_kept_as_a_slow_salted_hash() -> None:
    kind, iterations, salt, digest = hashed("correct horse battery").split(":")
    assert (kind, int(iterations)) == ("pbkdf2-sha512", ITERATIONS)
    again = hashlib.pbkdf2_hmac("sha512", b"correct horse battery", bytes.fromhex(salt), ITERATIONS, dklen=32)
    assert again.hex() == digest
    assert hashed("correct horse battery") != hashed("correct horse battery")


def test_a_short_password_is_refused() -> None:
    with pytest.raises(UsageError, match="shorter than 12"):
        hashed("too short")
    assert len(generated()) >= 24


@pytest.mark.parametrize("name", ["Anna", "a:b", "", "1a", "a b", "a\nb:executive:ldap", "ä", "a/b", "a@b", "a" * 65])
def test_a_name_is_plain(accounts: Accounts, name: str) -> None:
    with pytest.raises(UsageError, match="is not a valid user name"):
        accounts.add(Account(name, "steward", "ldap"))


def test_a_name_is_taken_once(accounts: Accounts) -> None:
    accounts.add(Account("anna", "steward", "ldap"))
    with pytest.raises(UsageError, match="There is a user 'anna' already"):
        accounts.add(Account("anna", "steward", "ldap"))


def test_there_is_one_service_account(accounts: Accounts) -> None:
    accounts.add(Account("dashboards", "service", "ldap"))
    with pytest.raises(UsageError, match="'dashboards' is already the service account"):
        accounts.add(Account("others", "service", "ldap"))


def test_users_are_changed_and_removed(accounts: Accounts) -> None:
    accounts.add(Account("anna", "steward", "ldap"))
    accounts.change("anna", "another")
    assert accounts.all()["anna"].secret == "another"
    accounts.remove("anna")
    assert accounts.all() == {}
    with pytest.raises(UsageError, match="There is no user 'anna'"):
        accounts.remove("anna")


def test_demo_users_have_their_passwords_beside_them(accounts: Accounts) -> None:
    file = make_demo(accounts, {"anna": "steward", "dashboards": "service"})
    assert mode(file) == 0o600
    with file.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["user"], row["role"]) for row in rows] == [("anna", "steward"), ("dashboards", "service")]
    assert len({row["password"] for row in rows}) == 2
    assert not [row for row in rows if row["password"] in (accounts.text() or "")]


def test_comments_and_empty_lines_are_no_users() -> None:
    assert parsed("# who\n\nanna:steward:pbkdf2:1:2\n") == {"anna": Account("anna", "steward", "pbkdf2:1:2")}
