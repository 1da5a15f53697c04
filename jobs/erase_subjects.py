"""Erase persons from every layer, old version and log, keep their sales anonymously, and prove it by a receipt."""

from __future__ import annotations

import sys
from argparse import Namespace

from lib import cli


def arguments() -> Namespace:
    """The command line of this job."""
    parser = cli.parser(__doc__ or "")
    cli.add_subjects(parser)
    cli.add_grace(parser)
    return parser.parse_args()


def main(options: Namespace) -> str:
    """Erase; return the text of the last line."""
    from lib.accountability import subject_requests
    from lib.pipeline.writer import writing
    from lib.privacy import erasure, resumption
    from lib.rights import asked

    wanted = asked.read(options.subjects, cli.settings(options), known_only=options.known_only)
    with writing(options, erasure.JOB, logs=True) as lake:
        before = resumption.resume(lake, partial=True, anew=subject_requests.AGAIN)
        return erasure.erase(lake, wanted, grace=options.grace, before=before)


if __name__ == "__main__":
    options = arguments()
    sys.exit(cli.run(main, options))
