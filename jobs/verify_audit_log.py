"""Check that the audit log is complete and unchanged: no entry edited, removed, moved or cut off."""

from __future__ import annotations

import sys
from argparse import Namespace

from lib import cli


def arguments() -> Namespace:
    """The command line of this job."""
    return cli.parser(__doc__ or "").parse_args()


def main(options: Namespace) -> str:
    """Verify; return the text of the last line."""
    from lib import address, keys
    from lib.accountability import auditlog
    from lib.delta import keyring

    settings = cli.settings(options)
    root = address.local_path(settings.lake)
    if root and (root / keyring.FILE).exists():
        keyring.require_on_this_machine(root, settings.secrets, [keys.AUDIT_KEY])
    log = auditlog.of(settings)
    count = log.verify()
    if not count:
        return f"The audit log of {settings.lake} has no entry yet."
    return f"The audit log is complete: {count} entries, each as it was written ({log.file})."


if __name__ == "__main__":
    options = arguments()
    sys.exit(cli.run(main, options))
