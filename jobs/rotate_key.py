"""Compute all pseudonyms with a new key, in every layer; the marts stay as they are, the old key becomes useless."""

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
    """Rotate; return the text of the last line."""
    from lib.pipeline.writer import writing
    from lib.privacy import resumption, rotation

    with writing(options, rotation.JOB, logs=True) as lake:
        resumption.resume(lake)
        return rotation.rotate(lake, grace=options.grace)


if __name__ == "__main__":
    options = arguments()
    sys.exit(cli.run(main, options))
