"""Carry out the objection of persons (Art. 21): remove them from the user marts, keep sales without attributes."""

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
        "--lift", action="store_true", help="take the objection back: the persons count like all other users"
    )
    return parser.parse_args()


def main(options: Namespace) -> str:
    """Do so; return the text of the last line."""
    from lib.pipeline.writer import writing
    from lib.privacy import resumption, subject_rights
    from lib.rights import asked, restrictions

    wanted = asked.read(options.subjects, cli.settings(options), known_only=options.known_only)
    with writing(options, JOB, logs=True) as lake:
        before = resumption.resume(lake)
        return subject_rights.restrict(lake, wanted, restrictions.OBJECTION, lift=options.lift, before=before)


if __name__ == "__main__":
    options = arguments()
    sys.exit(cli.run(main, options))
