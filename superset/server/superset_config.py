"""Superset's settings.

Environment variables set everything that differs between installations:

| variable | meaning | if it is not set |
|---|---|---|
| `LAKEHOUSE_SECRETS` | folder of the endpoint's users and of Superset's own key | required |
| `LAKEHOUSE_SUPERSET_HOME` | folder for the metadata and the cache | required |
| `LAKEHOUSE_METADATA` | file with the address of the metadata database | SQLite in that folder |
| `LAKEHOUSE_REDIS` | address of the Redis that holds the cache | files in that folder |
| `LAKEHOUSE_HTTPS` | `yes` behind a proxy that speaks TLS | plain, for the loopback only |
"""

from __future__ import annotations

import hashlib
import hmac
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import accounts
import answers
import attempts
import bounds
import journal
import login
import pages
import questions
import results
import rows
import sessions
import spark
import sparksql
import upkeep
import viewers
from flask import Flask

SECRETS = Path(os.environ["LAKEHOUSE_SECRETS"])
HOME = Path(os.environ["LAKEHOUSE_SUPERSET_HOME"])
REDIS = os.environ.get("LAKEHOUSE_REDIS")
HTTPS = os.environ.get("LAKEHOUSE_HTTPS") == "yes"
SECONDS_TO_KEEP = 300


def _metadata() -> str:
    stated = os.environ.get("LAKEHOUSE_METADATA")
    return Path(stated).read_text(encoding="utf-8").strip() if stated else f"sqlite:///{HOME / 'metadata.db'}"


def _key(purpose: str) -> str:
    """One key for each purpose, all from the one in the file."""
    secret = (SECRETS / "superset.key").read_text(encoding="utf-8").strip()
    return hmac.new(secret.encode(), purpose.encode(), hashlib.sha256).hexdigest()


# --- Keys: none keeps the value that Superset ships with, also where the feature is off ------------------------------
SECRET_KEY = _key("secret key")
GUEST_TOKEN_JWT_SECRET = _key("guest token")
GLOBAL_ASYNC_QUERIES_JWT_SECRET = _key("asynchronous queries")

# --- Metadata and who logs in ----------------------------------------------------------------------------------------
SQLALCHEMY_DATABASE_URI = _metadata()
SQLALCHEMY_ENGINE_OPTIONS: dict[str, Any] = (
    {"connect_args": {"timeout": 30}}
    if SQLALCHEMY_DATABASE_URI.startswith("sqlite:")
    else {"pool_pre_ping": True, "max_overflow": 15}  # one for each thread of a process, and some more
)
# The password of the endpoint's service account is read where it is needed and stored nowhere else.
SQLALCHEMY_CUSTOM_PASSWORD_STORE = accounts.service_password
CUSTOM_SECURITY_MANAGER = login.SecurityManager
PUBLIC_ROLE_LIKE = None
AUTH_USER_REGISTRATION = False
AUTH_RATE_LIMITED = False  # it counts only addresses, and would shut out all users of one address; see attempts.py
RATELIMIT_ENABLED = True
RATELIMIT_APPLICATION = "500 per second"  # a dashboard requests all its charts at once
RATELIMIT_STORAGE_URI = REDIS or "memory://"
FAB_PASSWORD_COMPLEXITY_ENABLED = True
FAB_API_SWAGGER_UI = False
PERMANENT_SESSION_LIFETIME = timedelta(hours=8)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = HTTPS
JWT_ACCESS_TOKEN_EXPIRES = timedelta(minutes=15)
JWT_REFRESH_TOKEN_EXPIRES = timedelta(hours=8)
WTF_CSRF_ENABLED = True
ENABLE_PROXY_FIX = HTTPS
ENABLE_CORS = False
MAX_CONTENT_LENGTH = bounds.BYTES_OF_ALL

