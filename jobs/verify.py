"""Check that the lake is as the last job left it; with --full, read every byte of it."""

from __future__ import annotations

import sys
from argparse import Namespace

from lib import cli


def arguments() -> Namespace:
    """The command line of this job."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument(
        "--full", action="store_true", help="read every data file, and compare Delta's statistics with the content"
    )
    return parser.parse_args()


def main(options: Namespace) -> str:
    """Verify; return the text of the last line."""
    from lib.pipeline.writer import writing
    from lib.publication import verification

    with writing(options, "verify", audits=False, mends=True) as lake:
        return verification.verify(lake, full=options.full)


if __name__ == "__main__":
    options = arguments()
    sys.exit(cli.run(main, options))
