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
    from lib import audit, erasure, resumption, subjects
    from lib.lake import open_lake
    from lib.lock import writer_of
    from lib.session import session
    from lib.storage import Storage

    settings = cli.settings(options)
    ids = subjects.read_ids(options.subjects)
    audit.prepare()
    spark = session(erasure.JOB)
    Storage(spark, settings.lake).require()
    lake = open_lake(spark, settings, verbose=options.verbose)
    with writer_of(spark, settings.lake, settings.secrets, erasure.JOB):
        before = resumption.resume(lake, partial=True)
        return erasure.erase(lake, ids, grace=options.grace, finished=before.receipts, done=before.gone)


if __name__ == "__main__":
    options = arguments()
    sys.exit(cli.run(main, options))
