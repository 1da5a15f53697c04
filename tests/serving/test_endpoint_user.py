"""The job that keeps the endpoint's users."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

from jobs import endpoint_user
from lib import cli
from lib.serving.accounts import Accounts
from tests.serving.lakes import PROJECT


@pytest.fixture
def deployment(tmp_path: Path) -> Path:
    stated = {
        "lake": str(tmp_path),
        "contracts": "lakehouse",
        "sources": "conf/sources",
        "secrets": str(tmp_path / "s"),
    }
    file = tmp_path / "deployment.yaml"
    file.write_text(yaml.safe_dump(stated), encoding="utf-8")
    return file


def job(deployment: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["endpoint_user", *words, "--conf", str(deployment)])
    return cli.run(endpoint_user.main, endpoint_user.arguments())


def test_add_passwd_list_remove(
    deployment: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    accounts = Accounts(tmp_path / "s")
    assert job(deployment, monkeypatch, "add", "anna", "--role", "dpo", "--generate") == 0
    password = capsys.readouterr().out.strip()
    assert len(password) >= 24
    first = accounts.all()["anna"].secret
    assert password not in first
    (tmp_path / "word").write_text("a password of mine\n", encoding="utf-8")
    assert job(deployment, monkeypatch, "passwd", "anna", "--password-file", str(tmp_path / "word")) == 0
    assert accounts.all()["anna"].secret != first
    capsys.readouterr()
    assert job(deployment, monkeypatch, "list") == 0
    assert capsys.readouterr().out == "anna\tdpo\tpassword\n"
    assert job(deployment, monkeypatch, "remove", "anna") == 0
    assert accounts.all() == {}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["add", "anna"], "'add' needs a role. Write --role ROLE."),
        (["add"], "'add' needs the name of a user."),
        (["add", "anna", "--role", "dpoo", "--ldap"], "There is no role 'dpoo'. Did you mean 'dpo'?"),
        (["add", "Anna", "--role", "dpo", "--ldap"], "'Anna' is not a valid user name."),
        (["remove", "anna"], "There is no user 'anna'. Known: none."),
        (["passwd", "anna", "--ldap"], "There is no user 'anna'. Known: none."),
        (["passwd", "anna", "--password-file", "/no/such/file"], "/no/such/file cannot be read"),
    ],
)
def test_wrong_use_is_one_sentence(
    deployment: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    sentence: str,
) -> None:
    assert job(deployment, monkeypatch, *words) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


def test_the_file_that_the_project_ignores_holds_the_users() -> None:
    assert ".secrets/" in (PROJECT / ".gitignore").read_text(encoding="utf-8").split()
