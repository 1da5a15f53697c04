"""Carry out the objection of persons (Art. 21): out of the user marts, sales kept without attributes."""

from __future__ import annotations

import sys
from argparse import Namespace

from lib import cli

JOB = "object_subject"


def arguments() -> Namespace:
    """The command line of this job."""
    parser = cli.parser(__doc__ or "")
    cli.add_subjects(parser)
    parser.add_argument(
        "--lift", action="store_true", help="take the objection back: the persons are users like all others"
    )
    return parser.parse_args()


def main(options: Namespace) -> str:
    """Do so; the result is what the last line says."""
    from lib import audit, fulfilment, restrictions, resumption, subjects
    from lib.lake import open_lake
    from lib.lock import writer_of
    from lib.session import session
    from lib.storage import Storage

    settings = cli.settings(options)
    ids = subjects.read_ids(options.subjects)
    audit.prepare()
    spark = session(JOB)
    Storage(spark, settings.lake).require()
    lake = open_lake(spark, settings, verbose=options.verbose)
    with writer_of(spark, settings.lake, settings.secrets, JOB):
        resumption.resume(lake)
        return fulfilment.restrict(lake, ids, restrictions.OBJECTION, lift=options.lift)


if __name__ == "__main__":
    options = arguments()
    sys.exit(cli.run(main, options))
