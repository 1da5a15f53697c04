"""`python -m splitter.sample`: writes an invented shop's export and, beside it, a list of its planted defects."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from splitter.sample.export import write_sample
from splitter.sample.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_DONE, EXIT_FAILED, EXIT_USAGE = 0, 1, 2
MOST_ROWS, MOST_BATCHES, MOST_DEFECTS, MOST_DAYS = 100_000_000, 100, 20, 366


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m splitter.sample",
        description="Write an invented shop's export (CSV) with defects, and the truth: the planted defects (JSON).",
    )
    parser.add_argument("--rows", type=int, required=True, help="rows of the full load (batch 1)")
    parser.add_argument("--out", type=Path, required=True, help="CSV file; the truth goes to STEM-truth.json beside it")
    parser.add_argument("--seed", type=int, default=1, help="same rows, seed and options: same bytes (default 1)")
    parser.add_argument("--batches", type=int, default=1, help="files: a full load and K - 1 later batches")
    parser.add_argument("--later-fraction", type=float, default=0.01, help="rows of a later batch / --rows (0.01)")
    parser.add_argument("--defects", type=float, default=1.0, help="factor on the defect rates, 0 = clean (1)")
    parser.add_argument(
        "--extract-date",
        type=dt.date.fromisoformat,
        default=Plan.extract_date,
        help="extract day of batch 1 (default 2023-08-25)",
    )
    parser.add_argument("--step-days", type=int, default=7, help="days between extracts (7)")
    parser.add_argument("--date-in-name", action="store_true", help="add _YYYY-MM-DD, the extract day, to file names")
    parser.add_argument("--multiline", action="store_true", help="put line breaks into some quoted comments")
    return parser


def _wrong_use(options: argparse.Namespace) -> str:
    """One sentence on the fault, or an empty text."""
    checks = (
        (1 <= options.rows <= MOST_ROWS, f"--rows must lie between 1 and {MOST_ROWS}"),
        (0 <= options.seed < 2**63, "--seed must be a whole number from 0 on"),
        (1 <= options.batches <= MOST_BATCHES, f"--batches must lie between 1 and {MOST_BATCHES}"),
        (0 < options.later_fraction <= 1, "--later-fraction must be above 0 and at most 1"),
        (0 <= options.defects <= MOST_DEFECTS, f"--defects must lie between 0 and {MOST_DEFECTS}"),
        (1 <= options.step_days <= MOST_DAYS, f"--step-days must lie between 1 and {MOST_DAYS}"),
        (dt.date(2005, 1, 1) <= options.extract_date <= dt.date(2100, 1, 1), "--extract-date must lie in 2005 to 2099"),
        (bool(options.out.name) and options.out.parent.is_dir(), f"--out: {options.out.parent} is not a folder"),
        (not options.out.is_dir(), f"--out: {options.out} is a folder, a file name is needed"),
    )
    return next((sentence for holds, sentence in checks if not holds), "")


def main(arguments: Sequence[str] | None = None) -> int:
    options = vars(_parser().parse_args(arguments))
    wrong = _wrong_use(argparse.Namespace(**options))
    if wrong:
        sys.stderr.write(f"sample: {wrong}.\n")
        return EXIT_USAGE
    out, date_in_name = options.pop("out"), options.pop("date_in_name")
    try:
        truth = write_sample(Plan(**options), out, date_in_name=date_in_name)
    except OSError as error:
        sys.stderr.write(f"sample: cannot write {error.filename or out}: {error.strerror}.\n")
        return EXIT_FAILED
    sys.stderr.write(f"sample: done; the planted defects are listed in {truth}.\n")
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(main())