# --- What may be asked of the lake -----------------------------------------------------------------------------------
SQL_QUERY_MUTATOR = rows.guarded
SQLGLOT_DIALECTS_EXTENSIONS = {"hive": sparksql.Dialect}
DISALLOWED_SQL_FUNCTIONS = {"hive": {"reflect", "java_method", "try_reflect", "input_file_name", "current_user"}}
PREVENT_UNSAFE_DB_CONNECTIONS = True
DATASET_IMPORT_ALLOWED_DATA_URLS: list[str] = []
ROW_LIMIT = 10_000
SQL_MAX_ROW = 10_000
DISPLAY_MAX_ROW = 10_000
TABLE_VIZ_MAX_ROW_SERVER = 10_000
SUPERSET_WEBSERVER_TIMEOUT = 60
DB_POLL_INTERVAL_SECONDS = {"hive": 0.3}
TIME_GRAIN_ADDON_EXPRESSIONS = {"hive": spark.TIME_GRAINS}
TIME_GRAIN_DENYLIST = spark.NOT_OFFERED
FEATURE_FLAGS = {
    "DASHBOARD_RBAC": True,
    "CACHE_IMPERSONATION": True,
    "CACHE_QUERY_BY_USER": True,
    "ALLOW_ADHOC_SUBQUERY": False,
    "ALLOW_FULL_CSV_EXPORT": False,
    "ENABLE_TEMPLATE_PROCESSING": False,
    "ENABLE_JAVASCRIPT_CONTROLS": False,
    "EMBEDDED_SUPERSET": False,
    "EMBEDDABLE_CHARTS": False,
    "RLS_IN_SQLLAB": True,
    "DRILL_BY": False,
    "DRILL_TO_DETAIL": False,
    "ESCAPE_MARKDOWN_HTML": True,
}

# --- Results are kept for one person and one publication -------------------------------------------------------------
_FILES = {"CACHE_TYPE": "results.FileResults", "CACHE_DIR": str(HOME / "cache"), "CACHE_THRESHOLD": 2000}
_SHARED = {"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": REDIS, "CACHE_KEY_PREFIX": results.prefix}
DATA_CACHE_CONFIG = {"CACHE_DEFAULT_TIMEOUT": SECONDS_TO_KEEP, **(_SHARED if REDIS else _FILES)}
CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}
FILTER_STATE_CACHE_CONFIG = {
    "CACHE_TYPE": "SupersetMetastoreCache",
    "CACHE_DEFAULT_TIMEOUT": 24 * 3600,
    "REFRESH_TIMEOUT_ON_RETRIEVAL": True,
    "CODEC": upkeep.Sealed(bytes.fromhex(_key("filters that somebody has set"))),
}
EXPLORE_FORM_DATA_CACHE_CONFIG = dict(FILTER_STATE_CACHE_CONFIG)

# --- What is written down of people's questions: the act, never its values -------------------------------------------
EVENT_LOGGER = journal.Events()
LOGGING_CONFIGURATOR = journal.Configurator()

# --- The page: nothing is fetched from anywhere else -----------------------------------------------------------------
_NONE = ["'none'"]
_SELF = ["'self'"]
TALISMAN_ENABLED = True
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": _SELF,
        "default-src": _SELF,
        "img-src": [*_SELF, "blob:", "data:"],
        "worker-src": [*_SELF, "blob:"],
        "connect-src": _SELF,
        "object-src": _NONE,
        "frame-ancestors": _NONE,
        "form-action": _SELF,
        "style-src": [*_SELF, "'unsafe-inline'"],
        "font-src": [*_SELF, "data:"],
        "script-src": [*_SELF, "'strict-dynamic'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": HTTPS,
    "session_cookie_secure": HTTPS,
    "frame_options": "DENY",
    "referrer_policy": "same-origin",
}
HTML_SANITIZATION = True


def FLASK_APP_MUTATOR(app: Flask) -> None:  # noqa: N802 - the name is Superset's
    """Apply the changes that no setting can make."""
    bounds.change(app)
    sessions.change(app)
    attempts.change(app)
    viewers.change(app)
    pages.change(app)
    answers.change(app)
    spark.teach()
    questions.teach()


LANGUAGES: dict[str, Any] = {}
APP_NAME = "Lakehouse"
LOGO_TARGET_PATH = pages.START
LOGO_TOOLTIP = "Dashboards"
ENABLE_UI_THEME_ADMINISTRATION = False
THEME_DARK = None  # one theme: the screenshots of the docs show what everyone sees
EXTRA_CATEGORICAL_COLOR_SCHEMES = [
    {
        "id": "lakehouse",
        "label": "Lakehouse",
        "description": "Told apart by colour-blind readers too (Okabe and Ito, the yellow left out)",
        "isDefault": True,
        "colors": ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#7F7F7F"],
    }
]
EXTRA_SEQUENTIAL_COLOR_SCHEMES = [
    {
        "id": "lakehouse_blue",
        "label": "Lakehouse blue",
        "description": "",
        "isDiverging": False,
        "colors": ["#F4F8FB", "#C6DDEC", "#7FB3D3", "#2F86BD", "#0A4D7C"],
    }
]
