"""The truth file against a recount of the written CSV: each defect by the text that it leaves there."""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from splitter.sample import layout
from splitter.sample.export import write_sample
from splitter.sample.plan import Plan

Row = dict[str, str]
DATES = ("", "not a date", "2023-02-30", "1999-12-31", "31/12/2022", "2022-13-01", "9999-12-31")
TEXTS = {
    "user_id_missing": ("ID", ("", "  ")),
    "purchase_date_invalid": ("Date_Purchase", DATES),
    "sign_up_date_invalid": ("UserSignUpDate", DATES),
    "last_login_invalid": ("UserLastLoginDate", DATES),
    "last_purchase_invalid": ("UserLastPurchaseDate", DATES),
    "price_invalid": ("Price", ("", "free", "NaN", "12,50", "N/A")),
    "quantity_invalid": ("Quantity", ("", "two", "x3")),
    "product_name_missing": ("Product Name", ("", "  ")),
    "rating_out_of_range": ("Rating", ("", "0", "6", "7", "-1")),
    "age_out_of_range": ("Age", ("", "0", "4", "7", "12", "14", "111", "150", "-3")),
    "country_unknown": ("Country", ("", "Mismatched Country", "Atlantis", "Nowhere")),
    "category_outside": ("Category", ("Toys", "Garden")),
    "segment_outside": ("UserSegment", ("VIP", "Wholesale")),
    "status_outside": ("UserStatus", ("Paused", "Suspended")),
}
FORMS = {
    "price_not_positive": ("Price", r"0|-\d+"),
    "quantity_not_positive": ("Quantity", r"0|-\d+"),
    "card_in_product": ("Product Name", r"\D+ (\d{4}[ -]?){4}"),
    "card_in_segment": ("UserSegment", r"(\d{4}[ -]?){4}"),
}
AT_ONCE = (
    ("price_invalid", "price_not_positive"),
    ("quantity_invalid", "quantity_not_positive"),
    ("rating_out_of_range",),
    ("product_name_missing",),
)
PURCHASE = ("CreditCard", "Product Name", "Category", "Subcategory", "Price", "Date_Purchase", "Quantity", "Comment")
PLANS = st.builds(
    Plan,
    rows=st.integers(1, 600),
    seed=st.integers(0, 3),
    batches=st.integers(1, 4),
    later_fraction=st.sampled_from([0.05, 0.3, 1.0]),
    defects=st.sampled_from([0.0, 0.5, 1.0, 4.0, 20.0]),
    step_days=st.sampled_from([1, 7, 40]),
    multiline=st.booleans(),
)


def written(plan: Plan, folder: Path) -> tuple[dict[str, Any], list[list[list[str]]]]:
    """The truth, and the rows of each batch as they are cut into fields."""
    truth = json.loads(write_sample(plan, folder / "sample.csv").read_text("utf-8"))
    batches = []
    for batch in truth["batches"]:
        text = (folder / batch["file"]).read_bytes().decode("utf-8", "surrogateescape")
        batches.append(list(csv.reader(io.StringIO(text, newline=""), strict=True)))
    return truth, batches


def whole(rows: list[list[str]]) -> list[Row]:
    return [dict(zip(rows[0], cells, strict=True)) for cells in rows[1:] if not way_of(rows[0], cells)]


def way_of(header: list[str], cells: list[str]) -> str:
    """The way in which a row is broken, if it is."""
    unreadable = [name for name, cell in zip(header, cells, strict=False) if "\udce9" in cell]
    lengths = {12: "cut after 12 fields", 24: "one field short", 26: "one field too many", 28: "three fields too many"}
    return f"({lengths[len(cells)]})" if len(cells) != 25 else f"({unreadable[0]} not UTF-8)" if unreadable else ""


def recount(rows: list[Row], extract: str) -> dict[str, Counter[str]]:
    """The rows by defect and kind, for defects that are visible in one field."""
    found = {}
    for defect, (column, texts) in TEXTS.items():
        found[defect] = Counter(row[column] for row in rows if row[column] in texts)
        if texts == DATES:
            found[defect]["(after the extract)"] = sum(extract < row[column] < "2999" for row in rows)
    for defect, (column, form) in FORMS.items():
        found[defect] = Counter({"": sum(bool(re.fullmatch(form, row[column])) for row in rows)})
    return found


def shows_all_at_once(row: Row) -> bool:
    found = recount([row], "2999")
    return all(any(found[defect].total() for defect in defects) for defects in AT_ONCE)


def stated(counts: dict[str, Any], defect: str) -> Counter[str]:
    """The truth's counts of a defect by kind; a defect with only one kind has no name for it here."""
    kinds = counts["planted"][defect]
    return Counter({"": sum(kinds.values())} if len(kinds) == 1 else {kind.strip('"'): n for kind, n in kinds.items()})


