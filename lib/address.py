"""The place of a lake: one normal form for all its spellings, and the names derived from it.

A folder of this machine becomes its absolute path, with links and `..` resolved, whether a path, `file:/path` or
`file:///path` names it. Any other place is a URI with scheme and host in lower case. Neither form ends with a slash or
holds two in a row. The lock, the head of the audit log and the open requests use this form, so they belong to the lake
and not to a spelling.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from pathlib import Path

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(?=/)")
THIS_MACHINE = ("", "localhost")
DIGITS = 16  # of the hash that represents a lake in file names


def normal(place: str, folder: Path | None = None) -> str:
    """The normal form of a path or URI; a relative path is taken from `folder`, by default the current one."""
    match = SCHEME.match(place)
    if match is None:
        return str(((folder or Path.cwd()) / place).resolve())
    scheme, rest = match[1].lower(), place[match.end() :]
    host, path = _split(rest)
    if scheme == "file" and host.lower() in THIS_MACHINE:
        return str(Path(f"/{path.lstrip('/')}").resolve())
    return f"{scheme}:{f'//{_lower(host)}' if host else ''}{_flat(path)}".rstrip("/")


def local_path(place: str) -> Path | None:
    """The folder of a lake on this machine; None if it is elsewhere."""
    form = normal(place)
    return None if SCHEME.match(form) else Path(form)


def digests(place: str) -> tuple[str, ...]:
    """The hashes that represent the lake in the names of its files: first the hash of today's spelling.

    The others belong to spellings that earlier versions of this software used for these files.
    """
    form = normal(place)
    earlier = [form.replace(":/", ":///", 1)] if SCHEME.match(form) else [f"file:{form}", f"file://{form}"]
    spellings = dict.fromkeys([form, *earlier, place.rstrip("/")])
    return tuple(hashlib.sha256(each.encode()).hexdigest()[:DIGITS] for each in spellings)


def _split(rest: str) -> tuple[str, str]:
    """Host and path in the rest of a URI, after its scheme."""
    if not rest.startswith("//") or rest.startswith("///"):
        return "", rest
    host, slash, path = rest[2:].partition("/")
    return host, slash + path


def _lower(host: str) -> str:
    """The host in lower case; a user or a bucket's container before `@` keeps its letters."""
    user, at, name = host.rpartition("@")
    return f"{user}{at}{name.lower()}"


def _flat(path: str) -> str:
    return posixpath.normpath(f"/{path.lstrip('/')}") if path else ""
