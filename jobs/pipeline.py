"""Load new data, carry it through bronze, silver, gold and the marts, audit it and publish it.

Without --input, an empty lake gets a generated sample, so that there is something to look at.
"""

from __future__ import annotations

import datetime as dt
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lib import cli
from lib.errors import UsageError

if TYPE_CHECKING:
    from lib.pipeline.pipeline import Request

SOURCE, INPUT = "source", "input"
SAMPLE_SOURCE = "ecommerce"
SAMPLE_ROWS = 10_000
SAMPLE_DATE = dt.date(2023, 8, 25)


def arguments() -> Namespace:
    """The command line of this job."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument(
        "--source",
        metavar="NAME",
        dest="given",
        action="append",
        default=[],
        type=lambda name: (SOURCE, name),
        help=f"mapping under conf/sources for the inputs after it (default: {SAMPLE_SOURCE}); repeatable",
    )
    parser.add_argument(
        "--input",
        metavar="WHAT",
        dest="given",
        action="append",
        default=[],
        type=lambda what: (INPUT, what),
        help="file, glob, splitter manifest, or database URL with ?table=NAME; repeatable",
    )
    parser.add_argument("--extract-date", metavar="DATE", type=cli.date, help="day on which the inputs were extracted")
    parser.add_argument("--as-of", metavar="DATE", type=cli.date, help="day as of which the marts are computed")
    parser.add_argument("--rebuild", action="store_true", help="compute everything after bronze again")
    parser.add_argument(
        "--audit",
        choices=("changed", "full"),
        default="changed",
        help="of large tables, audit what the run changes, or everything (as after a change of contracts or --rebuild)",
    )
    parser.add_argument(
        "--new-key",
        action="store_true",
        help="with --rebuild: accept the keys in the secrets' folder as the lake's keys, because its own are lost",
    )
    return parser.parse_args()


def main(options: Namespace) -> str:
    """Run the pipeline; return the text of the last line."""
    from lib.pipeline import pipeline, summary
    from lib.pipeline.writer import held
    from lib.privacy import resumption, rotation

    if options.new_key and not options.rebuild:
        raise UsageError("A new key needs a rebuild, which gives everybody a new pseudonym.", "Add --rebuild.")
    request = pipeline.Request(
        job="pipeline",
        inputs=by_source(options.given),
        extract_date=options.extract_date,
        as_of=options.as_of,
        rebuild=options.rebuild,
        audits_all=options.audit == "full",
    )
    with held(options, request.job, new=True) as place:
        if left := resumption.nothing_waits(place):
            # Otherwise inputs have to wait: one that cannot be loaded must not keep a request from being finished.
            request = pipeline.identified(place.settings, place.catalog, request)
            if said := pipeline.nothing_to_do(left, request):
                return said
        with place.opened(any_keys=options.new_key, mends=not options.new_key) as lake:
            renewed = [rotation.renew(lake)] if options.new_key else []
            damaged = bool(lake.base.damages)
            if not damaged:
                resumption.resume(lake)
            if not request.inputs and not lake.base.pins.batches:
                request = _sample_of(lake.storage.root, request)
            result = pipeline.run(lake, request)
            if damaged:  # the run has repaired it: only now can requests be finished
                resumption.resume(lake)
            if result.publication:
                summary.show(lake, result)
    return " ".join([result.message, *renewed])


def by_source(given: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """The inputs by the last mapping named before them; inputs before any name belong to the first one.

    Raises `UsageError` for a mapping without inputs.
    """
    named = [name for kind, name in given if kind == SOURCE]
    found: dict[str, list[str]] = {name: [] for name in named}
    source = named[0] if named else SAMPLE_SOURCE
    for kind, what in given:
        if kind == SOURCE:
            source = what
        else:
            found.setdefault(source, []).append(what)
    for name, inputs in found.items():
        if not inputs:
            raise UsageError(f"Source '{name}' was named, but no input.", "Name it with --input.")
    return found


def _sample_of(lake: str, request: Request) -> Request:
    """The request, which loads a generated sample."""
    from dataclasses import replace

    inputs = {SAMPLE_SOURCE: [str(_sample(lake))]}
    return replace(request, inputs=inputs, batches=None, extract_date=SAMPLE_DATE)


def _sample(lake: str) -> Path:
    """Generate a small invented export beside the lake and split it; gives the splitter's manifest."""
    from lib import address
    from splitter.sample.export import write_sample
    from splitter.sample.plan import Plan
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
