"""After a rotation every pseudonym is another one, no byte holds an old one, and the marts are the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lib.accountability.auditlog import audit_log
from tests.e2e.lakes import Ending, content, records
from tests.privacy.conftest import ADA, OTHER_TWIN, TWIN, Erased, Shop
from tests.privacy.test_erasure import LINES, holding, pseudonym, sales

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.timeout(580)]

# One moment before the new key is the key, one with half of silver computed, one when all is published.
PHASES = ("rotation: key", "silver/users", "rotation: vacuum")


def own_keys(shop: Shop, lake: Path, name: str) -> tuple[Shop, Path]:
    """A copy of the lake with its own keys, since a rotation concerns all lakes that share them."""
    folder = Path(shutil.copytree(shop.site.folder / "secrets", shop.site.folder / f"secrets-{name}"))
    deployment = shop.site.folder / f"{name}.yaml"
    text = shop.deployment.read_text(encoding="utf-8")
    deployment.write_text(text.replace(f"{shop.site.folder}/secrets", str(folder)), encoding="utf-8")
    copied = shop.copy(lake, name)
    for head in (shop.site.folder / "secrets").glob("*.head"):
        shutil.copy(head, folder)
    return Shop(shop.site, deployment), copied


def rotate(shop: Shop, lake: Path) -> Ending:
    return shop.job("rotate_key", lake, "--grace", "0")


def kill(shop: Shop, lake: Path, phase: str) -> None:
    killed = shop.site.kill(f"{phase} ...", lake, "--grace", "0", job="rotate_key", deployment=shop.deployment)
    assert (killed.alive, killed.status) == (True, -9), killed.lines


def check(shop: Shop, own: Shop, lake: Path, erased: Erased) -> None:
    secrets = own.deployment.with_name(f"secrets-{own.deployment.stem}")
    old = [pseudonym(shop, one) for one in (OTHER_TWIN, "person-other-3")]
    assert holding(erased.lake, *old)
    assert holding(lake, *old) == []
    assert holding(lake, ADA, TWIN) == []
    assert content(lake) == content(erased.lake)
    assert len(records(lake, "silver/erased_sales")) == LINES
    assert records(lake, "rights/suppressions") == records(erased.lake, "rights/suppressions")
    assert [file.name for file in secrets.iterdir() if file.name.startswith(("rotation", "pseudonym-new"))] == []
    events = [entry["event"] for entry in audit_log(str(lake), secrets).entries()]
    assert events.count("key_rotated") == 1


def test_killed_for_real_and_run_again_every_pseudonym_is_new(shop: Shop, erased: Erased) -> None:
    own, lake = own_keys(shop, erased.lake, "rotated")
    kill(own, lake, "silver/users")
    ending = rotate(own, lake)
    assert ending.code == 0, ending.err
    check(shop, own, lake, erased)


@pytest.mark.long
@pytest.mark.parametrize("phase", PHASES)
def test_killed_in_any_phase_and_run_in_between_it_ends_the_same(shop: Shop, erased: Erased, phase: str) -> None:
    own, lake = own_keys(shop, erased.lake, f"rotated-{PHASES.index(phase)}")
    kill(own, lake, phase)
    # Even an ordinary run in between leaves no table with two keys.
    own.load(lake)
    assert sales(lake) == sales(erased.lake)
    assert rotate(own, lake).code == 0
    check(shop, own, lake, erased)
