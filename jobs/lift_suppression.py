"""Take persons off the suppression list, at their request: then a file may bring them again."""

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
    """Lift; return the text of the last line."""
    from lib.pipeline.writer import writing
    from lib.privacy import erasure
    from lib.rights import asked

    wanted = asked.read(options.subjects, cli.settings(options), known_only=options.known_only)
    with writing(options, JOB, audits=False, logs=True) as lake:
        return erasure.lift_suppression(lake, wanted)


if __name__ == "__main__":
    options = arguments()
    sys.exit(cli.run(main, options))
