"""Source mappings: one YAML file under `conf/sources/` states how one sender's rows become the rows of bronze.

Everything in the file is checked at once, against the bronze contract; `docs/sources.md` explains each key.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml

from lib.contracts.model import Column, Declaration, Table
from lib.errors import UsageError, nearest

FORMATS = ("csv", "jsonl", "json", "table")
KINDS = ("expression", "constant")
KEYS = {
    "format", "delimiter", "quote", "escape", "encoding", "header", "names", "multiline", "date_formats",
    "decimal_separator", "thousands_separator", "columns", "declares", "bronze", "extract_date",
}  # fmt: skip
DATE_LETTERS = set("yMdHmsSXEah")
STRPTIME = {"yyyy": "%Y", "yy": "%y", "MM": "%m", "dd": "%d"}


@dataclass(frozen=True)
class Origin:
    """The origin of a bronze column: a `column` of the source, an SQL `expression` over columns, or a `constant`."""

    kind: str
    value: str


@dataclass(frozen=True)
class Layout:
    """The layout of a CSV file. `encoding` is Python's name; `header`: its first line names the columns."""

    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    encoding: str = "utf-8"
    header: bool = True
    multiline: bool = False


CSV = Layout()


@dataclass(frozen=True)
class ExtractDate:
    """The extract date in a file's name: the group `date` of `pattern`, written as the date pattern `format`."""

    pattern: str
    format: str

    def read(self, name: str) -> date | None:
        """The date in the file's name; None if there is none."""
        match = re.search(self.pattern, name)
        if match is None:
            return None
        layout = re.sub(r"yyyy|yy|MM|dd", lambda found: STRPTIME[found.group()], self.format)
        try:
            return datetime.strptime(match.group("date"), layout).date()  # noqa: DTZ007 - a day has no time zone
        except ValueError:
            return None


@dataclass(frozen=True)
class Source:
    """One sender's layout, and the meaning of its columns in bronze.

    `table` is the bronze table for the rows. `columns` has an entry for each of its mapped columns that enters, in the
    contract's order; `declares` has one for each declaration of the contract.
    """

    name: str
    format: str
    table: Table
    columns: Mapping[str, Origin]
    declares: Mapping[str, str]
    layout: Layout = CSV
    names: tuple[str, ...] = ()
    date_formats: tuple[str, ...] = ("yyyy-MM-dd",)
    decimal_separator: str = "."
    thousands_separator: str | None = None
    extract_date: ExtractDate | None = None

    @property
    def subject(self) -> str | None:
        """The bronze column that identifies the data subject."""
        return self.table.subject

    @property
    def source_columns(self) -> tuple[str, ...]:
        """The columns of the source that the mapping names (except those inside expressions)."""
        return tuple(dict.fromkeys(o.value for o in self.columns.values() if o.kind == "column"))

    @property
    def plain_numbers(self) -> bool:
        """Whether numbers are written as in SQL."""
        return self.decimal_separator == "." and self.thousands_separator is None


@dataclass
class _Problems:
    """Collects all faults of one file, so that its author sees them at once."""

    file: Path
    found: list[str] = field(default_factory=list)

    def add(self, key: str, sentence: str) -> None:
        self.found.append(f"'{key}' {sentence}")

    def report(self) -> None:
        if self.found:
            raise UsageError(
                f"Source mapping {self.file}: {'; '.join(self.found)}.", "docs/sources.md explains the keys."
            )


def load_source(folder: Path, name: str, *bronze: Table) -> Source:
    """Read `folder`/`name`.yaml and check it against the contract of the bronze table that it fills.

    If there are several, the mapping must name one of them. Raises `UsageError` with all faults: file, key, remedy.
    """
    file = folder / f"{name}.yaml"
    if not file.is_file():
        known = [path.stem for path in sorted(folder.glob("*.yaml"))]
        raise UsageError(f"There is no source mapping '{name}' in {folder}.", nearest(name, known))
    entries = _document(file)
    problems = _Problems(file)
    table = _table(entries, bronze, problems)
    _check_keys(entries, table, problems)
    for check in (_check_layout, _check_header, _check_date_formats, _check_separators):
        check(entries, problems)
    columns = _columns(entries.get("columns"), table, problems)
    declares = _declares(entries, table, problems)
    extract_date = _extract_date(entries.get("extract_date"), problems)
    problems.report()
    return Source(
        name,
        entries["format"],
        table,
        columns,
        declares,
        layout=_layout(entries),
        names=tuple(entries.get("names", ())),
        date_formats=tuple(entries.get("date_formats", Source.date_formats)),
        decimal_separator=entries.get("decimal_separator", Source.decimal_separator),
        thousands_separator=entries.get("thousands_separator"),
        extract_date=extract_date,
    )


