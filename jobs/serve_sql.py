"""Serve the published marts over SQL (Spark Thrift Server) until stopped; users see only what their role allows."""

from __future__ import annotations

import sys
from argparse import Namespace

from lib import cli


def arguments() -> Namespace:
    """The command line of this job."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: this machine only)")
    parser.add_argument("--port", type=int, default=10000, help="port to listen at (default: 10000)")
    return parser.parse_args()


def main(options: Namespace) -> str:
    """Serve; return the text of the last line."""
    from lib.contracts import model
    from lib.hadoop_storage import storage_of
    from lib.serving import endpoint
    from lib.serving.accounts import Accounts
    from lib.session import session

    settings = cli.settings(options)
    catalog = model.load(settings.contracts)
    endpoint.require_free(options.host, options.port)
    spark = session("serve_sql", endpoint.settings())
    storage = storage_of(settings.lake)
    served = endpoint.Endpoint(spark, settings, catalog, storage, Accounts(settings.secrets), endpoint.tell)
    try:
        served.run(options.host, options.port)
    finally:
        spark.stop()
    return "Stopped."


if __name__ == "__main__":
    options = arguments()
    sys.exit(cli.run(main, options))
