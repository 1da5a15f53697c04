"""The record of processing activities (Art. 30 GDPR), made from the contracts, in English and in French.

One activity per purpose. The contracts cannot know some facts, for example the controller and its processors. The
document visibly leaves these open, and the organisation fills them in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from lib import durations
from lib.contracts.coverage import Coverage, census
from lib.contracts.model import RIGHTS, Catalog, Column, Table
from lib.errors import UsageError

DOCUMENTS = {"en": "register.md", "fr": "registre.md"}
WORDS = Path(__file__).with_suffix(".yaml")
LANGUAGES = ("en", "fr")


@dataclass(frozen=True)
class Words:
    """The texts of one language. `french` translates the contracts' texts."""

    language: str
    french: Mapping[str, str]

    def phrase(self, name: str) -> str:
        """A text of the document itself."""
        return _own()["phrases"][name][LANGUAGES.index(self.language)]

    def term(self, name: str) -> str:
        """A word used by contracts; columns keep their name."""
        terms = _own()["terms"]
        return terms[name][LANGUAGES.index(self.language)] if name in terms else f"`{name}`"

    def text(self, english: str) -> str:
        """A text of a contract. Raises `UsageError` if it has no translation."""
        if self.language == "en" or not english:
            return english
        if english not in self.french:
            raise UsageError(f"'{english}' has no French text.", "Add it to the contract, under 'french'.")
        return self.french[english]

    def period(self, text: str) -> str:
        """A duration in words."""
        found = durations.parse(text)
        return found.text(self.language) if found else ""


@cache
def _own() -> dict[str, dict[str, list[str]]]:
    """The document's own texts: name -> one text per language."""
    stated: dict[str, dict[str, list[str]]] = yaml.safe_load(WORDS.read_text(encoding="utf-8"))
    return stated


def texts(catalog: Catalog) -> tuple[str, ...]:
    """The contracts' texts in the document, each once."""
    found: list[str] = []
    for table in _tables(catalog):
        found += [table.description, table.grain, table.data_subjects, *table.data_categories, *table.exempt.values()]
        for column in _personal(table):
            found += [column.description, column.purpose, column.legal_basis]
    return tuple(dict.fromkeys(text for text in found if text))


def document(catalog: Catalog, words: Words) -> str:
    """The record as Markdown."""
    parts: list[Callable[[Catalog, Words], Iterator[str]]] = [_head, _activities, _periods, _rights, _inventory]
    return "\n".join(line for part in parts for line in part(catalog, words)).rstrip() + "\n"


def write(catalog: Catalog, folder: Path) -> list[Path]:
    """Write the document in each language; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for language, name in DOCUMENTS.items():
        file = folder / name
        file.write_text(document(catalog, Words(language, catalog.french)), encoding="utf-8")
        files.append(file)
    return files


def _head(catalog: Catalog, words: Words) -> Iterator[str]:
    del catalog
    yield f"# {words.phrase('title')}"
    yield ""
    yield words.phrase("made")
    yield ""
    yield f"## {words.phrase('controller')}"
    yield from _table(["", ""], ([words.phrase(row), words.phrase("fill")] for row in ("name", "joint", "dpo")))


def _activities(catalog: Catalog, words: Words) -> Iterator[str]:
    for number, purpose in enumerate(_purposes(catalog), start=1):
        found = [(t, c) for t in _tables(catalog) for c in _personal(t) if c.purpose == purpose]
        tables = list({table.path: table for table, _ in found}.values())
        yield f"## {words.phrase('activity')} {number}{_colon(words)}{words.text(purpose)}"
        rows = {
            "purpose": [words.text(purpose)],
            "basis": [words.text(column.legal_basis) for _, column in found],
            "persons": [words.text(table.data_subjects) for table in tables],
            "categories": [words.text(category) for table in tables for category in table.data_categories],
            "recipients": [words.phrase("recipients_text")],
            "transfers": [words.phrase("transfers_text")],
            "retention": [_kept(column.retention, column.retention_from, words) for _, column in found],
            "security": [words.phrase("security_text")],
            "tables": [f"`{table.path}`" for table in tables],
        }
        yield from _table(["", ""], ([words.phrase(name), _listed(values)] for name, values in rows.items()))


def _periods(catalog: Catalog, words: Words) -> Iterator[str]:
    yield f"## {words.phrase('periods')}"
    kept = dict.fromkeys(
        (table.path, column.retention, column.retention_from) for table in _tables(catalog) for column in table.stored
        if column.personal
    )  # fmt: skip
    rows = ([f"`{path}`", words.period(period), words.term(start)] for path, period, start in kept)
    yield from _table([words.phrase("table"), words.phrase("retention"), words.phrase("counted")], rows)


def _rights(catalog: Catalog, words: Words) -> Iterator[str]:
    yield f"## {words.phrase('rights')}"
    yield ""
    yield words.phrase("rights_text")
    by_table = {found.table.path: found for found in census(catalog) if found.column.enters and not found.table.is_view}
    header = [words.phrase("table"), words.phrase("leads"), *(_right(right, words) for right in RIGHTS)]
    rows = ([f"`{path}`", _leading(found.table, words), *_reached(found, words)] for path, found in by_table.items())
    yield from _table(header, rows)


def _right(right: str, words: Words) -> str:
    return words.phrase(right) if right == "retention" else words.term(right)


def _reached(found: Coverage, words: Words) -> Iterator[str]:
    for right in RIGHTS:
        if right in found.exempt:
            yield words.phrase("exempt") + words.text(found.table.exempt[right])
        else:
            yield words.phrase("yes") if right in found.reached else ""


def _inventory(catalog: Catalog, words: Words) -> Iterator[str]:
    yield f"## {words.phrase('inventory')}"
    yield ""
    for table in _tables(catalog):
        yield f"### `{table.path}`"
        yield ""
        yield f"{words.text(table.description)} {words.phrase('grain')}{_colon(words)}{words.text(table.grain)}."
        header = [words.phrase(name) for name in ("column", "meaning", "kind", "treatment")]
        rows = (
            [f"`{c.name}`", words.text(c.description), words.term(c.classification), words.term(c.treatment)]
            for c in _personal(table)
        )
        yield from _table(header, rows)


def _colon(words: Words) -> str:
    return " : " if words.language == "fr" else ": "


def _leading(table: Table, words: Words) -> str:
    return f"`{table.subject}` ({words.term(table.subject_by)})" if table.subject and table.subject_by else ""


def _kept(period: str, start: str, words: Words) -> str:
    after = {"en": "from", "fr": "à compter de"}[words.language]
    return f"{words.period(period)}, {after} {words.term(start)}"


def _listed(values: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(values))


def _purposes(catalog: Catalog) -> tuple[str, ...]:
    return tuple(dict.fromkeys(column.purpose for table in _tables(catalog) for column in _personal(table)))


def _tables(catalog: Catalog) -> tuple[Table, ...]:
    """The tables that store personal data, by layer and name: the document does not depend on the loading order."""
    found = [table for table in catalog.stored if table.personal]
    return tuple(sorted(found, key=lambda table: table.path))


def _personal(table: Table) -> tuple[Column, ...]:
    return tuple(column for column in table.columns if column.personal)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield ""
    yield _row(header)
    yield "|" + "---|" * len(header)
    for row in rows:
        yield _row(row)
    yield ""


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
