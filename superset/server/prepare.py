"""Migrates the metadata database to this version of Superset and sets its administrator; run before the server starts.

One process does the work of `superset db upgrade`, `superset init` and `superset fab create-admin`.
"""

from __future__ import annotations

import importlib.resources

import upkeep
from accounts import SERVICE, accounts, administrators_password
from flask_migrate import upgrade
from store import store
from superset.app import create_app


def main() -> None:
    """Prepare the database that `superset_config.py` names."""
    app = create_app()
    with app.app_context():
        upgrade(directory=str(importlib.resources.files("superset") / "migrations"))
        store().make()
        _tidy()
        _sync()
        _set_administrator()


def _sync() -> None:
    from superset.extensions import appbuilder, security_manager  # noqa: PLC0415 - needs an application

    appbuilder.add_permissions(update_perms=True)
    security_manager.sync_role_definitions()


def _tidy() -> None:
    """Remove expired entries, also from the free space in SQLite's file."""
    from superset.extensions import db  # noqa: PLC0415 - needs an application

    upkeep.tidy()
    if db.engine.dialect.name == "sqlite":
        db.session.execute("vacuum")


def _set_administrator() -> None:
    from superset.extensions import security_manager  # noqa: PLC0415 - needs an application

    name = next(name for name, (role, _) in accounts().items() if role == SERVICE)
    password = administrators_password()
    user = security_manager.find_user(username=name)
    if user is None:
        role = security_manager.find_role("Admin")
        security_manager.add_user(name, "Service", "account", f"{name}@localhost", role, password)
    else:
        security_manager.reset_password(user.id, password)


if __name__ == "__main__":
    main()
