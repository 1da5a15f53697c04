"""Correct the source's values about persons (Art. 16), in past and future observations; or lift the corrections.

A line of the file is one JSON object: the person's id under its column's name, and each corrected column with its
value. Dates are written as YYYY-MM-DD, unknown values as null.
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
    wanted.add_argument(
        "--lift", metavar="FILE", help="one id a line: end the corrections of these persons; - likewise"
    )
    cli.add_known_only(parser)
    return parser.parse_args()


def main(options: Namespace) -> str:
    """Correct; return the text of the last line."""
    from lib.build import bronze
    from lib.contracts import model
    from lib.pipeline.writer import writing
    from lib.privacy import resumption, subject_rights
    from lib.rights import asked, corrections

    settings = cli.settings(options)
    known_only = options.known_only
    if options.lift:
        wanted = asked.read(options.lift, settings, "--lift", known_only=known_only)
    else:
        catalog = model.load(settings.contracts)
        tables = [table for table in catalog.layer(bronze.LAYER) if table.subject]
        stated = corrections.read(options.corrections, catalog, tables, known_only=known_only)
    with writing(options, JOB, logs=True) as lake:
        before = resumption.resume(lake)
        if options.lift:
            return subject_rights.lift_corrections(lake, wanted, before=before)
        return subject_rights.rectify(lake, stated)


if __name__ == "__main__":
    options = arguments()
    sys.exit(cli.run(main, options))
