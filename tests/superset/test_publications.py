"""A result that was kept ends with the publication that it was computed from."""

from __future__ import annotations

import datetime as dt
import json

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable, write_deltalake

from tests.superset.stack import Stack, wait_until

pytestmark = pytest.mark.e2e


def test_a_new_publication_is_shown_at_once(stack: Stack) -> None:
    """The figure was kept, and the kept one is no longer given once another version is published."""
    client = stack.client("executive")

    def shown() -> float:
        answer = stack.asked(client, "sales", "years", metrics=["revenue"])
        return float(answer.json()["result"][0]["data"][0]["revenue"])

    file = stack.lake / "published.json"
    text = file.read_text(encoding="utf-8")
    before = shown()
    assert stack.asked(client, "sales", "years", metrics=["revenue"]).json()["result"][0]["is_cached"]
    document = json.loads(text)
    document["run_id"] += "-next"
    document["published_at"] = dt.datetime.now(dt.timezone.utc).isoformat()
    document["tables"]["mart_sales/yearly"]["version"] = _doubled(stack, "mart_sales/yearly")
    served = (stack.secrets / "endpoint_served").read_text(encoding="utf-8")
    try:
        _publish(stack, json.dumps(document), served)
        assert shown() == pytest.approx(2 * before)
    finally:
        _publish(stack, text, (stack.secrets / "endpoint_served").read_text(encoding="utf-8"))
    assert shown() == pytest.approx(before)


def _doubled(stack: Stack, name: str) -> int:
    table = DeltaTable(str(stack.lake / name)).to_pyarrow_table()
    position = table.column_names.index("revenue")
    doubled = pc.multiply(table["revenue"], pa.scalar(2)).cast(table["revenue"].type)
    write_deltalake(
        str(stack.lake / name), table.set_column(position, table.field("revenue"), doubled), mode="overwrite"
    )
    return int(DeltaTable(str(stack.lake / name)).version())


def _publish(stack: Stack, text: str, served: str) -> None:
    draft = stack.lake / ".published"
    draft.write_text(text, encoding="utf-8")
    draft.replace(stack.lake / "published.json")
    wait_until(lambda: (stack.secrets / "endpoint_served").read_text(encoding="utf-8") != served)
