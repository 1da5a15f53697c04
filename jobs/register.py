"""Write the record of processing activities (Art. 30 GDPR) from the contracts, in English and in French."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from lib import cli


def arguments() -> Namespace:
    """The command line of this job."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument(
        "--out", metavar="FOLDER", type=Path, default=Path("data/register"), help="folder (default: data/register)"
    )
    return parser.parse_args()


def main(options: Namespace) -> str:
    """Write it; return the text of the last line. Needs no Spark session."""
    from lib.contracts import coverage, model, register

    settings = cli.settings(options)
    catalog = model.load(settings.contracts)
    coverage.require(catalog)
    files = register.write(catalog, options.out)
    return f"The record of processing activities is in {' and '.join(map(str, files))}."


if __name__ == "__main__":
    options = arguments()
    sys.exit(cli.run(main, options))
