"""A page about the tables, made from the contracts."""

from __future__ import annotations

from collections.abc import Iterator

from lib.contracts.model import Catalog, Table

WAY = ("bronze", "silver", "gold")
MADE = "Made by the job `describe_tables` from the contracts; do not edit, change the contract."


def tables(catalog: Catalog) -> str:
    """Every table of the catalogue as Markdown: first all in one list, then each with its columns."""
    return "\n".join(_lines(catalog)) + "\n"


def _lines(catalog: Catalog) -> Iterator[str]:
    stored = sorted(catalog.stored, key=_place)
    yield from ("# The tables", "", MADE, "", "| layer | table | content |", "|---|---|---|")
    yield from (f"| {t.layer} | [`{t.name}`](#{_anchor(t)}) | {_cell(t.grain)} |" for t in stored)
    steps = ", ".join(f"`{table.path}`" for table in sorted(catalog, key=_place) if table.is_view)
    if steps:
        yield from ("", f"Steps of the computation, which are not stored: {steps}.")
    for table in stored:
        yield from _table(table)


def _place(table: Table) -> tuple[int, str]:
    """The sort key: first the layers in the order in which a row passes them, then the others by name."""
    return WAY.index(table.layer) if table.layer in WAY else len(WAY), table.path


def _anchor(table: Table) -> str:
    return table.path.replace("/", "")


def _table(table: Table) -> Iterator[str]:
    yield from ("", f"## {table.path}", "", table.description or table.grain)
    yield from ("", "| column | type | meaning |", "|---|---|---|")
    for column in table.stored:
        key = " (key)" if column.primary_key else ""
        yield f"| `{column.name}`{key} | {column.physical_type} | {_cell(column.description)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
