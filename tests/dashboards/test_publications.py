"""A cached result ends with the publication that it was computed from."""

from __future__ import annotations

import json

import pytest

from lib.dashboards.client import Client
from lib.delta import pins
from tests.dashboards.stack import Stack, wait_until

pytestmark = pytest.mark.e2e


def _is_kept(stack: Stack, client: Client) -> bool:
    answer = stack.asked(client, "sales", "quarters", metrics=["revenue"])
    return bool(answer.json()["result"][0]["is_cached"])


def _publish(stack: Stack, text: str) -> None:
    """Publish, and wait until the endpoint serves it."""
    log, line = stack.folder / "home/endpoint.log", f"Follows run {json.loads(text)['run_id']} "
    before = log.read_text(encoding="utf-8").count(line)
    (stack.lake / ".published.json.crc").unlink(missing_ok=True)  # that of the file before, which Hadoop would compare
    draft = stack.lake / ".published"
    draft.write_text(text, encoding="utf-8")
    draft.replace(stack.lake / "published.json")
    wait_until(lambda: log.read_text(encoding="utf-8").count(line) > before)


def test_what_was_kept_is_not_given_after_another_publication(stack: Stack) -> None:
    client, text = stack.client("executive"), (stack.lake / "published.json").read_text(encoding="utf-8")
    _is_kept(stack, client)
    assert _is_kept(stack, client)
    try:
        _publish(stack, pins.sealed({**pins.unsealed(text), "run_id": "another"}))
        assert not _is_kept(stack, client)
        assert _is_kept(stack, client)
    finally:
        _publish(stack, text)
    assert _is_kept(stack, client)  # that of the publication before is still there
