"""After a rotation every pseudonym is another one, no byte holds an old one, and the marts are the same."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib import pipeline
from tests.e2e.lakes import Ending, content, records
from tests.rgpd.conftest import ADA, OTHER_TWIN, TWIN, Erased, Shop
from tests.rgpd.test_erasure import holding, pseudonym, sales

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(580)]


@pytest.fixture
def own(shop: Shop, erased: Erased) -> Iterator[tuple[Shop, Path]]:
    """A copy of a lake in which persons were erased, with keys of its own."""
    folder = Path(
        shutil.copytree(shop.site.folder / "secrets", shop.site.folder / "secrets-rotated", dirs_exist_ok=True)
    )
    deployment = shop.site.folder / "rotated.yaml"
    text = shop.deployment.read_text(encoding="utf-8")
    deployment.write_text(text.replace(f"{shop.site.folder}/secrets", str(folder)), encoding="utf-8")
    lake = shop.copy(erased.lake, "rotated")
    for head in (shop.site.folder / "secrets").glob("*.head"):
        shutil.copy(head, folder)
    yield Shop(shop.site, deployment), lake
    shutil.rmtree(folder)
    shutil.rmtree(lake)


def rotate(shop: Shop, lake: Path) -> Ending:
    return shop.job("rotate_key", lake, "--grace", "0")


def check(shop: Shop, own: Shop, lake: Path, erased: Erased) -> None:
    old = [pseudonym(shop, one) for one in (OTHER_TWIN, "person-other-3")]
    assert holding(erased.lake, *old)
    assert holding(lake, *old) == []
    assert content(lake) == content(erased.lake)
    assert len(records(lake, "silver/erased_sales")) == 5
    assert records(lake, "rights/suppressions") == records(erased.lake, "rights/suppressions")
    assert not (shop.site.folder / "secrets-rotated/rotation").exists()


def test_every_pseudonym_is_new_and_the_marts_are_the_same(shop: Shop, own: tuple[Shop, Path], erased: Erased) -> None:
    rotated, lake = own
    ending = rotate(rotated, lake)
    assert ending.code == 0, ending.err
    check(shop, rotated, lake, erased)


def test_killed_before_it_computes_it_ends_the_same(
    shop: Shop, own: tuple[Shop, Path], erased: Erased, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotated, lake = own

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "run", killed)
        assert rotate(rotated, lake).code == 1
    # Even an ordinary run in between leaves no table with two keys.
    rotated.load(lake)
    assert sales(lake) == sales(erased.lake)
    assert rotate(rotated, lake).code == 0
    check(shop, rotated, lake, erased)
    assert holding(lake, ADA, TWIN) == []
