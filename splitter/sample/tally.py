"""Counts the planted defects by their marks in a block. It does not state what a mark means for a lakehouse: that is
for those who judge the written files.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from splitter.sample.catalogue import CATEGORIES_OUTSIDE, COUNTRIES_UNKNOWN, SEGMENTS_OUTSIDE, STATUSES_OUTSIDE
from splitter.sample.plan import EPOCH, Plan
from splitter.sample.purchases import BLANKS, DATES_INVALID, PRICES_INVALID, QUANTITIES_INVALID, RATINGS_OUT
from splitter.sample.rows import MALFORMED
from splitter.sample.users import AGES_OUT

if TYPE_CHECKING:
    from splitter.sample.draws import Ints
    from splitter.sample.rows import Block

Columns = dict[str, dict[str, tuple[str, ...]]]
BRINGS = ("new", "repeat", "late", "moved", "changed", "newcomer")  # in the order of the layout's kinds
_DATES = (*DATES_INVALID, "(after the extract)")
_LOW, _CARD = ("(0 or below)",), ("(a card number)",)
# For each column of marks its defects, and for each defect its kinds, in the order of the marks' numbers. A kind in
# brackets is a description; any other is the text in the file.
_OF_ROW: Columns = {
    "malformed": {"row_malformed": MALFORMED},
    "id_missing": {"user_id_missing": BLANKS},
    "repeats": {"duplicate": ("(an earlier purchase again)",)},
}
_OF_PURCHASE: Columns = {
    "day_bad": {"purchase_date_invalid": _DATES, "purchase_before_sign_up": ("(up to 200 days before)",)},
    "name_bad": {"product_name_missing": BLANKS, "card_in_product": _CARD},
    "category_bad": {"category_outside": CATEGORIES_OUTSIDE},
    "price_bad": {"price_invalid": PRICES_INVALID, "price_not_positive": _LOW},
    "quantity_bad": {"quantity_invalid": QUANTITIES_INVALID, "quantity_not_positive": _LOW},
    "rating_bad": {"rating_out_of_range": RATINGS_OUT},
    "several": {"several": ("(price, quantity, rating and name)",)},
}
_OF_USER: Columns = {
    "age_bad": {"age_out_of_range": AGES_OUT},
    "country_bad": {"country_unknown": COUNTRIES_UNKNOWN},
    "sign_up_bad": {"sign_up_date_invalid": _DATES},
    "login_bad": {"last_login_invalid": _DATES},
    "last_purchase_bad": {"last_purchase_invalid": _DATES},
    "segment_bad": {"segment_outside": SEGMENTS_OUTSIDE, "card_in_segment": _CARD},
    "status_bad": {"status_outside": STATUSES_OUTSIDE},
}
_DEFECTS: dict[str, list[tuple[str, str]]] = {
    column: [(defect, kind) for defect, kinds in defects.items() for kind in kinds]
    for column, defects in {**_OF_ROW, **_OF_PURCHASE, **_OF_USER}.items()
}


class Tally:
    """Running sums over blocks: `add` each block once, then `report`."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        # First index: the batch.
        self._brings = np.zeros((plan.batches, len(BRINGS)), dtype=np.int64)
        self._marks = {
            column: np.zeros((plan.batches, 1 + len(kinds)), dtype=np.int64) for column, kinds in _DEFECTS.items()
        }

    @property
    def rows(self) -> int:
        return int(self._brings.sum())

    def add(self, block: Block) -> None:
        """Count no other defect of a malformed row: it may be cut off or unreadable."""
        batch, whole = block.layout.batch, block.malformed == 0
        np.add.at(self._brings, (batch, block.layout.kind), 1)
        for column, marks in _marks(block).items():
            rows = whole | (column == "malformed")
            np.add.at(self._marks[column], (batch[rows], marks[rows]), 1)

    def report(self, files: list[str]) -> dict[str, object]:
        """The truth file; docs/sample.md explains its keys."""
        return {
            "format": 2,
            "options": {**asdict(self._plan), "extract_date": self._plan.extract_date.isoformat()},
            "batches": [self._batch(number, file) for number, file in enumerate(files)],
            "overall": self._counts(slice(None)),
        }

    def _batch(self, number: int, file: str) -> dict[str, object]:
        extract = (EPOCH + dt.timedelta(int(self._plan.extracts[number]))).isoformat()
        return {"file": file, "extract_date": extract, **self._counts(slice(number, number + 1))}

    def _counts(self, batches: slice) -> dict[str, object]:
        brings = self._brings[batches].sum(axis=0).tolist()
        planted: dict[str, dict[str, int]] = {}
        for column, kinds in _DEFECTS.items():
            counts = self._marks[column][batches].sum(axis=0).tolist()[1:]
            for (defect, kind), count in zip(kinds, counts, strict=True):
                planted.setdefault(defect, {})[kind] = count
        return {"rows": sum(brings), "brings": dict(zip(BRINGS, brings, strict=True)), "planted": planted}


def _marks(block: Block) -> dict[str, Ints]:
    """Each column of marks, one per row."""
    story = block.layout.story
    return {
        "malformed": block.malformed,
        "id_missing": block.id_missing,
        "repeats": block.layout.repeats.astype(np.int64),
        **{column: getattr(block.purchases, column) for column in _OF_PURCHASE},
        **{column: getattr(block.stories, column)[story] for column in _OF_USER},
    }
