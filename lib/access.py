"""Rights of this user on this machine's files: where the path to a file is closed, and who owns that place."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

READ, WRITE = os.R_OK, os.R_OK | os.W_OK


def first_closed(path: Path, wanted: int) -> Path | None:
    """The first place from the root down to `path` that this user cannot use as `wanted`; None if there is none.

    If `path` does not exist, only the existing folders above it are checked.
    """
    for parent in reversed(path.parents):
        if not os.access(parent, os.X_OK):
            return parent if _exists(parent) else None
    if not _exists(path) or is_open(path, wanted):
        return None
    return path


def is_open(path: Path, wanted: int) -> bool:
    """Whether this user can use a file or folder as `wanted`."""
    return os.access(path, wanted | (os.X_OK if path.is_dir() else 0))


def existing(path: Path) -> Path:
    """The path, or its nearest existing folder."""
    return next(place for place in (path, *path.parents) if _exists(place))


def me() -> str:
    """The user of this process."""
    return _user(os.geteuid())


def owner(path: Path) -> str:
    """The owner of a file or folder."""
    return _user(path.stat().st_uid)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return False


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
