"""What all jobs share: options, exit codes, the last line on stderr."""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import os
import sys
from collections.abc import Callable
from pathlib import Path

from lib import interruption
from lib.errors import INTERRUPTED, OUT_OF_MEMORY, LakehouseError
from lib.settings import PROJECT, Settings, load

LAUNCHER = "LAKEHOUSE_UNSAID"
BEGUN, SAID = ".begun", "said"
AS_VERBOSE = "what --verbose says"


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
    result.add_argument("--verbose", action="store_true", help="show every step, and the origin of an error")
    return result


def add_subjects(parser: argparse.ArgumentParser) -> None:
    """The options of the jobs that concern certain persons."""
    parser.add_argument(
        "--subjects", metavar="FILE", required=True, help="one user id of the source a line; - reads standard input"
    )
    add_known_only(parser)


def add_known_only(parser: argparse.ArgumentParser) -> None:
    """The option of the jobs that refuse a file if one of its ids is unknown."""
    parser.add_argument(
        "--known-only",
        action="store_true",
        help="carry out the request for known ids, and name the lines of the others (exit code 3); otherwise one "
        "unknown id stops the whole request",
    )


def add_grace(parser: argparse.ArgumentParser) -> None:
    """The option of the jobs that remove the files of older versions."""
    parser.add_argument(
        "--grace",
        metavar="SECONDS",
        type=float,
        default=30,
        help="time that running queries get before the files of older versions are removed (default: 30)",
    )


def settings(options: argparse.Namespace) -> Settings:
    """The deployment named by the options."""
    return load(options.conf, options.lake)


def date(text: str) -> dt.date:
    """An ISO date given as an option."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a date of the form YYYY-MM-DD") from None


def run(job: Callable[[argparse.Namespace], str], options: argparse.Namespace) -> int:
    """Run a job; its result, or its error and the remedy, is the last line on stderr. Returns the exit code.

    Under the launcher, a job that is stopped, or whose JVM has ended, prints no last line: the launcher knows the
    reason and prints it (conf/setup/supervise.sh).
    """
    if _launcher():
        interruption.listen()
        interruption.silence()
        _tell_launcher(BEGUN)
    try:
        message = job(options)
    except KeyboardInterrupt:
        return _interrupted()
    except Exception as error:  # noqa: BLE001 - the operator gets one last line for any error
        return _interrupted() if interruption.exit_code() else _failed(error, options)
    _say(message)
    return 0


def _interrupted() -> int:
    if not _launcher():
        print("Interrupted; run the same command again to go on.", file=sys.stderr, flush=True)
    return interruption.exit_code() or INTERRUPTED


def _failed(error: Exception, options: argparse.Namespace) -> int:
    """Print what has failed. One of our errors may hide an error of the machine; only that one can be repaired."""
    if isinstance(error, LakehouseError) and not (error.__cause__ or error.__context__):
        return _told(error)
    from lib import failures, faults  # noqa: PLC0415 - loads pyspark, which --help does without

    if options.verbose:
        print("\n".join(faults.trace(error)), file=sys.stderr)
    if failures.is_out_of_memory(error) and _launcher():
        return OUT_OF_MEMORY
    known = failures.of_the_machine(error, _settings_if_any(options))
    if known or isinstance(error, LakehouseError):
        return _told(known or error)
    if _launcher() and not faults.java_answers():
        return INTERRUPTED  # nobody sees this code: only the end of the JVM counts
    return _told(
        LakehouseError(
            f"Unexpected error ({faults.kind(error)}); nothing has been published.",
            f"Run the same command again; if it stays, report {'the lines above' if options.verbose else AS_VERBOSE}.",
        )
    )


def _told(error: Exception) -> int:
    _say(str(error))
    return error.exit_code if isinstance(error, LakehouseError) else 1


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
    _tell_launcher(SAID)


def _settings_if_any(options: argparse.Namespace) -> Settings | None:
    try:
        return settings(options)
    except LakehouseError:
        return None


def _launcher() -> Path | None:
    """The file whose removal shows the launcher that the last line is printed; None if there is no launcher."""
    name = os.environ.get(LAUNCHER)
    return Path(name) if name else None


def _tell_launcher(what: str) -> None:
    file = _launcher()
    with contextlib.suppress(OSError):  # the disk is full or the folder is gone: the launcher then prints one more line
        if file and what == SAID:
            file.unlink()
        elif file:
            file.with_name(what).touch()
