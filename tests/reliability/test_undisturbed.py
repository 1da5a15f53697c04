"""The quick look at a lake's files never overlooks what the long way would find (`lib.delta.undisturbed`)."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest

from lib.contracts import model
from lib.delta import undisturbed
from lib.storage import LocalStorage
from tests.reliability.conftest import Shop
from tests.reliability.damage import DAMAGES, KINDS, tree

pytestmark = [pytest.mark.spark, pytest.mark.timeout(1800)]


def test_what_passes_the_quick_look_the_long_way_leaves_alone(shop: Shop, asked: Path, earlier: Path) -> None:
    catalog = model.load(shop.contracts)
    passed, stopped = set(), set()
    # The keyring looks at keys and their fingerprints, after either way.
    kinds = {kind: files for kind, files in KINDS.items() if not kind.endswith(("key", "fingerprints"))}
    for kind, files in kinds.items():
        for file in files(asked)[:1]:
            for damage, inflict in DAMAGES.items():
                name = str(file.relative_to(asked))
                shop.begin(asked)
                if not inflict(shop.place / name, earlier / name):
                    continue
                if undisturbed.left(LocalStorage(shop.lake), catalog) is None:
                    stopped.add(kind)
                    continue
                passed.add(kind)
                before = tree(shop.lake)
                with mock.patch.object(undisturbed, "is_as_left", return_value=False):
                    opened = shop.open()
                assert (opened.base.damages, opened.base.unsaved) == ({}, False), (kind, damage)
                assert tree(shop.lake) == before, (kind, damage)
    assert stopped >= {"commit", "checkpoint", "data file", "sidecar of a data file", "pointer", "history: current"}
    assert passed >= {"receipt", "audit log", "open request"}
