"""Keep the lake small: put small files together, and remove what neither a reader nor a rollback can reach."""

from __future__ import annotations

import sys
from argparse import Namespace

from lib import cli

JOB = "maintain"


def arguments() -> Namespace:
    """The command line of this job."""
    parser = cli.parser(__doc__ or "")
    cli.add_grace(parser)
    return parser.parse_args()


def main(options: Namespace) -> str:
    """Do so; return the text of the last line."""
    from lib.pipeline import upkeep
    from lib.pipeline.writer import writing
    from lib.privacy import resumption

    with writing(options, JOB, audits=False) as lake:
        resumption.require_none(lake)
        return upkeep.maintain(lake, grace=options.grace)


if __name__ == "__main__":
    options = arguments()
    sys.exit(cli.run(main, options))
