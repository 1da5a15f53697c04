"""Drafts of files that a killed job leaves beside its tables. The next job removes them.

A draft belongs to a dead job only if the remover now holds the lock that its writers hold. That is the lake's lock for
files in the lake and for its requests, and a folder's lock for files that several lakes and jobs write there.
"""

from __future__ import annotations

from pathlib import Path

from lib import address
from lib.accountability.subject_requests import PLACES
from lib.drafts import DRAFT, locked

# The drafts that Delta's log stores make for a table's log and the lake's own files, and Hadoop's checksums of them.
IN_LAKE = tuple(
    f"{folder}{name}"
    for folder in ("", "*/", "*/*/_delta_log/", "bases/log/*/*/")
    for name in (".*.tmp", "..*.tmp.crc", ".*.tmp.crc", f"*{DRAFT}")
)


def remove(lake: str, secrets: Path) -> None:
    """Remove the drafts of this lake, on this machine, and of the keys. The caller holds the lake's lock."""
    root = address.local_path(lake)
    drafts = [file for pattern in IN_LAKE for file in root.glob(pattern)] if root else []
    drafts += [
        file for place in PLACES for one in address.digests(lake) for file in (secrets / place).glob(f"{one}-*{DRAFT}")
    ]
    for file in drafts:
        file.unlink(missing_ok=True)
    if secrets.is_dir():
        with locked(secrets):
            for file in secrets.glob(f"*.key{DRAFT}"):
                file.unlink()
