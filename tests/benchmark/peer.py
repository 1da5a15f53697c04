"""The peer: DuckDB computes the same marts from the same file, in one process, and keeps nothing.

`python -m tests.benchmark.peer FILE DATE`. It has no ledger, no pseudonyms on disk, no history of publications and no
proof: this is what the arithmetic alone costs on one machine.
"""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

from tests.oracle import Batch, compute


def main(file: str, day: str) -> None:
    """Compute the marts of one export."""
    found = compute([Batch(Path(file), dt.date.fromisoformat(day))], loaded_on=dt.date.fromisoformat(day))
    print(f"{found.figures.rows:,} rows, {len(found.tables)} marts")  # noqa: T201 - a command's result


if __name__ == "__main__":
    main(*sys.argv[1:])
