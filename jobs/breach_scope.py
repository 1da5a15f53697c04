"""Say for tables and versions of how many persons they speak, which data they hold, and how these are protected."""

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
        help="a table that got out; repeatable (default: all that hold persons, newest version)",
    )
    return parser.parse_args()


def main(options: Namespace) -> str:
    """Print the scope as JSON; the result is what the last line says."""
    import dataclasses
    import json

    from lib.pipeline.writer import writing
    from lib.privacy import breach

    # It only reads. But whoever opens a lake takes what is not pinned for what a dead job has left.
    with writing(options, JOB, audits=False) as lake:
        found = breach.scope(lake, options.table)
    print(json.dumps([dataclasses.asdict(each) for each in found], indent=2))
    most = max((each.persons for each in found), default=0)
    return f"{len(found)} tables; at most {most} persons in one of them."


if __name__ == "__main__":
    options = arguments()
    sys.exit(cli.run(main, options))
