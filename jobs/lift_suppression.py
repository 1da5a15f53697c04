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
    from lib.writer import writing

    ids = subjects.read_ids(options.subjects)
    with writing(options, JOB, audits=False) as lake:
        key = suppression.key(lake)
        lifted = suppression.lift(lake, [subjects.pseudonym(one, key) for one in ids])
        if not lifted:
            raise UsageError(f"None of the {len(ids)} persons is on the suppression list.")
        log = auditlog.audit_log(lake.settings.lake, lake.settings.secrets, lake.settings.audit_witness)
        log.append("suppression_lifted", auditlog.new_reference(), {"subjects": lifted})
    return f"{lifted} of {len(ids)} persons taken off the suppression list."


if __name__ == "__main__":
    options = arguments()
    sys.exit(cli.run(main, options))
