"""A refresh computes gold from all of silver, so pending batches enter silver first."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from lib.delta.lake import Lake
from lib.pipeline import pipeline

BEFORE = SimpleNamespace(batch_id="b1", rows=1, pending=False)
PENDING = SimpleNamespace(batch_id="b2", rows=1, pending=True)
Call = tuple[bool, list[str]]


def calls(monkeypatch: pytest.MonkeyPatch, *entries: SimpleNamespace) -> list[Call]:
    """For each run of a request to refresh: whether it is a refresh, and its pending batches."""
    found: list[Call] = []

    def carry(_: object, request: pipeline.Request, __: object, pending: list[SimpleNamespace]) -> None:
        found.append((request.refresh, [entry.batch_id for entry in pending]))

    monkeypatch.setattr(pipeline, "_load", lambda _, request: request)
    for name in ("_reopen", "expect_rows"):
        monkeypatch.setattr(pipeline, name, lambda *_: None)
    monkeypatch.setattr(pipeline, "_carry_through", carry)
    ledger, base = SimpleNamespace(entries=lambda: list(entries)), SimpleNamespace(published=None)
    lake = SimpleNamespace(ledger=ledger, base=base, spark=None)
    pipeline.run(cast("Lake", lake), pipeline.Request(job="test", refresh=True))
    return found


def test_without_anything_pending_it_is_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    assert calls(monkeypatch, BEFORE) == [(True, [])]


def test_what_is_pending_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    assert calls(monkeypatch, BEFORE, PENDING) == [(False, ["b2"]), (True, [])]
