"""All spellings of a person's id are one user, and a rounded id belongs to nobody."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from tests.e2e.lakes import Site, differences, records
from tests.oracle.case import batch, row

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.timeout(580)]

ROUNDED = "6.93217E+12"
COMPOSED = "Jos\u00e9"
WRITTEN = ("41", "41\u200e", "\ufeff41", COMPOSED, "Jose\u0301", ROUNDED, ROUNDED, "1,23E+15\u00a0", "17850.0", "17850")


def test_users_are_told_by_what_an_id_means(site: Site, tmp_path: Path) -> None:
    lake = site.lake("ids")
    export = batch(
        tmp_path / "export.csv",
        *(row(user=one, product=f"Thing {at}") for at, one in enumerate(WRITTEN)),
        extract_date=dt.date(2023, 8, 25),
    )
    (balance,) = site.run(lake, export).balances
    assert (balance.rows_in, balance.outcomes["accepted"], balance.outcomes["quarantined"]) == (10, 7, 3)
    waiting = records(lake, "silver/quarantine")
    assert [(found["reasons"], found["user_key"]) for found in waiting] == [(["user_id_spoilt"], None)] * 3
    assert len(records(lake, "silver/users")) == 4
    assert differences(lake, export) == []

    named, out = tmp_path / "ids.txt", tmp_path / "out"
    named.write_text(f"{COMPOSED}\n{ROUNDED}\n", encoding="utf-8")
    refused = site.job("export_subject", lake, "--subjects", str(named), "--out", str(out))
    assert (refused.code, "spoilt the id of line 2" in refused.last_line, out.exists()) == (3, True, False)
    named.write_bytes("\ufeffID\r\nJose\u0301\r\n\u20281".encode("utf-16-le"))
    unknown = site.job("export_subject", lake, "--subjects", str(named), "--out", str(out))
    assert (unknown.code, "1 of 2 ids (line 3) is not in this lake" in unknown.last_line) == (3, True)
    named.write_bytes("\ufeffID\r\nJose\u0301\r\n41\u200b\r\n".encode("utf-16-le"))
    done = site.job("export_subject", lake, "--subjects", str(named), "--out", str(out))
    assert (done.code, "of 2 persons exported, 0 unknown" in done.last_line) == (0, True), done.err
    sold = [
        len(file.read_text(encoding="utf-8").splitlines()) - 1 for file in sorted(out.rglob("silver_purchases.csv"))
    ]
    assert sold == [2, 3]
