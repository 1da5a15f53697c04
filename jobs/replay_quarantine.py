"""Judge the rows in quarantine again after a rule or a mapping has changed; the rows that pass enter once."""

from __future__ import annotations

import sys
from argparse import Namespace

from lib import cli


def arguments() -> Namespace:
    """The command line of this job."""
    return cli.parser(__doc__ or "").parse_args()


def main(options: Namespace) -> str:
    """Replay; return the text of the last line."""
    from lib.pipeline import replay
    from lib.pipeline.writer import writing
    from lib.privacy import resumption

    with writing(options, "replay_quarantine") as lake:
        resumption.resume(lake)
        return replay.run(lake)


if __name__ == "__main__":
    options = arguments()
    sys.exit(cli.run(main, options))
