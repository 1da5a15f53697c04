"""Superset has what the code states: objects are made once, and change and disappear with the code."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib.dashboards.provision import ASSETS
from lib.serving.accounts import Account, Accounts, hashed
from tests.dashboards.stack import Stack, wait_until

pytestmark = pytest.mark.e2e


@pytest.fixture
def assets(stack: Stack, tmp_path: Path) -> Iterator[Path]:
    """A copy of the assets, to be changed; afterwards Superset has the project's own again."""
    yield Path(shutil.copytree(ASSETS, tmp_path / "assets"))
    stack.provision()
    assert stack.provision() == []
    stack.forget()


def _change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


def _titles(stack: Stack, slug: str) -> set[str]:
    return {chart["slice_name"] for chart in stack.admin.get(f"dashboard/{slug}/charts")["result"]}


def test_a_second_run_changes_nothing(stack: Stack) -> None:
    assert stack.provision() == []
    assert stack.provision() == []


def test_what_is_edited_in_the_code_is_changed_and_what_is_removed_is_gone(stack: Stack, assets: Path) -> None:
    _change(assets / "dashboards/sales.yaml", "Which categories? (US dollars)", "Which categories earn most?")
    assert stack.provision(assets) == ["dashboards/sales.yaml: changed", "charts/sales_categories.yaml: changed"]
    assert "Which categories earn most?" in _titles(stack, "sales")
    (assets / "dashboards/operations.yaml").unlink()
    assert "dashboards/operations.yaml: gone" in stack.provision(assets)
    assert stack.admin.ask("GET", "dashboard/operations").status_code == 404
    assert not [chart for chart in stack.admin.all("chart/") if chart["slice_name"] == "What did the last runs do?"]
    assert stack.provision(assets) == []


def test_what_is_changed_or_made_by_hand_is_put_back(stack: Stack, assets: Path) -> None:
    chart = next(
        chart for chart in stack.admin.all("chart/") if chart["slice_name"] == "Which categories? (US dollars)"
    )
    stack.admin.put(f"chart/{chart['id']}", {"slice_name": "By hand"})
    stack.admin.post("dashboard/", {"dashboard_title": "By hand"})
    stack.admin.post("security/roles/", {"name": "by_hand"})
    stack.admin.put(f"dashboard/{stack.dashboard_ids['operations']}", {"roles": []})
    changes = stack.provision(assets)
    assert any("put back" in change for change in changes)
    assert "role by_hand: gone" in changes
    assert "dashboard operations: for dpo, data_engineer" in changes
    assert "By hand" not in _titles(stack, "sales")
    assert {entry["slug"] for entry in stack.admin.all("dashboard/")} == {"sales", "users", "operations"}


def test_a_user_is_added_and_removed_while_it_runs(stack: Stack) -> None:
    accounts = Accounts(stack.secrets)
    accounts.add(Account("anna", "sales_analyst", hashed("a long enough password")))
    wait_until(lambda: "anna" in _users(stack))
    answer = stack.admin.session.post(
        f"{stack.url}/api/v1/security/login",
        json={"username": "anna", "password": "a long enough password", "provider": "db"},
    )
    assert answer.ok
    accounts.remove("anna")
    wait_until(lambda: "anna" not in _users(stack))


def _users(stack: Stack) -> set[str]:
    return {user["username"] for user in stack.admin.all("security/users/")}


def test_a_wrong_password_or_nobodys_name_is_refused(stack: Stack) -> None:
    for name, password in (("executive", "wrong"), ("nobody", "wrong"), ("superset", stack.passwords["superset"])):
        body = {"username": name, "password": password, "provider": "db"}
        assert stack.admin.session.post(f"{stack.url}/api/v1/security/login", json=body).status_code == 401
