"""Look for given values, and for their pseudonyms, in every byte of the lake, and say in which files they stand."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from lib import cli


def arguments() -> Namespace:
    """The command line of this job."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("--values", metavar="FILE", required=True, help="one value a line; - reads standard input")
    parser.add_argument(
        "--also", metavar="PATH", type=Path, action="append", default=[], help="another file or folder; repeatable"
    )
    return parser.parse_args()


def main(options: Namespace) -> str:
    """Scan, print the findings; the result is what the last line says. Needs no Spark session."""
    from lib import contracts, listings, residue, traces

    settings = cli.settings(options)
    values = listings.values(options.values, "--values")
    roots = [residue.local_root(settings.lake), *options.also]
    wanted = traces.of_values(values, contracts.load(settings.contracts), settings.secrets)
    result = residue.scan(roots, wanted)
    for finding in result.findings:
        print(f"{finding.kind}\t{finding.hits}\t{finding.path}")
    for name in result.unread:
        print(f"not read\t-\t{name}")
    return residue.verdict(result, len(values))


if __name__ == "__main__":
    options = arguments()
    sys.exit(cli.run(main, options))
