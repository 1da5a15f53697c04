"""Cached results end with their publication: a key names the publication that was served when the question was asked.

The endpoint writes `endpoint_served` after it has replaced its views. The file is read at the beginning of a request,
so an answer is never cached under a newer publication than the one that it was computed from.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from flask import g, has_app_context
from flask_caching.backends.filesystemcache import FileSystemCache


def served() -> str:
    """The name of the served publication; the same for a whole request."""
    if not has_app_context():
        return _read()
    if "served" not in g:
        g.served = _read()
    return str(g.served)


def _read() -> str:
    file = Path(os.environ["LAKEHOUSE_SECRETS"]) / "endpoint_served"
    return file.read_text(encoding="utf-8").strip() if file.exists() else ""


def prefix() -> str:
    """The beginning of each key in a cache that several servers share."""
    return f"lakehouse_{served()}_"


class FileResults(FileSystemCache):
    """Results in files, one folder for one server."""

    def _get_filename(self, key: str) -> str:
        own = key == self._fs_count_file
        return str(super()._get_filename(key if own else f"{served()}:{key}"))

    def forget_expired(self) -> None:
        """Remove the files of expired results; otherwise they would stay until the folder is full."""
        self._remove_expired(time.time())
