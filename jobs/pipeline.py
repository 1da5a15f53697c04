"""Load what is new, carry it through bronze, silver, gold and the marts, audit it and publish it.

Without --input, a lake that holds nothing yet gets a generated sample, so that there is something to look at.
"""

from __future__ import annotations

import datetime as dt
import sys
from argparse import Namespace
from pathlib import Path

from lib import cli
from lib.errors import UsageError

SAMPLE_SOURCE = "ecommerce"
SAMPLE_ROWS = 10_000
SAMPLE_DATE = dt.date(2023, 8, 25)


def arguments() -> Namespace:
    """The command line of this job."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument(
        "--source",
        metavar="NAME",
        default=SAMPLE_SOURCE,
        help=f"mapping under conf/sources (default: {SAMPLE_SOURCE})",
    )
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
    parser.add_argument(
        "--new-key",
        action="store_true",
        help="with --rebuild: the keys in the secrets' folder are the lake's from now on, since its own are lost",
    )
    return parser.parse_args()


def main(options: Namespace) -> str:
    """Run the pipeline; the result is what the last line says."""
    from lib import pipeline, resumption, rotation, summary
    from lib.writer import writing

    if options.new_key and not options.rebuild:
        raise UsageError("A new key needs a rebuild, which gives everybody a new pseudonym.", "Add --rebuild.")
    with writing(options, "pipeline", new=True, any_keys=options.new_key, mends=not options.new_key) as lake:
        renewed = [rotation.renew(lake)] if options.new_key else []
        damaged = bool(lake.base.damages)
        if not damaged:
            resumption.resume(lake)
        chosen, extract_date = options.input, options.extract_date
        if not chosen and not lake.base.pins.batches:
            if options.source != SAMPLE_SOURCE:
                raise UsageError(f"Source '{options.source}' was named, but no input.", "Name it with --input.")
            chosen, extract_date = [str(_sample(lake.storage.root))], SAMPLE_DATE
        request = pipeline.Request(
            job="pipeline",
            source=options.source,
            inputs=chosen,
            extract_date=extract_date,
            as_of=options.as_of,
            rebuild=options.rebuild,
        )
        result = pipeline.run(lake, request)
        if damaged:  # which the run has mended: only now can requests be finished
            resumption.resume(lake)
        if result.publication:
            summary.show(lake, result)
    return " ".join([result.message, *renewed])


def _sample(lake: str) -> Path:
    """Generate a small invented export beside the lake and split it; gives the splitter's manifest."""
    from lib import address
    from splitter.sample import write_sample
    from splitter.sample_plan import Plan
    from splitter.split import Order, split

    folder = (address.local_path(lake) or Path("data/lake")).parent / "sample"
    manifest = folder / "split" / "manifest.json"
    if not manifest.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        csv = folder / "sample.csv"
        write_sample(Plan(rows=SAMPLE_ROWS, extract_date=SAMPLE_DATE), csv)
        split(Order(csv, folder / "split"))
    return manifest


if __name__ == "__main__":
    options = arguments()
    sys.exit(cli.run(main, options))
