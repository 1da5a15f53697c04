"""Write all data of the lake about persons, as JSON and CSV, with purposes, legal bases and periods."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from lib import cli

JOB = "export_subject"


def arguments() -> Namespace:
    """The command line of this job."""
    parser = cli.parser(__doc__ or "")
    cli.add_subjects(parser)
    parser.add_argument(
        "--out", metavar="FOLDER", type=Path, default=Path("data/exports"), help="folder (default: data/exports)"
    )
    return parser.parse_args()


def main(options: Namespace) -> str:
    """Export; return the text of the last line."""
    from lib.pipeline.writer import writing
    from lib.privacy import export
    from lib.rights import asked

    wanted = asked.read(options.subjects, cli.settings(options), known_only=options.known_only)
    with writing(options, JOB, audits=False, logs=True) as lake:
        return export.export(lake, wanted, options.out)


if __name__ == "__main__":
    options = arguments()
    sys.exit(cli.run(main, options))
