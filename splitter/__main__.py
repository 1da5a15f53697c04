"""`python -m splitter INPUT.csv --out DIR`: the command line of the Data Splitter."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from splitter.dialect import dialect
from splitter.errors import SplitterError
from splitter.parts import PART_TABLE
from splitter.split import Order, Progress, split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from splitter.manifest import Manifest

_NAMES = {"json": "JSON", "sqlite": "SQLite", "postgresql": "PostgreSQL", "csv": "CSV"}
_REPORT_SECONDS = 0.5
_CODES = "exit codes: 0 done, 2 wrong use or unusable target, 3 input refused, 1 anything else (disk full, stopped)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _stop)
    _warn_of_password(options.database)
    try:
        path, manifest = split(_order(options), _Ticker() if sys.stderr.isatty() else lambda _: None)
    except SplitterError as error:
        _say(f"splitter: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        _say("splitter: Stopped. Nothing was published; run again when you like.\n")
        return 1
    sys.stdout.write(_summary(path, manifest))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m splitter",
        description="Split one CSV into three disjoint parts - JSON Lines, a database, CSV - and a manifest.",
        epilog=_CODES,
    )
    parser.add_argument(
        "input", type=Path, metavar="INPUT.csv", help="the file to split; its first line names the columns"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the parts and manifest.json")
    parser.add_argument("--by", metavar="COLUMN", help="keep the rows of one value together (default: exact thirds)")
    parser.add_argument(
        "--database",
        metavar="URL",
        help="postgresql://user@host:port/database instead of a SQLite file; "
        "the password comes from PGPASSWORD, ~/.pgpass or a service",
    )
    parser.add_argument("--table", default=PART_TABLE, help="name of the table on a server (default: %(default)s)")
    parser.add_argument("--delimiter", help="one character, or \\t (default: a comma)")
    parser.add_argument("--quote", default='"', help="one character (default: %(default)s)")
    parser.add_argument("--encoding", default="utf-8", help="of the input (default: %(default)s)")
    return parser


def _order(options: argparse.Namespace) -> Order:
    return Order(
        source=options.input,
        folder=options.out,
        by=options.by,
        database=options.database,
        table=options.table,
        dialect=dialect(options.delimiter, options.quote, options.encoding),
    )


def _stop(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def _warn_of_password(database: str | None) -> None:
    user = (database or "").partition("://")[2].partition("/")[0].rpartition("@")[0]
    if ":" in user or "password=" in (database or ""):
        _say("splitter: any user of this machine can see a password on a command line; use PGPASSWORD or ~/.pgpass.\n")


def _summary(path: Path, manifest: Manifest) -> str:
    parts = ", ".join(f"{part.rows:,} {_NAMES[part.format]}" for part in manifest.parts)
    malformed = sum(manifest.malformed.values())
    aside = f" ({malformed:,} malformed, carried along in the CSV part)" if malformed else ""
    return f"Split {manifest.input.rows:,} rows into {parts}{aside}; manifest: {path}\n"


class _Ticker:
    """Rewrites one line on the terminal, twice a second at most."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, progress: Progress) -> None:
        done = progress.bytes_read >= progress.bytes_total
        if time.monotonic() < self._next and not done:
            return
        self._next = time.monotonic() + _REPORT_SECONDS
        share = min(1.0, progress.bytes_read / (progress.bytes_total or 1))
        _say(f"\r{share:4.0%}  {progress.rows:,} rows" + ("\n" if done else ""))


if __name__ == "__main__":
    sys.exit(main())
