"""Erase persons from every layer, old version and log, keep their sales without them, and prove it by a receipt."""

from __future__ import annotations

import sys
from argparse import Namespace

from lib import cli


def arguments() -> Namespace:
    """The command line of this job."""
    parser = cli.parser(__doc__ or "")
    cli.add_subjects(parser)
    cli.add_grace(parser)
    return parser.parse_args()


def main(options: Namespace) -> str:
    """Erase; the result is what the last line says."""
    from lib import erasure, resumption, subjects
    from lib.writer import writing

    ids = subjects.read_ids(options.subjects)
    with writing(options, erasure.JOB) as lake:
        before = resumption.resume(lake, partial=True)
        return erasure.erase(lake, ids, grace=options.grace, finished=before.receipts, done=before.gone)


if __name__ == "__main__":
    options = arguments()
    sys.exit(cli.run(main, options))
