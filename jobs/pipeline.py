"""Load what is new, carry it through bronze, silver, gold and the marts, audit it and publish it.

Without --input, a lake that holds nothing yet gets a generated sample, so that there is something to look at.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from lib import cli

SAMPLE_ROWS = 10_000


def arguments() -> Namespace:
    """The command line of this job."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("--source", metavar="NAME", default="ecommerce", help="mapping under conf/sources (default: ecommerce)")
    parser.add_argument(
        "--input",
        metavar="WHAT",
        action="append",
        default=[],
        help="file, glob, splitter manifest, or database URL with ?table=NAME; repeatable",
    )
    parser.add_argument("--extract-date", metavar="DATE", type=cli.date, help="day on which the inputs were extracted")
    parser.add_argument("--as-of", metavar="DATE", type=cli.date, help="day as of which the marts are computed")
    parser.add_argument("--rebuild", action="store_true", help="compute everything behind bronze anew from bronze")
    return parser.parse_args()


def main(options: Namespace) -> str:
    """Run the pipeline; the result is what the last line says."""
    from lib import pipeline, summary
    from lib.lake import open_lake
    from lib.lock import writer_of
    from lib.session import session

    settings = cli.settings(options)
    spark = session("pipeline")
    lake = open_lake(spark, settings, verbose=options.verbose)
    with writer_of(spark, settings.lake, settings.secrets, "pipeline"):
        chosen = options.input
        if not chosen and not lake.ledger.entries():
            chosen = [str(_sample(lake.storage.root))]
        request = pipeline.Request(
            job="pipeline",
            source=options.source,
            inputs=chosen,
            extract_date=options.extract_date,
            as_of=options.as_of,
            rebuild=options.rebuild,
        )
        result = pipeline.run(lake, request)
        if result.publication:
            summary.show(lake, result)
    return result.message


def _sample(lake: str) -> Path:
    """Generate a small invented export beside the lake and split it; gives the manifest."""
    from splitter import sample, split

    raise NotImplementedError(lake, sample, split)


if __name__ == "__main__":
    options = arguments()
    sys.exit(cli.run(main, options))
