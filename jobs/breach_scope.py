"""Count the persons in given tables and versions, and show which data these hold and how it is protected."""

from __future__ import annotations

import sys
from argparse import Namespace

from lib import cli

JOB = "breach_scope"


def arguments() -> Namespace:
    """The command line of this job."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument(
        "--table",
        metavar="LAYER/TABLE[@VERSION]",
        action="append",
        default=[],
        help="a leaked table; repeatable (default: newest versions of all tables with persons)",
    )
    return parser.parse_args()


def main(options: Namespace) -> str:
    """Print the scope as JSON; return the text of the last line."""
    import dataclasses
    import json

    from lib.pipeline.writer import writing
    from lib.privacy import breach

    # It only reads. But a job that opens a lake takes unpinned commits and files for the remains of a dead job.
    with writing(options, JOB, audits=False) as lake:
        found = breach.scope(lake, options.table)
    print(json.dumps([dataclasses.asdict(each) for each in found], indent=2))
    most = max((each.persons for each in found), default=0)
    return f"{len(found)} tables; at most {most} persons in one of them."


if __name__ == "__main__":
    options = arguments()
    sys.exit(cli.run(main, options))
