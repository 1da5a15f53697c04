"""What all jobs share: options, exit codes, the last line on stderr."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections.abc import Callable
from pathlib import Path

from lib.errors import LakehouseError, UsageError
from lib.settings import PROJECT, Settings, load


def parser(description: str) -> argparse.ArgumentParser:
    """A parser with the options that every job has."""
    result = argparse.ArgumentParser(description=description)
    result.add_argument("--lake", metavar="URI", help="data root of the lake (default: the deployment's)")
    result.add_argument(
        "--conf",
        metavar="FILE",
        type=Path,
        default=PROJECT / "conf/local.yaml",
        help="deployment (default: conf/local.yaml)",
    )
    result.add_argument("--verbose", action="store_true", help="tell of every step, and where an error came from")
    return result


def add_subjects(parser: argparse.ArgumentParser) -> None:
    """The option of the jobs that concern certain persons."""
    parser.add_argument(
        "--subjects", metavar="FILE", required=True, help="one user id of the source a line; - reads standard input"
    )
    add_known_only(parser)


def add_known_only(parser: argparse.ArgumentParser) -> None:
    """The option of the jobs that refuse a file of which one id is unknown."""
    parser.add_argument(
        "--known-only",
        action="store_true",
        help="carry out what concerns known ids, and name the lines of the others (exit code 3); else one unknown id "
        "stops everything",
    )


def add_grace(parser: argparse.ArgumentParser) -> None:
    """The option of the jobs that remove the files of older versions."""
    parser.add_argument(
        "--grace",
        metavar="SECONDS",
        type=float,
        default=30,
        help="time that running queries get before the files of older versions go (default: 30)",
    )


def settings(options: argparse.Namespace) -> Settings:
    """The deployment that the options name."""
    return load(options.conf, options.lake)


def date(text: str) -> dt.date:
    """An ISO date given as an option."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no date of the form YYYY-MM-DD") from None


def run(job: Callable[[argparse.Namespace], str], options: argparse.Namespace) -> int:
    """Run a job; its result, or its error and the remedy, is the last line on stderr. Gives the exit code."""
    try:
        message = job(options)
    except LakehouseError as error:
        if options.verbose and (error.__cause__ or error.__context__):
            from lib import faults  # noqa: PLC0415 - loads pyspark, which --help does without

            print("\n".join(faults.trace(error)), file=sys.stderr)
        print(str(error), file=sys.stderr, flush=True)
        return error.exit_code
    except KeyboardInterrupt:
        print("Interrupted; run the same command again to go on.", file=sys.stderr, flush=True)
        return 1
    except Exception as error:  # noqa: BLE001 - whatever it is, the operator gets one last line
        return _unexpected(error, verbose=options.verbose)
    print(message, file=sys.stderr, flush=True)
    return 0


def _unexpected(error: Exception, *, verbose: bool) -> int:
    if "No space left on device" in str(error):
        problem = UsageError("The disk is full.", "Free some space and run the same command again; nothing is lost.")
        print(str(problem), file=sys.stderr, flush=True)
        return 1
    from lib import faults  # noqa: PLC0415 - loads pyspark, which --help does without

    if verbose:
        print("\n".join(faults.trace(error)), file=sys.stderr)
    print(
        f"Unexpected error ({faults.kind(error)}); nothing has been published. Run the same command again; "
        f"if it stays, {'report the lines above' if verbose else 'report what --verbose says'}.",
        file=sys.stderr,
        flush=True,
    )
    return 1
