"""An erasure that is killed in any phase ends the same, with one receipt, whichever job comes next."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from lib.accountability import subject_requests
from lib.accountability.auditlog import audit_log
from lib.progress import Steps
from tests.e2e.lakes import Died, content, records
from tests.oracle.case import batch, row
from tests.privacy.conftest import ERASED, MARKED, OTHER_TWIN, UNKNOWN, Erased, Shop, receipt
from tests.privacy.test_erasure import LINES, LONG_IDS, holding, pseudonym, sales

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.timeout(580)]

PHASES = ("suppress", "anonymise", "delete", "unlink", "publish", "vacuum", "scan")


def kill(shop: Shop, lake: Path, phase: str) -> None:
    """The real command, its processes killed by SIGKILL at the beginning of a phase."""
    named = shop.site.folder / "killed.txt"
    named.write_text("\n".join((*ERASED, UNKNOWN)), encoding="utf-8")
    killed = shop.site.kill(
        f"erasure: {phase} ...", lake, "--subjects", str(named), "--grace", "0", "--known-only",
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
    assert subject_requests.opened(shop.site.folder / "secrets", str(lake)) == []
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
    assert shop.erase(lake, *ERASED, UNKNOWN, known_only=True).code == 3
    check(shop, lake, erased)


@pytest.mark.long
@pytest.mark.parametrize("phase", PHASES[:-1])
def test_killed_after_any_phase_it_ends_the_same(
    shop: Shop, before: Path, erased: Erased, phase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worst moment: a phase is through, and its mark is not yet on the disk."""
    lake = shop.copy(before, f"killed-after-{phase}")
    real = subject_requests.save

    def save(folder: Path, request: subject_requests.SubjectRequest) -> None:
        if request.done[-1:] == [phase]:
            raise Died
        real(folder, request)

    with monkeypatch.context() as patched:
        patched.setattr(subject_requests, "save", save)
        with pytest.raises(Died):
            shop.erase(lake, *ERASED, UNKNOWN, known_only=True)
    assert shop.erase(lake, *ERASED, UNKNOWN, known_only=True).code == 3
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


def test_whom_a_lost_request_has_left_in_gold_the_next_request_removes(
    shop: Shop, before: Path, erased: Erased, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files of the lost one were removed by hand, and nothing else shows it: its lines have been unlinked."""
    lake = shop.copy(before, "lost-in-gold")
    interrupt(shop, lake, "publish", monkeypatch)
    for file in request_files(shop, lake):
        file.unlink()
    gone = {pseudonym(shop, one) for one in ERASED}
    assert gone & {record["user_key"] for record in records(lake, "gold/dim_user")}
    assert shop.erase(lake, OTHER_TWIN).code == 0
    assert not gone & {record["user_key"] for record in records(lake, "gold/dim_user")}
    assert revenue(lake) == revenue(before)


def revenue(lake: Path) -> Decimal:
    return sum((Decimal(str(fact["revenue"])) for fact in records(lake, "gold/fact_sales")), Decimal(0))


Phases = Mapping[str, Callable[[], None]]


def interrupt(shop: Shop, lake: Path, phase: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job in this process, stopped at the border before a phase; all of its request's files then empty."""
    real = subject_requests.go_through

    def go_through(
        folder: Path,
        request: subject_requests.SubjectRequest,
        phases: Mapping[str, Callable[[], None]],
        steps: Steps,
        *,
        lasting: Callable[[], None],
    ) -> None:
        real(folder, request, {**phases, phase: stop}, steps, lasting=lasting)

    with monkeypatch.context() as patched:
        patched.setattr(subject_requests, "go_through", go_through)
        with pytest.raises(Died):
            shop.erase(lake, *ERASED)
    files = request_files(shop, lake)
    assert len(files) == 2
    for file in files:
        file.write_bytes(b"\0" * file.stat().st_size)


def stop() -> None:
    raise Died


def request_files(shop: Shop, lake: Path) -> list[Path]:
    print_of_lake = hashlib.sha256(str(lake).encode()).hexdigest()[:16]
    return [f for f in (shop.site.folder / "secrets").rglob("*.json") if f.name.startswith(print_of_lake)]


def same_end(shop: Shop, lake: Path, erased: Erased) -> None:
    assert sales(lake) == sales(erased.lake)
    lines = [
        sorted(repr({name: value for name, value in line.items() if name != "erased_sale_key"}) for line in found)
        for found in (records(lake, "silver/erased_sales"), records(erased.lake, "silver/erased_sales"))
    ]
    assert lines[0] == lines[1]
    assert [line for line in records(lake, "silver/erased_sales") if "-" in str(line["erased_sale_key"])] == []
    assert content(lake) == content(erased.lake)
    for table in ("bronze/sales_events", "silver/users", "silver/purchases", "silver/quarantine"):
        assert len(records(lake, table)) == len(records(erased.lake, table))
    assert holding(lake, *LONG_IDS, *MARKED, *(pseudonym(shop, one) for one in ERASED)) == []
    assert request_files(shop, lake) == []
    assert (
        json.loads(max((lake / "receipts").glob("*.json"), key=lambda f: f.stat().st_mtime).read_text())["status"]
        == "COMPLETE"
    )


LOST_AT = ["delete", *(pytest.param(at, marks=pytest.mark.long) for at in ("anonymise", "unlink", "publish", "vacuum"))]


@pytest.mark.parametrize("phase", LOST_AT)
def test_a_lost_request_ends_as_its_sentence_says(
    shop: Shop, before: Path, erased: Erased, phase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = shop.copy(before, f"lost-in-{phase}")
    interrupt(shop, lake, phase, monkeypatch)
    refused = shop.job("pipeline", lake)
    assert (refused.code, "Run erase_subjects again with the same persons" in refused.last_line) == (2, True)
    assert shop.erase(lake, *ERASED).code == 0
    same_end(shop, lake, erased)


@pytest.mark.parametrize("phase", LOST_AT)
def test_whoever_removes_it_and_asks_anew_comes_to_the_same_end(
    shop: Shop, before: Path, erased: Erased, phase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if another job publishes in between: no sale counts twice at any time."""
    lake = shop.copy(before, f"removed-in-{phase}")
    interrupt(shop, lake, phase, monkeypatch)
    for file in request_files(shop, lake):
        file.unlink()
    file = batch(shop.site.folder / "other.csv", row(user="person-other-3", price="0")).path
    assert shop.job("pipeline", lake, "--input", str(file), "--extract-date", "2023-08-25").code == 0
    assert sales(lake) == sales(before)
    assert shop.erase(lake, *ERASED).code == 0
    assert sales(lake) == sales(erased.lake)
    assert len(records(lake, "silver/erased_sales")) == LINES


@pytest.mark.long
def test_a_lost_request_is_kept_until_everybody_of_it_is_named(
    shop: Shop, before: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = shop.copy(before, "lost-and-not-all")
    interrupt(shop, lake, "delete", monkeypatch)
    ending = shop.erase(lake, *ERASED[1:])
    assert (ending.code, "named 1 more persons, who are still in this lake" in ending.last_line) == (2, True)
    assert len(request_files(shop, lake)) == 2
    assert shop.erase(lake, ERASED[0]).code == 0
    assert request_files(shop, lake) == []
