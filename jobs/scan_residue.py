"""Search every byte of the lake for given values and their pseudonyms, and name the files that hold them.

The verdict is PRESENT, ABSENT, or INCONCLUSIVE if a file could not be searched. Only ABSENT ends with exit code 0.
"""

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
    """Scan, print the findings; return the text of the last line. Needs no Spark session."""
    from lib.contracts import model
    from lib.delta import keyring
    from lib.privacy import identifying_values
    from lib.residue import residue
    from lib.rights import listings

    settings = cli.settings(options)
    root = residue.local_root(settings.lake)
    keyring.require_on_this_machine(root, settings.secrets)
    values = listings.values(options.values, "--values")
    roots = [root, *options.also]
    wanted = identifying_values.of_values(values, model.load(settings.contracts), settings.secrets)
    result = residue.scan(roots, wanted)
    for finding in result.findings:
        print(f"{finding.kind}\t{finding.hits}\t{finding.path}")
    for name in result.unread:
        print(f"not searchable\t{result.reasons[name]}\t{name}")
    return residue.verdict(result, len(values), sum(len(value.encode()) < residue.WINDOW for value in values))


if __name__ == "__main__":
    options = arguments()
    sys.exit(cli.run(main, options))
