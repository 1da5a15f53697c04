"""Killed for real in any phase, an erasure ends the same, with one receipt, whatever job comes next."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib import requests
from lib.auditlog import audit_log
from tests.e2e.lakes import records
from tests.oracle.case import batch, row
from tests.rgpd.conftest import ERASED, MARKED, UNKNOWN, Erased, Shop, receipt
from tests.rgpd.test_erasure import LINES, LONG_IDS, holding, pseudonym, sales

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.timeout(580)]

PHASES = ("suppress", "anonymise", "delete", "publish", "vacuum", "scan")


def kill(shop: Shop, lake: Path, phase: str) -> None:
    """The real command, its processes killed by SIGKILL at the beginning of a phase."""
    named = shop.site.folder / "killed.txt"
    named.write_text("\n".join((*ERASED, UNKNOWN)), encoding="utf-8")
    killed = shop.site.kill(
        f"erasure: {phase} ...", lake, "--subjects", str(named), "--grace", "0",
        job="erase_subjects", deployment=shop.deployment,
    )  # fmt: skip
    assert (killed.alive, killed.status) == (True, -9), killed.lines


def check(shop: Shop, lake: Path, erased: Erased) -> None:
    told = receipt(lake)  # of which there is one
    assert told["status"] == "COMPLETE"
    same = ("subjects", "unknown", "rows_deleted", "anonymous_lines")
    assert {name: told[name] for name in same} == {name: erased.receipt[name] for name in same}
    assert sales(lake) == sales(erased.lake)
    assert len(records(lake, "silver/erased_sales")) == LINES
    assert records(lake, "bronze/sales_events") == records(erased.lake, "bronze/sales_events")
    assert holding(lake, *LONG_IDS, *MARKED, *(pseudonym(shop, one) for one in ERASED)) == []
    assert requests.opened(shop.site.folder / "secrets", str(lake)) == []
    events = [entry["event"] for entry in audit_log(str(lake), shop.site.folder / "secrets").entries()]
    assert events == ["erasure_started", "erasure_complete"]


def test_the_next_job_of_any_kind_finishes_a_killed_erasure(shop: Shop, before: Path, erased: Erased) -> None:
    """At the worst moment: the sales are anonymous already, and their person's are still there."""
    lake = shop.copy(before, "killed-and-loaded")
    kill(shop, lake, "delete")
    assert len(records(lake, "silver/erased_sales")) == LINES
    ending = shop.job("pipeline", lake)
    assert ending.code == 0, ending.err
    check(shop, lake, erased)


@pytest.mark.long
@pytest.mark.parametrize("phase", PHASES)
def test_killed_for_real_in_any_phase_it_ends_the_same(shop: Shop, before: Path, erased: Erased, phase: str) -> None:
    lake = shop.copy(before, f"killed-in-{phase}")
    kill(shop, lake, phase)
    assert shop.erase(lake, *ERASED, UNKNOWN).code == 0
    check(shop, lake, erased)


@pytest.mark.long
@pytest.mark.parametrize("phase", PHASES[:-1])
def test_killed_after_any_phase_it_ends_the_same(
    shop: Shop, before: Path, erased: Erased, phase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worst moment: a phase is through, and its mark is not yet on the disk."""
    lake = shop.copy(before, f"killed-after-{phase}")
    real = requests.save

    def save(folder: Path, request: requests.Open) -> None:
        if request.done[-1:] == [phase]:
            raise KeyboardInterrupt
        real(folder, request)

    with monkeypatch.context() as patched:
        patched.setattr(requests, "save", save)
        assert shop.erase(lake, *ERASED, UNKNOWN).code == 1
    assert shop.erase(lake, *ERASED, UNKNOWN).code == 0
    check(shop, lake, erased)


@pytest.mark.long
def test_a_new_file_after_a_killed_erasure_brings_nobody_back(
    shop: Shop, before: Path, erased: Erased, tmp_path: Path
) -> None:
    lake = shop.copy(before, "killed-and-new-file")
    kill(shop, lake, "publish")
    file = batch(tmp_path / "new.csv", row(user=MARKED[0]), row(user="person-new-e6")).path
    assert shop.job("pipeline", lake, "--input", str(file), "--extract-date", "2023-08-25").code == 0
    assert receipt(lake)["status"] == "COMPLETE"
    assert holding(lake, *LONG_IDS, *MARKED) == []
