"""Take persons off the suppression list, at their wish: from then on a file may bring them again."""

from __future__ import annotations

import sys
from argparse import Namespace

from lib import cli

JOB = "lift_suppression"


def arguments() -> Namespace:
    """The command line of this job."""
    parser = cli.parser(__doc__ or "")
    cli.add_subjects(parser)
    return parser.parse_args()


def main(options: Namespace) -> str:
    """Lift; the result is what the last line says."""
    from lib import auditlog, subjects, suppression
    from lib.errors import UsageError
    from lib.lake import open_lake
    from lib.lock import writer_of
    from lib.session import session
    from lib.storage import Storage

    settings = cli.settings(options)
    ids = subjects.read_ids(options.subjects)
    spark = session(JOB)
    Storage(spark, settings.lake).require()
    lake = open_lake(spark, settings, verbose=options.verbose)
    with writer_of(spark, settings.lake, settings.secrets, JOB):
        key = suppression.key(lake)
        lifted = suppression.lift(lake, [subjects.pseudonym(one, key) for one in ids])
        if not lifted:
            raise UsageError(f"None of the {len(ids)} persons is on the suppression list.")
        log = auditlog.audit_log(settings.lake, settings.secrets)
        log.append("suppression_lifted", auditlog.new_reference(), {"subjects": lifted})
    return f"{lifted} of {len(ids)} persons taken off the suppression list."


if __name__ == "__main__":
    options = arguments()
    sys.exit(cli.run(main, options))
