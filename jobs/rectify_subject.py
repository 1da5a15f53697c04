"""Correct what the source says of persons (Art. 16), in every observation, past and to come; or lift the corrections.

A line of the file is one JSON object: the person's id under its column's name, and each corrected column with its
value; dates as YYYY-MM-DD, null for what is not known.
"""

from __future__ import annotations

import sys
from argparse import Namespace

from lib import cli

JOB = "rectify_subject"


def arguments() -> Namespace:
    """The command line of this job."""
    parser = cli.parser(__doc__ or "")
    wanted = parser.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--corrections", metavar="FILE", help="one JSON object a line; - reads standard input")
    wanted.add_argument("--lift", metavar="FILE", help="ids of those whose corrections end, one a line; - likewise")
    return parser.parse_args()


def main(options: Namespace) -> str:
    """Correct; the result is what the last line says."""
    from lib import bronze, contracts, corrections, fulfilment, resumption, subjects
    from lib.writer import writing

    settings = cli.settings(options)
    catalog = contracts.load(settings.contracts)
    ids = subjects.read_ids(options.lift) if options.lift else ()
    stated = () if options.lift else corrections.read(options.corrections, catalog, catalog.layer(bronze.LAYER)[0])
    with writing(options, JOB) as lake:
        resumption.resume(lake)
        return fulfilment.lift_corrections(lake, ids) if options.lift else fulfilment.rectify(lake, stated)


if __name__ == "__main__":
    options = arguments()
    sys.exit(cli.run(main, options))
