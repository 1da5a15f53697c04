"""Publish an earlier publication again: the previous one, or that of a given run."""

from __future__ import annotations

import sys
from argparse import Namespace

from lib import cli


def arguments() -> Namespace:
    """The command line of this job."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument(
        "--to", metavar="RUN_ID", help="the run whose publication to publish again (default: the previous one)"
    )
    return parser.parse_args()


def main(options: Namespace) -> str:
    """Roll back; return the text of the last line."""
    from lib.pipeline.writer import writing
    from lib.privacy import resumption

    with writing(options, "rollback", audits=False) as lake:
        resumption.require_none(lake)
        before, after = lake.base.roll_back(options.to)
    return f"Rolled back from run {before.run_id} to run {after.run_id}, as of {after.as_of}."


if __name__ == "__main__":
    options = arguments()
    sys.exit(cli.run(main, options))
