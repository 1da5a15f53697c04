"""The two locks of the rows, each lifted for one manager and put back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from tests.dashboards.stack import Stack, wait_until


def rule(stack: Stack, role: str) -> dict[str, Any]:
    """Superset's rule for a role."""
    return next(dict(rule) for rule in stack.admin.all("rowlevelsecurity/") if rule["name"] == f"Rows of {role}")


def set_rule(stack: Stack, role: str, clause: str) -> None:
    """Change Superset's rule by hand, until Superset is provisioned again."""
    stated = rule(stack, role)
    parts = {part: [entry["id"] for entry in stated[part]] for part in ("tables", "roles")}
    stack.admin.put(f"rowlevelsecurity/{stated['id']}", {"clause": clause, **parts})


def at_the_endpoint(stack: Stack, user: str) -> set[str]:
    """The regions that the endpoint itself shows to a user."""
    return {region for (region,) in stack.at_the_endpoint(user, "select distinct region from mart_sales.monthly")}


@contextlib.contextmanager
def put_back(stack: Stack, user: str) -> Iterator[None]:
    """The rules and roles as they were."""
    roles, seen = stack.roles_file.read_text(encoding="utf-8"), at_the_endpoint(stack, user)
    yield
    stack.roles_file.write_text(roles, encoding="utf-8")
    stack.provision()
    wait_until(lambda: at_the_endpoint(stack, user) == seen)


def open_the_endpoint(stack: Stack, user: str, region: str) -> None:
    """Let the endpoint show a manager all rows, and Superset only those of the region."""
    roles = stack.roles_file.read_text(encoding="utf-8")
    stack.roles_file.write_text(roles.replace(f"rows: [{region}]", "rows: all"), encoding="utf-8")
    wait_until(lambda: len(at_the_endpoint(stack, user)) > 1)
    wait_until(lambda: rule(stack, user)["clause"] == "1 = 1")  # the launcher follows
    set_rule(stack, user, f"region IN ('{region}')")
