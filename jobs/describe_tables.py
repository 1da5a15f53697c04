"""Write a page that describes every table and column, from the contracts."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from lib import cli


def arguments() -> Namespace:
    """The command line of this job."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument(
        "--out", metavar="FILE", type=Path, default=Path("data/tables.md"), help="file (default: data/tables.md)"
    )
    return parser.parse_args()


def main(options: Namespace) -> str:
    """Write it; return the text of the last line. Needs no Spark session."""
    from lib.contracts import model, pages

    catalog = model.load(cli.settings(options).contracts)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(pages.tables(catalog), encoding="utf-8")
    return f"{len(catalog.tables)} tables are described in {options.out}."


if __name__ == "__main__":
    options = arguments()
    sys.exit(cli.run(main, options))
