"""The persons of a request: the ids of a file. Messages name faulty ids only by the numbers of their lines."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from lib.contracts import model
from lib.errors import InputRefused, UsageError
from lib.normal_form import is_spoilt, normal
from lib.rights import listings
from lib.settings import Settings

BY_SOURCE = "source_id"  # the kind of key that a source states
IN_LAKE = "not in this lake"


@dataclass(frozen=True)
class Asked:
    """The source ids that a file names, each once and in its normal form, with the numbers of their lines.

    `header` is the number of the line that was skipped as a header. With `known_only`, unknown ids stop nothing.
    """

    lines: Mapping[str, Sequence[int]]
    header: int | None = None
    known_only: bool = False

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids, in the order of the file."""
        return tuple(self.lines)

    def require(self, known: Collection[str], what: str) -> list[str]:
        """The known ids: all ids, or with `known_only` at least one.

        Raises `InputRefused` that names the lines of the other ids; the caller has written nothing yet.
        """
        found = [one for one in self.lines if one in known]
        if len(found) == len(self.lines) or (found and self.known_only):
            return found
        carry_out = ", or carry out the others with --known-only" if found else ""
        raise InputRefused(
            f"{self._missing(found)} {what}; nothing has been written.{self._skipped()}",
            f"Correct the lines{carry_out}.",
        )

    def told(self, done: str, known: Collection[str], what: str) -> str:
        """The last line of a job that has carried out the request for the `known` ids.

        Raises `InputRefused` with it, and with the lines of the other ids, if there are any.
        """
        if set(self.lines) - set(known):
            raise InputRefused(f"{done} {self._missing(known)} {what}.{self._skipped()}")
        return f"{done}{self._skipped()}"

    def _missing(self, known: Collection[str]) -> str:
        missing = [one for one in self.lines if one not in known]
        where = listings.named(number for one in missing for number in self.lines[one])
        return f"{len(missing)} of {len(self.lines)} ids ({where}) {'is' if len(missing) == 1 else 'are'}"

    def _skipped(self) -> str:
        return f" Line {self.header} is a header and was skipped." if self.header else ""


def read(place: str, settings: Settings, option: str = "--subjects", *, known_only: bool = False) -> Asked:
    """The source ids of a file, or of the standard input (`-`), one a line; a header is skipped.

    They never come from the command line, which every user of the machine can read.

    Raises `UsageError` if the file cannot be read or names nobody, `InputRefused` if a spreadsheet has spoilt an id.
    """
    named = [(number, listings.value(text)) for number, text in listings.lines(place, option)]
    headed = bool(named) and named[0][1].casefold() in _headers(settings.contracts, settings.sources)
    found: dict[str, list[int]] = {}
    for number, one in named[headed:]:
        if one:
            found.setdefault(one, []).append(number)
    if not found:
        raise UsageError(f"The file of {option} names no person.", "Write one user id of the source a line.")
    require_unspoilt(found)
    return Asked(found, named[0][0] if headed else None, known_only)


def require_unspoilt(found: Mapping[str, Sequence[int]]) -> None:
    """Raise `InputRefused` that names the lines whose id is a rounded number: nobody knows the person."""
    spoilt = [number for one, numbers in found.items() if is_spoilt(one) for number in numbers]
    if spoilt:
        raise InputRefused(
            f"A spreadsheet has spoilt the id of {listings.named(spoilt)}: it is a rounded number.",
            "Take the id from the source, and format its column as text.",
        )


@cache
def _headers(contracts_in: Path, sources_in: Path) -> set[str]:
    """The possible headers of a list of ids: the column's name in the contract, and its names in the sources."""
    names = {str(table.subject) for table in model.load(contracts_in) if table.subject_by == BY_SOURCE}
    mappings = [yaml.safe_load(file.read_text(encoding="utf-8")) or {} for file in sources_in.glob("*.yaml")]
    origins = [(mapping.get("columns") or {}).get(name) for mapping in mappings for name in names]
    return {normal(name).casefold() for name in [*names, *origins] if isinstance(name, str)}
