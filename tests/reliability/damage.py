"""Kinds of damage to a file of a lake or of its secrets, and the list of these files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

# One table for each way of keeping a table and for each consequence that its loss has.
TABLES = (
    "bronze/sales_events", "silver/users", "silver/purchases", "silver/erased_sales", "gold/fact_sales",
    "mart_sales/trends", "mart_operations/runs", "ledger/batches", "ledger/removed_rows", "rights/suppressions",
)  # fmt: skip
HALF = 2


def _newest(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern))[-1:]


def _of_tables(pattern: str) -> Callable[[Path], list[Path]]:
    """The newest file that matches, of each table that has one."""
    return lambda place: [file for table in TABLES for file in _newest(place / "lake" / table, pattern)]


def _at(pattern: str, *, first: int = 0, last: int = 1) -> Callable[[Path], list[Path]]:
    return lambda place: sorted(place.glob(pattern), reverse=True)[first:last]


NUMBER = "[0-9]" * 20
KINDS: dict[str, Callable[[Path], list[Path]]] = {
    "commit": _of_tables(f"_delta_log/{NUMBER}.json"),
    "checkpoint": _of_tables(f"_delta_log/{NUMBER}.checkpoint*.parquet"),
    "last checkpoint": _of_tables("_delta_log/_last_checkpoint"),
    "version checksum": _of_tables(f"_delta_log/{NUMBER}.crc"),
    "sidecar of a commit": _of_tables(f"_delta_log/.{NUMBER}.json.crc"),
    "data file": _of_tables("part-*.parquet"),
    "sidecar of a data file": _of_tables(".part-*.parquet.crc"),
    "copy of a log's file": lambda place: _newest(place / "lake/bases/log/silver/users", "*"),
    "pointer": _at("lake/published.json"),
    "pointer of operations": _at("lake/published_operations.json"),
    "newest base": _at("lake/bases/*.json"),
    "history: current": _at("lake/publications/*.json"),
    "history: before": _at("lake/publications/*.json", first=1, last=2),
    "last erasure": _at("lake/last_erasure.json"),
    "fingerprints": _at("lake/keys.json"),
    "receipt": _at("lake/receipts/*.json"),
    "audit log": _at("lake/audit/log.jsonl"),
    "anchor": _at("lake/ledger/audit_log.json"),
    "head of the audit log": _at("secrets/audit-*.head"),
    "pseudonym key": _at("secrets/pseudonym.key"),
    "suppression key": _at("secrets/suppression.key"),
    "audit key": _at("secrets/audit.key"),
    "open request": _at("secrets/requests/*.json"),
    "copy of the request": _at("secrets/requests-copy/*.json"),
}


def _rewritten(file: Path, content: bytes) -> None:
    """Damage as on a disk: the content is another one, and the file's time is unchanged."""
    stat = file.stat()
    file.write_bytes(content)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    _without_sidecar(file)


def _without_sidecar(file: Path) -> None:
    file.with_name(f".{file.name}.crc").unlink(missing_ok=True)


def _empty(file: Path, _: Path) -> bool:
    _rewritten(file, b"")
    return True


def _torn(file: Path, _: Path) -> bool:
    content = file.read_bytes()
    _rewritten(file, content[: len(content) // HALF])
    return True


def _missing(file: Path, _: Path) -> bool:
    file.unlink()
    _without_sidecar(file)
    return True


def _flipped(file: Path, _: Path) -> bool:
    content = bytearray(file.read_bytes())
    content[len(content) // HALF] ^= 1
    _rewritten(file, bytes(content))
    return True


def _older(file: Path, before: Path) -> bool:
    """Its own earlier content; for a file that is written once, the content of the file before it."""
    if before.is_file() and before.read_bytes() != file.read_bytes():
        _rewritten(file, before.read_bytes())
        return True
    digits = sum(letter.isdigit() for letter in file.name)
    others = [each for each in sorted(file.parent.glob("*")) if each.suffix == file.suffix and each < file]
    alike = [each for each in others if sum(letter.isdigit() for letter in each.name) == digits] or others
    if not alike or file.suffix == ".key":
        return False
    _rewritten(file, alike[-1].read_bytes())
    return True


def _no_sidecar(file: Path, _: Path) -> bool:
    beside = file.with_name(f".{file.name}.crc").is_file()
    _without_sidecar(file)
    return beside


DAMAGES: dict[str, Callable[[Path, Path], bool]] = {
    "empty": _empty,
    "torn": _torn,
    "missing": _missing,
    "one bit flipped": _flipped,
    "older copy": _older,
    "sidecar gone": _no_sidecar,
}


def tree(place: Path) -> dict[str, bytes]:
    """All files of a lake and its secrets, but for the lock."""
    return {name: file.read_bytes() for name, file in _files(place) if not name.endswith("/.lock")}


def _files(place: Path) -> Iterator[tuple[str, Path]]:
    for file in place.rglob("*"):
        if file.is_file():
            yield str(file.relative_to(place)), file


def put_back(place: Path, start: Path, name: str) -> None:
    """The file as a backup has it."""
    shutil.copy2(start / name, place / name)
