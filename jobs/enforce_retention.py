"""Delete what the contracts' retention periods no longer allow: rows by their date, persons by their last activity."""

from __future__ import annotations

import datetime as dt
import sys
from argparse import Namespace

from lib import cli


def arguments() -> Namespace:
    """The command line of this job."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("--as-of", metavar="DATE", type=cli.date, help="day as of which periods end (default: today)")
    parser.add_argument("--dry-run", action="store_true", help="say what is due and write nothing")
    parser.add_argument(
        "--grace",
        metavar="SECONDS",
        type=float,
        default=30,
        help="time that running queries get before the files of older versions go (default: 30)",
    )
    return parser.parse_args()


def main(options: Namespace) -> str:
    """Enforce; the result is what the last line says."""
    from lib import audit, retention
    from lib.lake import open_lake
    from lib.lock import writer_of
    from lib.session import session
    from lib.storage import Storage

    settings = cli.settings(options)
    audit.prepare()
    spark = session(retention.JOB)
    Storage(spark, settings.lake).require()
    lake = open_lake(spark, settings, verbose=options.verbose)
    as_of = options.as_of or dt.datetime.now(dt.timezone.utc).date()
    with writer_of(spark, settings.lake, settings.secrets, retention.JOB):
        return retention.enforce(lake, as_of, dry_run=options.dry_run, grace=options.grace)


if __name__ == "__main__":
    options = arguments()
    sys.exit(cli.run(main, options))
