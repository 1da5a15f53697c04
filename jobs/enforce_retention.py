"""Delete what the contracts' retention periods no longer allow: rows by their date, persons by their last activity."""

from __future__ import annotations

import datetime as dt
import sys
from argparse import Namespace
from pathlib import Path

from lib import cli


def arguments() -> Namespace:
    """The command line of this job."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument(
        "--as-of", metavar="DATE", type=cli.date, help="delete what is due on this day (default: today)"
    )
    parser.add_argument("--dry-run", action="store_true", help="show what is due and write nothing")
    parser.add_argument(
        "--purge-inputs",
        metavar="PATH",
        type=Path,
        action="append",
        default=[],
        help="folder or manifest of the splitter: remove its parts if the lake has published them; repeatable",
    )
    cli.add_grace(parser)
    return parser.parse_args()


def main(options: Namespace) -> str:
    """Enforce; return the text of the last line."""
    from lib.pipeline.writer import writing
    from lib.privacy import purge, resumption, retention

    as_of = options.as_of or dt.datetime.now(dt.timezone.utc).date()
    with writing(options, retention.JOB, logs=not options.dry_run) as lake:
        if options.dry_run:
            return " ".join([retention.preview(lake, as_of), *purge.preview(lake, options.purge_inputs)])
        before = resumption.resume(lake, partial=True, anew=["retention"])
        purged = purge.purge(lake, options.purge_inputs)
        return " ".join([*purged, retention.enforce(lake, as_of, grace=options.grace, before=before)])


if __name__ == "__main__":
    options = arguments()
    sys.exit(cli.run(main, options))
