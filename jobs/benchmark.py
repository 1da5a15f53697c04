"""Time a full load of generated rows, an increment, its repeat and an erasure, against a plain Spark copy."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from lib import cli
from lib.errors import UsageError


def arguments() -> Namespace:
    """The command line of this job."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the full load (default: 1000000)")
    parser.add_argument(
        "--work",
        type=Path,
        default=Path("data/benchmark"),
        help="folder for files and lake; if it is from an earlier benchmark, it is emptied",
    )
    parser.add_argument("--floor", type=Path, metavar="FILE", help="only copy this CSV file into one Delta table")
    parser.add_argument("--erase", type=int, default=0, metavar="N", help="also time the erasure of N persons")
    return parser.parse_args()


def main(options: Namespace) -> str:
    """Run the benchmark and print its JSON; return the text of the last line."""
    import datetime as dt
    import json

    from lib import benchmark
    from lib.audit import audit
    from lib.session import session
    from splitter.sample.export import batch_paths, write_sample
    from splitter.sample.plan import Plan

    _empty(options.work)
    if options.floor:
        benchmark.copy(session("benchmark"), options.floor, str(options.work / "floor"))
        return f"{options.floor} was copied."
    plan = Plan(rows=options.rows, batches=2)
    csv = options.work / "sample.csv"
    write_sample(plan, csv)
    days = [plan.extract_date + dt.timedelta(days=plan.step_days * i) for i in range(plan.batches)]
    inputs = list(zip(batch_paths(plan, csv, date_in_name=False), days, strict=True))
    # As the pipeline does: loading Great Expectations is not part of the work on rows.
    audit.prepare()
    options.lake = str(options.work / "lake")
    figures = benchmark.measure(session("benchmark"), cli.settings(options), inputs, "ecommerce", options.erase)
    print(json.dumps({"rows": options.rows, **figures}, indent=2))
    return f"Benchmark of {options.rows:,} rows done; its lake and files are in {options.work}."


def _empty(folder: Path) -> None:
    """Make the folder, or empty the folder of an earlier benchmark; refuse any other."""
    import shutil

    marker = folder / ".benchmark"
    if folder.exists() and not marker.exists():
        raise UsageError(f"{folder} exists and is not the folder of a benchmark.", "Name another one with --work.")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    marker.touch()


if __name__ == "__main__":
    options = arguments()
    sys.exit(cli.run(main, options))
