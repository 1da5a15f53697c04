"""The record of processing activities follows from the contracts, in both languages, and is up to date."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lib.contracts import model, register
from lib.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = ROOT / "lakehouse"
CATALOG = model.load(CONTRACTS)
FRENCH = CATALOG.french


def row(document: str, first: str) -> list[str]:
    """The other cells of the first row that begins with this cell."""
    line = next(line for line in document.splitlines() if line.startswith(f"| {first} |"))
    return [cell.strip() for cell in line.strip("|").split(" | ")[1:]]


def test_every_text_has_its_translation_and_no_translation_is_left_over() -> None:
    assert set(register.texts(CATALOG)) == set(FRENCH)
    assert [text for text, french in FRENCH.items() if not french] == []


def test_two_translations_of_one_text_are_an_error() -> None:
    first, *others = CATALOG.tables
    differing = dataclasses.replace(first, french={"Observation day": "Journée"})
    with pytest.raises(UsageError, match="has another French text for 'Observation day'"):
        _ = model.Catalog((differing, *others)).french


def test_a_missing_translation_is_an_error() -> None:
    less = {text: french for text, french in FRENCH.items() if text != "Observation day"}
    with pytest.raises(UsageError, match="'Observation day' has no French text"):
        register.document(CATALOG, register.Words("fr", less))


@pytest.mark.parametrize(("language", "name"), register.DOCUMENTS.items())
def test_the_documents_in_the_repository_are_up_to_date(language: str, name: str) -> None:
    written = (ROOT / "docs/rgpd" / name).read_text(encoding="utf-8")
    assert written == register.document(CATALOG, register.Words(language, FRENCH)), "run: ./spark-submit.sh register"


def test_the_record_says_what_article_30_asks() -> None:
    english = register.document(CATALOG, register.Words("en", FRENCH))
    assert row(english, "Purpose") == ["Statistics on sales and on the use of the shop"]
    assert row(english, "Legal basis") == ["Legitimate interest, Art. 6(1)(f) GDPR"]
    assert row(english, "Data subjects") == ["Users of the shop"]
    assert row(english, "Retention") == ["3 years, from the person's last activity"]
    assert row(english, "`silver/quarantine`") == ["90 days", "`quarantined_on`"]
    for part in ("Categories of data", "Recipients", "Transfers to third countries", "Security measures"):
        assert row(english, part)[0]


def test_the_french_record_is_french() -> None:
    french = register.document(CATALOG, register.Words("fr", FRENCH))
    assert row(french, "Finalité") == ["Statistiques sur les ventes et sur l'usage de la boutique"]
    assert row(french, "Durée de conservation") == ["3 ans, à compter de la dernière activité de la personne"]
    assert row(french, "`email`")[1:] == ["personnelle", "jamais enregistrée"]


def test_every_personal_column_that_is_stored_or_refused_is_listed() -> None:
    english = register.document(CATALOG, register.Words("en", FRENCH))
    inventory = english.split("## Inventory by column")[1]
    for table in CATALOG:
        if not table.is_view and table.personal:
            section = inventory.split(f"### `{table.path}`")[1].split("###")[0]
            listed = {line.split("`")[1] for line in section.splitlines() if line.startswith("| `")}
            assert listed == {column.name for column in table.columns if column.personal}


def test_the_job_writes_both_and_starts_no_spark(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JAVA_HOME": "/nowhere", "PATH": "/nowhere"}
    done = subprocess.run(
        [sys.executable, "jobs/register.py", "--out", str(tmp_path / "out")],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["register.md", "registre.md"]


def test_a_gap_in_the_contracts_stops_the_job(tmp_path: Path) -> None:
    folder = tmp_path / "lakehouse/gold"
    folder.mkdir(parents=True)
    (folder / "people.yaml").write_text(
        "apiVersion: v3.2.0\nkind: DataContract\nid: people\nversion: 1.0.0\nstatus: active\nschema:\n"
        "  - name: people\n    physicalType: table\n    properties:\n"
        "      - {name: email, logicalType: string, classification: personal}\n",
        encoding="utf-8",
    )
    conf = tmp_path / "conf.yaml"
    conf.write_text(
        f"lake: {tmp_path}/lake\ncontracts: {tmp_path}/lakehouse\nsources: conf/sources\nsecrets: {tmp_path}/secrets\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "jobs/register.py", "--conf", str(conf), "--out", str(tmp_path / "out")],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "gold/people.email lacks purpose, legal basis, retention period, erase, export" in done.stderr
    assert not (tmp_path / "out").exists()
