"""Give the pseudonyms a new key in every layer; the marts stay as they are, and the old key becomes useless."""

from __future__ import annotations

import sys
from argparse import Namespace

from lib import cli


def arguments() -> Namespace:
    """The command line of this job."""
    parser = cli.parser(__doc__ or "")
    cli.add_grace(parser)
    return parser.parse_args()


def main(options: Namespace) -> str:
    """Rotate; the result is what the last line says."""
    from lib import audit, resumption, rotation
    from lib.lake import open_lake
    from lib.lock import writer_of
    from lib.session import session
    from lib.storage import Storage

    settings = cli.settings(options)
    audit.prepare()
    spark = session(rotation.JOB)
    Storage(spark, settings.lake).require()
    lake = open_lake(spark, settings, verbose=options.verbose)
    with writer_of(spark, settings.lake, settings.secrets, rotation.JOB):
        resumption.resume(lake)
        return rotation.rotate(lake, grace=options.grace)


if __name__ == "__main__":
    options = arguments()
    sys.exit(cli.run(main, options))