@given(PLANS)
@settings(deadline=None, max_examples=40, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_every_defect_that_a_field_shows_stands_in_the_file_as_often_as_stated(plan: Plan) -> None:
    """Small blocks of users, so that a small sample has many."""
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(layout, "BLOCK_USERS", 64):
        truth, batches = written(plan, Path(folder))
    for counts, rows in zip(truth["batches"], batches, strict=True):
        assert counts["rows"] == len(rows) - 1
        ways = Counter(filter(None, (way_of(rows[0], cells) for cells in rows[1:])))
        assert Counter(counts["planted"]["row_malformed"]) == ways
        for defect, kinds in recount(whole(rows), counts["extract_date"]).items():
            assert stated(counts, defect) == kinds, defect


@pytest.mark.parametrize(
    "plan",
    [
        Plan(rows=3000, seed=7),
        Plan(rows=2000, seed=8, batches=4, later_fraction=0.2, defects=2),
        Plan(rows=1500, seed=9, batches=2, later_fraction=1, multiline=True),
    ],
    ids=lambda plan: f"seed-{plan.seed}",
)
def test_defects_that_several_fields_show(tmp_path: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the two defects that hide these: in a broken row, and where the sign-up is no date."""
    every = Plan.every
    hiding = ("row_malformed", "sign_up_date_invalid")
    monkeypatch.setattr(Plan, "every", lambda self, defect: 0 if defect in hiding else every(self, defect))
    truth, batches = written(plan, tmp_path)
    seen: set[tuple[str, ...]] = set()
    for counts, rows in zip(truth["batches"], map(whole, batches), strict=True):
        keys = [tuple(row[column] for column in PURCHASE) for row in rows]
        assert counts["brings"]["repeat"] == sum(key in seen for key in keys)
        assert stated(counts, "duplicate")[""] == len(rows) - len(set(keys) - seen) > 0
        seen |= set(keys)
        assert stated(counts, "several")[""] == sum(map(shows_all_at_once, rows))
        assert stated(counts, "purchase_before_sign_up")[""] == sum(
            row["Date_Purchase"] not in DATES and row["Date_Purchase"] < row["UserSignUpDate"] for row in rows
        )
    assert min(sum(truth["overall"]["planted"][defect].values()) for defect in ("several", "duplicate")) > 5


@pytest.mark.parametrize("seed", range(3))
def test_what_the_rows_of_later_batches_bring(tmp_path: Path, seed: int) -> None:
    """Recounted in a clean sample, by what each user said before; a mover may draw the same country again."""
    truth, batches = written(Plan(rows=2000, seed=seed, batches=3, later_fraction=0.3, defects=0), tmp_path)
    first, *later = truth["batches"]
    assert first["brings"] == {**dict.fromkeys(first["brings"], 0), "new": 2000}
    said = {row["CreditCard"]: row for row in whole(batches[0])}
    before = first["extract_date"]
    for counts, rows in zip(later, map(whole, batches[1:]), strict=True):
        brings = counts["brings"]
        users = {row["CreditCard"]: row for row in rows}
        aged = {user: int(users[user]["Age"]) - int(said[user]["Age"]) for user in users.keys() & said.keys()}
        moved = {user for user in aged if users[user]["Country"] != said[user]["Country"]}
        late = [row["CreditCard"] for row in rows if row["Date_Purchase"] <= before]
        assert sum(brings.values()) == counts["rows"]
        assert brings["newcomer"] == sum(row["UserSignUpDate"] > before for row in rows) == 150
        assert brings["late"] == len(late) > 0
        assert brings["changed"] * 4 == sum(aged.values()) > 0
        assert len(moved) <= brings["moved"] < 1.25 * len(moved)
        # Each of these happens to users of its own, but for chance.
        for one, other in combinations((moved, set(late), {user for user in aged if aged[user]}), 2):
            assert len(one & other) < len(one) / 2
        said |= users
        before = counts["extract_date"]


def test_overall_is_the_sum_of_the_batches(tmp_path: Path) -> None:
    truth, _ = written(Plan(rows=1000, batches=3, defects=4), tmp_path)
    overall, batches = truth["overall"], truth["batches"]
    assert overall["rows"] == sum(batch["rows"] for batch in batches) == 1000 + 2 * 10
    for name, count in overall["brings"].items():
        assert count == sum(batch["brings"][name] for batch in batches)
    for defect, kinds in overall["planted"].items():
        assert kinds == {kind: sum(batch["planted"][defect][kind] for batch in batches) for kind in kinds}


def test_a_clean_sample_has_no_defect(tmp_path: Path) -> None:
    truth, _ = written(Plan(rows=2000, defects=0, batches=2), tmp_path)
    assert {count for kinds in truth["overall"]["planted"].values() for count in kinds.values()} == {0}