def nothing(bronze: Table) -> Source:
    """The source of a bronze table that has no batch: it states nothing."""
    declares = {name: declaration.default or "" for name, declaration in bronze.declarations.items()}
    return Source("", FORMATS[0], bronze, {}, declares)


def _table(entries: Mapping[str, Any], bronze: Sequence[Table], problems: _Problems) -> Table:
    """The bronze table that the mapping names, or the only one."""
    known = {table.name: table for table in bronze}
    stated = entries.get("bronze")
    if str(stated) not in known and (stated is not None or len(known) > 1):
        problems.add("bronze", f"must name a bronze table ({nearest(str(stated or ''), known)})")
    return known.get(str(stated), bronze[0])


def _document(file: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"Source mapping {file} is not YAML in UTF-8: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise UsageError(f"Source mapping {file} holds no keys.", "docs/sources.md shows one to start from.")
    return {str(key): value for key, value in document.items()}


def _layout(entries: Mapping[str, Any]) -> Layout:
    stated = {key: entries[key] for key in ("delimiter", "quote", "header", "multiline") if key in entries}
    return Layout(
        escape=entries.get("escape", entries.get("quote", Layout.quote)),
        encoding=codecs.lookup(entries.get("encoding", Layout.encoding)).name,
        **stated,
    )


def _check_keys(entries: Mapping[str, Any], table: Table, problems: _Problems) -> None:
    known = KEYS | set(table.declarations)
    for key in sorted(set(entries) - known):
        problems.add(key, f"is not a key of a mapping ({nearest(key, sorted(known))})")
    for key in ("format", "columns"):
        if key not in entries:
            problems.add(key, "is missing")


def _check_layout(entries: Mapping[str, Any], problems: _Problems) -> None:
    if "format" in entries and entries["format"] not in FORMATS:
        problems.add("format", f"must be one of {', '.join(FORMATS)}")
    for key in ("delimiter", "quote", "escape"):
        value = entries.get(key, "-")
        if not (isinstance(value, str) and len(value) == 1 and value.isascii() and value not in "\r\n\0"):
            problems.add(key, "must be one ASCII character in quotes")
    if entries.get("delimiter", Layout.delimiter) == entries.get("quote", Layout.quote):
        problems.add("delimiter", "and 'quote' must differ")
    encoding = entries.get("encoding", Layout.encoding)
    if not is_readable(encoding):
        problems.add("encoding", "must be utf-8 or a single-byte superset of ASCII such as cp1252 or iso-8859-15")


def is_readable(encoding: object) -> bool:
    """Whether lines can be split before characters are decoded: UTF-8, or a single-byte superset of ASCII."""
    try:
        info = codecs.lookup(str(encoding))
        if info.name == "utf-8":
            return True
        ascii_bytes = bytes(range(128))
        text = bytes(range(256)).decode(info.name, "replace")
        return len(text) == 256 and ascii_bytes.decode(info.name) == ascii_bytes.decode("ascii")  # noqa: PLR2004 - all bytes
    except (LookupError, UnicodeError):
        return False


def _check_header(entries: Mapping[str, Any], problems: _Problems) -> None:
    for key in ("header", "multiline"):
        if not isinstance(entries.get(key, False), bool):
            problems.add(key, "must be true or false")
    names = entries.get("names", [])
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        problems.add("names", "must be a list of the source's column names, in quotes where they are numbers")
    elif entries.get("header", True) is False and not names:
        problems.add("names", "must list the columns of a file without header")
    elif entries.get("header", True) is True and names:
        problems.add("names", "belongs to files without header (header: false)")


def _check_date_formats(entries: Mapping[str, Any], problems: _Problems) -> None:
    formats = entries.get("date_formats", ["yyyy-MM-dd"])
    if not (isinstance(formats, list) and formats and all(_is_date_format(entry) for entry in formats)):
        problems.add("date_formats", "must be a list of patterns with year, month and day such as dd/MM/yyyy")


def _is_date_format(entry: object) -> bool:
    if not isinstance(entry, str):
        return False
    letters = set(re.findall("[A-Za-z]", re.sub("'[^']*'", "", entry)))
    return set("yMd") <= letters <= DATE_LETTERS


def _check_separators(entries: Mapping[str, Any], problems: _Problems) -> None:
    decimal = entries.get("decimal_separator", ".")
    if decimal not in (".", ","):
        problems.add("decimal_separator", "must be '.' or ','")
    thousands = entries.get("thousands_separator")
    if thousands is None:
        return
    if not (isinstance(thousands, str) and len(thousands) == 1) or thousands.isalnum() or thousands in "+-*":
        problems.add("thousands_separator", "must be one character such as '.' or ' '")
    if thousands == decimal:
        problems.add("thousands_separator", "and 'decimal_separator' must differ")


def _columns(entries: object, bronze: Table, problems: _Problems) -> dict[str, Origin]:
    if not isinstance(entries, dict):
        problems.add("columns", "must map bronze columns to columns of the source")
        return {}
    business = {column.name: column for column in business_columns(bronze, dropped=True)}
    for name in entries:
        if name not in business:
            problems.add(f"columns.{name}", f"is not a column of {bronze.path} ({nearest(str(name), business)})")
    if bronze.subject and bronze.subject not in entries:
        problems.add(f"columns.{bronze.subject}", "is missing: it identifies the data subject")
    mapped = [column.name for column in business.values() if column.enters and column.name in entries]
    return {name: _origin(name, entries[name], problems) for name in mapped}


def business_columns(bronze: Table, *, dropped: bool = False) -> tuple[Column, ...]:
    """The columns that come from sources; those that the engine adds begin with an underscore."""
    columns = bronze.columns if dropped else bronze.stored
    return tuple(column for column in columns if not column.name.startswith("_"))


def _origin(name: str, entry: object, problems: _Problems) -> Origin:
    if isinstance(entry, str) and entry:
        return Origin("column", entry)
    if isinstance(entry, dict) and len(entry) == 1:
        kind, value = next(iter(entry.items()))
        if kind == "constant" and isinstance(value, str | int | float | date):
            return Origin(kind, str(value))
        if kind == "expression" and isinstance(value, str) and value.strip():
            return Origin(kind, value)
    problems.add(f"columns.{name}", "must be a source column, {expression: SQL} or {constant: value}")
    return Origin("constant", "")


def _declares(entries: Mapping[str, Any], bronze: Table, problems: _Problems) -> dict[str, str]:
    """The mapping's declarations about its rows, under `declares` or by their own key; defaults for the rest."""
    below = {} if entries.get("declares") is None else entries["declares"]
    if not isinstance(below, dict):
        problems.add("declares", "must map declarations to values")
        return {}
    for name in below:
        if name not in bronze.declarations:
            problems.add(f"declares.{name}", f"is not a declaration ({nearest(str(name), bronze.declarations)})")
    return {
        name: str(_declared(name, declaration, entries, below, problems))
        for name, declaration in bronze.declarations.items()
    }


def _declared(
    name: str, declaration: Declaration, entries: Mapping[str, Any], below: Mapping[str, Any], problems: _Problems
) -> object:
    key = f"declares.{name}" if name in below else name
    value = below.get(name, entries.get(name, declaration.default))
    if value is None:
        problems.add(key, "is missing")
    elif not declaration.allows(value):
        problems.add(key, f"must be {declaration.allowed}")
    return value


def _extract_date(entry: object, problems: _Problems) -> ExtractDate | None:
    if entry is None:
        return None
    problem = next(_extract_date_problems(entry), None)
    if problem:
        problems.add("extract_date", problem)
        return None
    stated: Mapping[str, str] = entry if isinstance(entry, dict) else {}
    return ExtractDate(stated["pattern"], stated.get("format", "yyyy-MM-dd"))


def _extract_date_problems(entry: object) -> Iterator[str]:
    if not isinstance(entry, dict) or not {"pattern"} <= set(entry) <= {"pattern", "format"}:
        yield "must have a 'pattern' and may have a 'format'"
        return
    try:
        if "date" not in re.compile(str(entry["pattern"])).groupindex:
            yield "must have a pattern with the group (?P<date>...)"
    except re.error as error:
        yield f"has a pattern that is not a regular expression: {error}"
    if set(re.findall("[A-Za-z]+", str(entry.get("format", "yyyy-MM-dd")))) - {*STRPTIME, "yyyyMMdd", "ddMMyyyy"}:
        yield "must have a format of yyyy, MM and dd"
