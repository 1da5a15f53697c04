"""The requests that a viewer, anybody but the administrator, may send to Superset: only those of a dashboard's page.

Superset's own permissions allow much that no dashboard needs: lists of accounts and roles, charts by their number,
saved questions of others. Here every route is closed except those below, independently of Superset's permissions, so a
route of a new version is closed too. `tests/dashboards/routes.csv` has a judgement of each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import bounds
import sessions
import simplejson
from accounts import is_administrator
from flask import Flask, Response, g, jsonify, redirect, request
from flask_jwt_extended import current_user as token_user
from flask_jwt_extended import verify_jwt_in_request
from flask_login import current_user
from speech import said
from werkzeug.wrappers import Response as AnyResponse

# Before a login: the login itself, the parts of its page, and the health check.
ANYBODY = frozenset(
    {
        "GET /health",
        "GET /healthcheck",
        "GET /ping",
        "GET /static/<path:filename>",
        "GET /static/appbuilder/<path:filename>",
        "GET /login/",
        "POST /login/",
        "GET /login/logout/",
        "GET /logout/",
        "POST /api/v1/security/login",
        "POST /api/v1/security/refresh",  # it needs its own kind of token
    }
)
DASHBOARD = "/api/v1/dashboard/<id_or_slug>"
STATE = "/api/v1/dashboard/<int:pk>/filter_state"
# After a login: the list of the viewer's dashboards, their pages, and the requests of these pages.
VIEWERS = frozenset(
    {
        "GET /",
        "GET /superset/welcome/",
        "GET /dashboard/list/",
        "GET /superset/dashboard/<dashboard_id_or_slug>/",
        "GET /api/v1/dashboard/",
        "GET /api/v1/dashboard/_info",
        "GET /api/v1/dashboard/favorite_status/",
        f"GET {DASHBOARD}",
        f"GET {DASHBOARD}/charts",
        f"GET {DASHBOARD}/datasets",
        "POST /api/v1/dashboard/<pk>/favorites/",
        "DELETE /api/v1/dashboard/<pk>/favorites/",
        f"POST {STATE}",
        f"GET {STATE}/<string:key>",
        f"PUT {STATE}/<string:key>",
        f"DELETE {STATE}/<string:key>",
        "POST /api/v1/chart/data",
        "GET /api/v1/time_range/",
        "GET /api/v1/me/",
        "GET /api/v1/me/roles/",
        "GET /api/v1/security/csrf_token/",
        "POST /superset/log/",
    }
)
# A dashboard's page saves the colours of its charts automatically. A viewer's colours are not saved, and nobody sees an
# error.
COLOURS = "PUT /api/v1/dashboard/<pk>/colors"

# Parts of an answer that no page shows: people and roles, with the value that a page takes for none.
PEOPLE: Mapping[str, Any] = {
    "owners": [],
    "roles": [],
    "changed_by": None,
    "changed_by_name": "",
    "created_by": None,
    "last_saved_by": None,
}
# SQL and permissions, which no page reads.
INNER = frozenset(
    {
        *("email", "username", "perm", "schema_perm", "catalog_perm", "edit_url", "default_endpoint"),
        *("select_star", "sql", "expression", "fetch_values_predicate", "template_params", "params"),
    }
)
SQL_OF_FIGURES = {"query": "", "stacktrace": None}
SENTENCE = "This is not part of your dashboards."


def change(app: Flask) -> None:
    """Close an application to all but its administrator, except for the routes above."""
    own_states_only()

    @app.before_request
    def admit() -> AnyResponse | None:
        asked = _asked()
        if asked is None or asked in ANYBODY:
            return None
        user = _user()
        if user is None:
            return _nobody()
        g.is_viewer = not is_administrator(user.username)
        if not g.is_viewer:
            return None
        if asked in VIEWERS:
            return bounds.of_a_viewer(user.username)
        return jsonify({"result": {}}) if asked == COLOURS else _refused()

    @app.after_request
    def withhold(response: Response) -> Response:
        if not g.get("is_viewer") or not response.is_json:
            return response
        change = CHANGED.get(_asked() or "") if response.status_code == HTTPStatus.OK else without_names
        if change is not None:
            content = simplejson.loads(response.get_data(as_text=True), use_decimal=True)
            response.set_data(simplejson.dumps(change(content), use_decimal=True, separators=(",", ":")))
        return response


def _asked() -> str | None:
    """Method and rule of the request. If there is no rule, Superset itself answers."""
    if request.url_rule is None:
        return None
    method = "GET" if request.method == "HEAD" else request.method
    return f"{method} {request.url_rule.rule}"


def _user() -> Any:
    """The asking user, by cookie or else by token; None if there is no user. An invalid token raises."""
    if current_user.is_authenticated:
        return current_user
    if request.method == "OPTIONS" or not sessions.brings_a_token():
        return None
    verify_jwt_in_request()
    return token_user


def _nobody() -> AnyResponse:
    if request.method in {"GET", "HEAD"} and not request.path.startswith("/api/"):
        return redirect(f"/login/?next={quote(request.full_path.rstrip('?'))}")
    return said("Please log in first.", HTTPStatus.UNAUTHORIZED)


def _refused() -> Response:
    return said(SENTENCE, HTTPStatus.FORBIDDEN)


def without_people(content: Any) -> Any:
    """An answer without people and roles, SQL and permissions, at any depth."""
    if isinstance(content, dict):
        kept = {name: part for name, part in content.items() if name not in INNER}
        return {name: PEOPLE[name] if name in PEOPLE else without_people(part) for name, part in kept.items()}
    return [without_people(part) for part in content] if isinstance(content, list) else content


def without_anybody(content: Any) -> Any:
    """An answer about tables, without their owners, which no page needs."""
    if isinstance(content, dict):
        return {k: without_anybody(part) for k, part in content.items() if k not in INNER and k not in PEOPLE}
    return [without_anybody(part) for part in content] if isinstance(content, list) else content


def without_sql_of_figures(content: Any) -> Any:
    """Figures without the SQL of their query; their rows stay as they are."""
    results = content.get("result") if isinstance(content, dict) else None
    if not isinstance(results, list):
        return content
    return {**content, "result": [_without_sql(part) for part in results]}


def _without_sql(part: Any) -> Any:
    return {**part, **{name: value for name, value in SQL_OF_FIGURES.items() if name in part}}


def without_names(content: Any) -> Any:
    """A refusal that does not name the requested table of others."""
    errors = content.get("errors") if isinstance(content, dict) else None
    kinds = [str(error.get("error_type")) for error in errors or [] if isinstance(error, dict)]
    return {"message": SENTENCE} if any(kind.endswith("SECURITY_ACCESS_ERROR") for kind in kinds) else content


def only_permissions(content: Any) -> Any:
    """Only the permissions of an answer that also lists possible values."""
    return {"permissions": content.get("permissions", [])}


CHANGED: Mapping[str, Callable[[Any], Any]] = {
    "GET /api/v1/dashboard/": without_people,
    f"GET {DASHBOARD}": without_people,
    f"GET {DASHBOARD}/charts": without_anybody,
    f"GET {DASHBOARD}/datasets": without_anybody,
    "GET /api/v1/dashboard/_info": only_permissions,
    "POST /api/v1/chart/data": without_sql_of_figures,
}


def own_states_only() -> None:
    """Give a user's filters to nobody else, even if the key is known."""
    from superset.commands.dashboard.filter_state.get import GetFilterStateCommand  # noqa: PLC0415 - after the settings
    from superset.extensions import cache_manager  # noqa: PLC0415 - needs the settings
    from superset.temporary_cache.utils import cache_key  # noqa: PLC0415 - needs the settings
    from superset.utils.core import get_user_id  # noqa: PLC0415 - needs the settings

    given = GetFilterStateCommand.get

    def get(command: Any, parameters: Any) -> Any:
        entry = cache_manager.filter_state_cache.get(cache_key(parameters.resource_id, parameters.key)) or {}
        return given(command, parameters) if entry.get("owner") == get_user_id() else None

    GetFilterStateCommand.get = get
