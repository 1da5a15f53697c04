"""Values that must not enter the lake are in no byte of it, and in no output of a run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lib.keys import BLOCK_BYTES
from tests.e2e.lakes import Ending, Site, records
from tests.oracle.case import batch, row

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.timeout(1800)]

USER = "canary-user-5f0c7ad1"
CARD = "4111111111111111"  # a test number that nobody owns
DROPPED = {
    "name": "Canary Name 1b9e",
    "city": "Canary City 2c8f",
    "creditcard": "5555555555554444",
    "fulladdress": "Canary Address 3d7a",
    "userlocation": "Canary Location 4e6b",
    "comment": "Canary Comment 5f5c",
}
CANARY = re.compile("(?i)canary-user-5f0c7ad1|canary (?:name|city|address|location|comment)|5555555555554444")


@pytest.fixture(scope="module")
def lake(site: Site) -> Path:
    return site.lake("private")


@pytest.fixture(scope="module")
def ending(site: Site, lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Ending:
    """A run over rows that are good, quarantined, of a wrong structure and repeated."""
    export = batch(
        tmp_path_factory.mktemp("canaries") / "export.csv",
        row(user=USER, product=f"Lamp {CARD}", **DROPPED),
        row(user=USER, product=f"Lamp {CARD}", **DROPPED),
        row(user=USER, price="-1", day="some day", **DROPPED),
        row(user=USER, **DROPPED)[:-2],
        [*row(user=USER, **DROPPED), "Canary Comment 5f5c"],
    )
    return site.submit("pipeline", lake, "--input", str(export.path), "--verbose")


@pytest.fixture(scope="module")
def texts(lake: Path, ending: Ending) -> dict[str, bytes]:
    """Each file of the lake, and what its Parquet says when decoded."""
    assert ending.code == 0, ending.err
    found = dict(_texts(lake))
    assert any(name.endswith(".parquet") for name in found)
    assert any("_delta_log" in name for name in found)
    assert any(name.startswith("reports/") for name in found)
    return found


def _texts(lake: Path) -> Iterator[tuple[str, bytes]]:
    for file in lake.rglob("*"):
        if file.is_file():
            decoded = repr(pq.read_table(file).to_pylist()).encode() if file.suffix == ".parquet" else b""
            yield str(file.relative_to(lake)), file.read_bytes() + decoded


def holding(texts: dict[str, bytes], *needles: bytes) -> list[str]:
    return sorted(name for name, text in texts.items() if any(n.lower() in text.lower() for n in needles))


def test_dropped_columns_never_enter(texts: dict[str, bytes]) -> None:
    assert holding(texts, *(value.encode() for value in DROPPED.values())) == []


def test_a_user_id_is_in_bronze_data_alone(texts: dict[str, bytes]) -> None:
    found = holding(texts, USER.encode())
    assert found
    assert all(_is_bronze_data(name) for name in found)


def _is_bronze_data(name: str) -> bool:
    return name.startswith("bronze/sales_events/") and name.endswith(".parquet") and "_delta_log" not in name


def test_card_numbers_are_masked(lake: Path, texts: dict[str, bytes]) -> None:
    assert holding(texts, CARD.encode()) == []
    products = {row["product"] for row in records(lake, "mart_sales/products")}
    assert products == {"Lamp ************1111"}


def test_no_output_names_a_value_of_a_row(ending: Ending, texts: dict[str, bytes]) -> None:
    for text in (ending.out, ending.err):
        assert not CANARY.search(text)
        assert CARD not in text


def test_the_key_is_nowhere(site: Site, ending: Ending, texts: dict[str, bytes]) -> None:
    written = (site.folder / "secrets/pseudonym.key").read_text(encoding="ascii").strip()
    key = bytes.fromhex(written)
    block = key.ljust(BLOCK_BYTES, b"\0")
    pads = [bytes(byte ^ mask for byte in block) for mask in (0x36, 0x5C)]
    assert holding(texts, written.encode(), key, *pads, *(pad.hex().encode() for pad in pads)) == []
    assert written not in ending.out + ending.err
