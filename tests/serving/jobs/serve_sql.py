"""The endpoint with its gate left out; only for the tests that show what the gate is for."""

from __future__ import annotations

import os
import sys

from jobs import serve_sql
from lib import cli
from lib.serving import endpoint, gate_selftest

if os.environ["LAKEHOUSE_TEST_GATE"] == "off":
    endpoint.SPARK["spark.sql.extensions"] = "io.delta.sql.DeltaSparkSessionExtension"
if os.environ["LAKEHOUSE_TEST_SELF_TEST"] == "off":
    gate_selftest.STATEMENTS = ()

if __name__ == "__main__":
    sys.exit(cli.run(serve_sql.main, serve_sql.arguments()))
