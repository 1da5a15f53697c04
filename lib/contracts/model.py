"""Data contracts: the Open Data Contract Standard files under `lakehouse/`, read once, validated at once.

One YAML file is one table, or one family of tables. `customProperties` holds what the engine needs beyond the
standard's own keys:

| where | property | meaning |
|---|---|---|
| table | `load` | `batch`: rows belong to one batch and are replaced by batch; `subject`: recomputed for the \
affected data subjects; `full`: recomputed as a whole; `sum`: sums over data subjects, kept by difference \
(`lib.build.cells`); `anonymous`: the rows that stay after a data subject's erasure, \
from the tables that it `remembers`, cut to the subjects; `engine`: written by the engine itself |
| table | `rowsBehind` | of a table loaded by `sum`, the measure that counts the rows behind each of its rows |
| table | `newestDay` | of a table loaded by `sum`, a view of one row and column: the newest day of its inputs |
| table | `inputs` | names of the tables that the transformation reads |
| table | `remembers` | names of the tables whose content before the run it reads, as `known_NAME` |
| table | `transformation` | file beside the contract, default: the contract's name with `.sql` or `.py` |
| table | `parameters` | values for the named parameters (`:name`) of the transformation's SQL and of the checks |
| table | `parametersOf` | the table whose parameters it shares |
| table | `subject` | the column that identifies the data subject |
| table | `subjectBy` | how that column identifies: `source_id`, `pseudonym`, `hashed_pseudonym` (xxhash64 of it), or \
`suppression_token` |
| table | `activity` | date columns on which the data subject was active: the newest date is the last activity |
| table | `family` | tables that differ only in words: name -> words. The contract's texts hold `${WORD}` and \
`${name}` in their place |
| column | `only` | the tables of the family that have the column |
| table | `processingActivity` | its activity in `processing_activities.yaml`; the table inherits purpose, legal \
basis, data subjects and retention from it unless it states its own |
| table | `dataSubjects`, `dataCategories` | the persons in it and the kinds of data: for the record of processing \
activities |
| table | `french` | its texts in the record of processing activities: English -> French; a text that several tables \
share is translated once |
| table | `exempt` | rights that do not reach its rows, with the reason: right -> reason |
| table | `declarations` | what a source must or may declare about its rows: name -> allowed values, the first is the \
default; or name -> `{pattern, meaning, onePerLake}`, a text that it must state. Rules and transformations see them as \
columns of that name; the ledger keeps them if it has a column of that name |
| table | `unknownMember` | the row of a dimension that facts without a match point at |
| table | `restrictedMember` | the row of a dimension that the facts of restricted data subjects point at |
| table | `outcome` | SQL for the outcome of the source rows that its rows stand for: accepted, quarantined, ... |
| table | `quarantineOf` | the table with row rules whose quarantined source rows wait here; this is their outcome |
| table | `persist` | `true`: kept in memory during a run, because several tables read it |
| table, column | `purpose`, `legalBasis`, `treatment` | GDPR; a column inherits its table's |
| table, column | `retention`, `retentionFrom` | an ISO 8601 duration, and its beginning: a date column of the table, \
or `last_activity` of the data subject |
| row rule | `appliesTo`, `consequence`, `clears`, `columns` | see `lib.build.rules` |
| check | `ofEachSubject` | `true`: counts what is wrong with the rows of each data subject by themselves, so that an \
increment asks only the rows of its subjects |
"""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from string import Template
from typing import Any

import yaml
from jsonschema import Draft201909Validator, ValidationError

from lib import durations
from lib.errors import UsageError, nearest
from lib.sql import bound, quoted, statements

LOADS = ("batch", "subject", "full", "sum", "anonymous", "engine")
BY_THE_ENGINE = ("anonymous", "engine")
CONSEQUENCES = ("quarantine", "repair", "flag")
TREATMENTS = ("keep", "truncate", "drop")
PERSONAL = ("personal", "pseudonymous")
SUBJECT_BY = ("source_id", "pseudonym", "hashed_pseudonym", "suppression_token")
QUARANTINED = "'quarantined'"  # the outcome of waiting rows, as SQL
RIGHTS = ("erase", "export", "retention")
LAST_ACTIVITY = "last_activity"
TABLE_PROPERTIES = {
    "load", "rowsBehind", "newestDay", "inputs", "remembers", "transformation", "parameters", "parametersOf", "subject",
    "persist",
    "declarations", "unknownMember", "restrictedMember", "outcome", "quarantineOf", "purpose", "legalBasis",
    "retention", "retentionFrom", "treatment",
    "subjectBy", "activity", "dataSubjects", "dataCategories", "exempt", "processingActivity", "french", "family",
}  # fmt: skip
FUNCTIONS = "functions.sql"  # beside the folders of tables
ACTIVITIES = "processing_activities.yaml"  # beside the folders of tables
ACTIVITY_PROPERTIES = {"purpose", "legalBasis", "dataSubjects", "retention", "retentionFrom", "french"}
COLUMN_PROPERTIES = {"purpose", "legalBasis", "retention", "retentionFrom", "treatment", "truncateTo", "only"}
RULE_PROPERTIES = {"appliesTo", "consequence", "clears", "columns"}
CHECK_PROPERTIES = {"ofEachSubject"}


@dataclass(frozen=True)
class Column:
    """One column: its types, its allowed values, and how personal it is."""

    name: str
    logical_type: str
    physical_type: str
    description: str
    required: bool
    primary_key: bool
    classification: str
    treatment: str
    truncate_to: int | None
    purpose: str
    legal_basis: str
    retention: str
    retention_from: str
    values: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    references: str | None = None
    encrypted_name: str | None = None
    semantic_type: str = "column"

    @property
    def personal(self) -> bool:
        """Whether the column leads, directly or by a pseudonym, to a person."""
        return self.classification in PERSONAL

    @property
    def enters(self) -> bool:
        """Whether the column is stored at all; a column treated as `drop` never is."""
        return self.treatment != "drop"


@dataclass(frozen=True)
class RowRule:
    """A condition that a good row meets, and the consequence for a row that does not.

    Either `condition` is SQL over the table's columns, or `values_of` names columns whose contract lists their values.
    """

    code: str
    condition: str
    values_of: tuple[str, ...]
    applies_to: str
    consequence: str
    clears: str | None
    columns: tuple[str, ...]
    description: str


@dataclass(frozen=True)
class Check:
    """A query over published or staged tables that must return one figure, `must_be`.

    With `of_each_subject`, it counts what is wrong with the rows of each data subject of its table by themselves. So it
    may be asked of the rows of some subjects.
    """

    name: str
    description: str
    query: str
    must_be: Any
    of_each_subject: bool = False


@dataclass(frozen=True)
class Declaration:
    """What a source declares about all its rows: one of `values`, or a text that fits `pattern` and has no default.

    With `one_per_lake` all batches of a lake must declare the same.
    """

    values: tuple[str, ...] = ()
    pattern: str = ""
    meaning: str = ""
    one_per_lake: bool = False

    @property
    def default(self) -> str | None:
        """The value of a source that declares nothing; None if it must declare one."""
        return self.values[0] if self.values else None

    @property
    def allowed(self) -> str:
        """What it may declare, as text for a person."""
        return f"one of {', '.join(self.values)}" if self.values else self.meaning

    def allows(self, value: object) -> bool:
        """Whether a source may declare this."""
        return value in self.values or (isinstance(value, str) and bool(re.fullmatch(self.pattern or "(?!)", value)))


@dataclass(frozen=True)
class Table:
    """One table or view of the lakehouse, as its contract states it."""

    path: str
    name: str
    kind: str
    description: str
    grain: str
    columns: tuple[Column, ...]
    rules: tuple[RowRule, ...]
    checks: tuple[Check, ...]
    inputs: tuple[str, ...]
    remembers: tuple[str, ...]
    transformation: Path | None
    parameters: Mapping[str, Any]
    parameters_of: str | None
    load: str
    rows_behind: str | None
    newest_day: str | None
    subject: str | None
    persist: bool
    declarations: Mapping[str, Declaration]
    unknown_member: Mapping[str, Any]
    restricted_member: Mapping[str, Any]
    outcome: str | None
    quarantine_of: str | None
    subject_by: str | None
    activity: tuple[str, ...]
    data_subjects: str
    data_categories: tuple[str, ...]
    exempt: Mapping[str, str]
    french: Mapping[str, str]

    @property
    def layer(self) -> str:
        """The folder of the contract: `bronze`, `silver`, `gold`, a mart, or `ledger`."""
        return self.path.split("/", maxsplit=1)[0]

    @property
    def is_view(self) -> bool:
        """Whether the table is only a step of the computation and never stored."""
        return self.kind == "view"

    @property
    def is_mart(self) -> bool:
        """Whether people may read it: a table of a mart, including `mart_operations`."""
        return self.layer.startswith("mart_")

    @property
    def stored(self) -> tuple[Column, ...]:
        """The columns that exist in the lake."""
        return tuple(column for column in self.columns if column.enters)

    @property
    def key(self) -> tuple[str, ...]:
        """The columns of the primary key, in the contract's order."""
        return tuple(column.name for column in self.columns if column.primary_key)

    @property
    def needs(self) -> tuple[str, ...]:
        """The names of the tables and views that must be there before this one is made."""
        return (*self.inputs, *([self.newest_day] if self.newest_day else []))

    @property
    def measures(self) -> tuple[str, ...]:
        """The columns beside the key. Of a table loaded by `sum`, these are what is summed."""
        return tuple(column.name for column in self.columns if not column.primary_key)

    @property
    def members(self) -> tuple[Mapping[str, Any], ...]:
        """The rows of a dimension that represent no particular person or thing."""
        return tuple(member for member in (self.unknown_member, self.restricted_member) if member)

    @property
    def personal(self) -> bool:
        """Whether any stored column is personal data."""
        return any(column.personal for column in self.stored)

    @property
    def schema(self) -> str:
        """The stored columns as Spark DDL, comments included."""
        return ", ".join(f"{quoted(c.name)} {c.physical_type}{' not null' if c.required else ''}" for c in self.stored)


@dataclass(frozen=True)
class Catalog:
    """All contracts, ordered so that every table follows its inputs."""

    tables: tuple[Table, ...]
    functions: tuple[str, ...] = ()  # statements that declare the functions of the contracts' SQL
    digest: str = ""  # of the contracts and transformations: another one after each change

    def __iter__(self) -> Iterator[Table]:
        return iter(self.tables)

    def __getitem__(self, name: str) -> Table:
        for table in self.tables:
            if name in (table.name, table.path):
                return table
        known = [table.name for table in self.tables]
        raise UsageError(f"There is no table '{name}' in the contracts.", nearest(name, known))

    def layer(self, *layers: str) -> tuple[Table, ...]:
        """The tables of the given layers, in loading order."""
        return tuple(table for table in self.tables if table.layer in layers)

    @property
    def readable(self) -> tuple[Table, ...]:
        """The tables that people may read: the published marts, and the records of the runs."""
        return tuple(table for table in self.tables if table.is_mart)

    @property
    def stored(self) -> tuple[Table, ...]:
        """The tables that are more than a step of the computation."""
        return tuple(table for table in self.tables if not table.is_view)

    @cached_property
    def steps_of_sums(self) -> frozenset[str]:
        """The names of the views that only tables loaded by `sum`, or other such views, read."""
        found: set[str] = set()
        for table in reversed(self.tables):
            readers = [each for each in self.tables if table.name in each.inputs]
            if table.is_view and readers and all(each.load == "sum" or each.name in found for each in readers):
                found.add(table.name)
        return frozenset(found)

    def sources(self, table: Table) -> tuple[Table, ...]:
        """The tables from which a table loaded by `sum` is made, through whatever steps."""
        found: dict[str, Table] = {}
        for each in map(self.__getitem__, table.inputs):
            found |= {one.name: one for one in (self.sources(each) if each.name in self.steps_of_sums else (each,))}
        return tuple(found.values())

    @property
    def french(self) -> dict[str, str]:
        """The French of the contracts' texts, by their English. Raises `UsageError` if two contracts differ."""
        found: dict[str, str] = {}
        for table in self.tables:
            for text, french in table.french.items():
                if found.setdefault(text, french) != french:
                    raise UsageError(f"{table.path} has another French text for '{text}' than an earlier contract.")
        return found

    @property
    def marts(self) -> tuple[Table, ...]:
        """The tables that a run publishes."""
        return tuple(table for table in self.tables if table.is_mart and table.load != "engine")


def load(folder: Path) -> Catalog:
    """Read every contract below `folder`.

    Raises `UsageError`, which names file and place, for anything unknown to the standard or this engine.
    """
    files = sorted(
        file for file in folder.glob("*/*.yaml") if "." not in file.stem
    )  # NAME.tests.yaml is not a contract
    if not files:
        raise UsageError(f"No contracts are in {folder}.", "Check the deployment's setting 'contracts'.")
    activities = _activities(folder / ACTIVITIES)
    described = [(file, *table) for file in files for table in _family(file, _read(file)["schema"][0])]
    tables = [_table(file, name, schema, activities) for file, name, schema in described]
    return Catalog(_in_loading_order(_with_parameters(tables)), _functions(folder / FUNCTIONS), _digest(folder))


def _digest(folder: Path) -> str:
    """A digest of everything from which the content of the tables and the conditions on it follow."""
    digest = hashlib.sha256()
    for file in sorted(
        file for pattern in ("*.sql", "*.py", "*/*.sql", "*/*.py", "*/*.yaml") for file in folder.glob(pattern)
    ):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(folder)} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def _functions(file: Path) -> tuple[str, ...]:
    """The statements of a file; none if it does not exist."""
    return statements(file.read_text(encoding="utf-8")) if file.exists() else ()


def _family(file: Path, schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name and content of each table that a contract describes."""
    family = _custom(schema, TABLE_PROPERTIES, file).get("family", {file.stem: {}})
    columns = [(each, _custom(each, COLUMN_PROPERTIES, file).get("only", family)) for each in schema["properties"]]
    for name, words in family.items():
        kept = [column for column, only in columns if name in only]
        yield name, _worded({**schema, "properties": kept}, {"name": name, **words}, file)


def _worded(stated: Any, words: Mapping[str, Any], file: Path) -> Any:
    """What is stated, with words in place of `${WORD}`; a text that is only `${WORD}` becomes the word itself."""
    if isinstance(stated, Mapping):
        return {key: _worded(value, words, file) for key, value in stated.items()}
    if isinstance(stated, list):
        return [_worded(value, words, file) for value in stated]
    if not isinstance(stated, str) or "${" not in stated:
        return stated
    whole = stated[2:-1] if stated.startswith("${") and stated.endswith("}") else ""
    try:
        return words[whole] if whole in words else Template(stated).substitute(words)
    except (KeyError, ValueError) as error:
        raise UsageError(f"{file}: '{stated[:80]}' uses the word {error}, which its family does not state.") from None


def _activities(file: Path) -> dict[str, dict[str, Any]]:
    """The processing activities by name; none if the file does not exist."""
    document = (_parsed(file) if file.exists() else None) or {}
    if not isinstance(document, dict) or not all(isinstance(stated, dict) for stated in document.values()):
        raise UsageError(f"{file} is not a list of processing activities.", "Write it as NAME: {purpose: ..., ...}.")
    for name, stated in document.items():
        for key in stated:
            _require_known(key, ACTIVITY_PROPERTIES, f"{file}: {name}:")
    return document


def _with_activity(custom: dict[str, Any], activities: Mapping[str, Mapping[str, Any]], file: Path) -> dict[str, Any]:
    """The table's own statements, completed by those of its activity."""
    if "processingActivity" not in custom:
        return custom
    _require_known(custom["processingActivity"], activities, f"{file}: processingActivity")
    activity = activities[custom["processingActivity"]]
    return {**activity, **custom, "french": {**activity.get("french", {}), **custom.get("french", {})}}


def _with_parameters(tables: Sequence[Table]) -> list[Table]:
    """The tables with their shared parameters, also written into their checks."""
    own = {table.name: table.parameters for table in tables}
    judged = {table.name for table in tables if table.rules}
    for table in tables:
        if table.quarantine_of is not None:
            _require_known(table.quarantine_of, judged, f"{table.path}: quarantineOf")
    members = {name: key for table in tables for name, key in _members(table).items()}
    return [_with_shared(table, own, members) for table in tables]


def _members(table: Table) -> dict[str, Any]:
    """The keys of the rows that represent no particular person or thing: `unknown_dim_user`, `restricted_dim_user`."""
    members = {"unknown": table.unknown_member, "restricted": table.restricted_member}
    return {f"{kind}_{table.name}": member[table.key[0]] for kind, member in members.items() if member}


def _with_shared(table: Table, own: Mapping[str, Mapping[str, Any]], members: Mapping[str, Any]) -> Table:
    if table.parameters_of is not None:
        _require_known(table.parameters_of, own, f"{table.path}: parametersOf")
    parameters = {**members, **own.get(table.parameters_of or "", {}), **table.parameters}
    checks = tuple(replace(check, query=bound(check.query, parameters, table.path)) for check in table.checks)
    return replace(table, parameters=parameters, checks=checks)


def _in_loading_order(tables: Iterable[Table]) -> tuple[Table, ...]:
    by_name: dict[str, Table] = {}
    for table in tables:
        if table.name in by_name:
            raise UsageError(f"Two contracts are named '{table.name}': {by_name[table.name].path} and {table.path}.")
        by_name[table.name] = table
    graph = {table.name: [name for name in table.needs if name != table.name] for table in by_name.values()}
    for name, inputs in graph.items():
        for missing in set(inputs) - set(by_name):
            raise UsageError(f"Contract '{name}' reads '{missing}', which has no contract.", nearest(missing, by_name))
    try:
        return tuple(by_name[name] for name in TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise UsageError(f"Contracts read each other in a circle: {' -> '.join(error.args[1])}.") from error


def _table(file: Path, name: str, schema: Mapping[str, Any], activities: Mapping[str, Mapping[str, Any]]) -> Table:
    custom = _with_activity(_custom(schema, TABLE_PROPERTIES, file), activities, file)
    if custom.get("load", "full") not in LOADS:
        raise UsageError(f"{file}: load '{custom['load']}' is unknown.", nearest(custom["load"], LOADS))
    _require_known(custom.get("subjectBy", SUBJECT_BY[0]), SUBJECT_BY, f"{file}: subjectBy")
    for right in custom.get("exempt", {}):
        _require_known(right, RIGHTS, f"{file}: exempt right")
    _require_retention(schema, custom, file)
    _require_sums(schema, custom, file)
    for active in custom.get("activity", ()):
        _require_known(active, {e["name"] for e in schema["properties"] if _is_date(e)}, f"{file}: activity")
    quality = schema.get("quality", [])
    return Table(
        path=f"{file.parent.name}/{name}",
        name=schema["name"],
        kind=schema.get("physicalType", "table"),
        description=_folded(schema.get("description", "")),
        grain=schema.get("dataGranularityDescription", ""),
        columns=tuple(_column(entry, custom, file) for entry in schema["properties"]),
        rules=tuple(_rule(entry, file) for entry in quality if entry["type"] == "custom"),
        checks=tuple(_check(entry, file) for entry in quality if entry["type"] == "sql"),
        inputs=tuple(custom.get("inputs", ())),
        remembers=tuple(custom.get("remembers", ())),
        transformation=_transformation(file, custom),
        parameters=custom.get("parameters", {}),
        parameters_of=custom.get("parametersOf"),
        load=custom.get("load", "full"),
        rows_behind=custom.get("rowsBehind"),
        newest_day=custom.get("newestDay"),
        subject=custom.get("subject"),
        persist=custom.get("persist", False),
        declarations={name: _declaration(stated) for name, stated in custom.get("declarations", {}).items()},
        unknown_member=custom.get("unknownMember", {}),
        restricted_member=custom.get("restrictedMember", {}),
        outcome=custom.get("outcome", QUARANTINED if "quarantineOf" in custom else None),
        quarantine_of=custom.get("quarantineOf"),
        subject_by=custom.get("subjectBy"),
        activity=tuple(custom.get("activity", ())),
        data_subjects=custom.get("dataSubjects", ""),
        data_categories=tuple(custom.get("dataCategories", ())),
        exempt=custom.get("exempt", {}),
        french={_folded(text): _folded(french) for text, french in custom.get("french", {}).items()},
    )


def _declaration(stated: Sequence[str] | Mapping[str, Any]) -> Declaration:
    if isinstance(stated, Mapping):
        return Declaration((), stated["pattern"], stated.get("meaning", ""), stated.get("onePerLake", False))
    return Declaration(tuple(stated))


def _column(entry: Mapping[str, Any], table: Mapping[str, Any], file: Path) -> Column:
    custom = {**table, **_custom(entry, COLUMN_PROPERTIES, file)}
    treatment = custom.get("treatment", "keep")
    if treatment not in TREATMENTS:
        raise UsageError(
            f"{file}: column '{entry['name']}' has the unknown treatment '{treatment}'.",
            nearest(treatment, TREATMENTS),
        )
    links = entry.get("relationships", [])
    return Column(
        name=entry["name"],
        logical_type=entry.get("logicalType", "string"),
        physical_type=entry.get("physicalType", "string"),
        description=_folded(entry.get("description", "")),
        required=entry.get("required", False) or entry.get("primaryKey", False),
        primary_key=entry.get("primaryKey", False),
        classification=entry.get("classification", "none"),
        treatment=treatment,
        truncate_to=custom.get("truncateTo"),
        purpose=custom.get("purpose", ""),
        legal_basis=custom.get("legalBasis", ""),
        retention=custom.get("retention", ""),
        retention_from=custom.get("retentionFrom", ""),
        values=tuple(value["value"] for value in entry.get("enum", [])),
        options=entry.get("logicalTypeOptions", {}),
        references=links[0]["to"] if links else None,
        encrypted_name=entry.get("encryptedName"),
        semantic_type=entry.get("semanticType", "column"),
    )


def _folded(text: str) -> str:
    return " ".join(text.split())


def _require_known(value: str, known: Iterable[str], place: str) -> None:
    if value not in known:
        raise UsageError(f"{place} '{value}' is unknown.", nearest(value, known))


def _require_retention(schema: Mapping[str, Any], table: Mapping[str, Any], file: Path) -> None:
    """Refuse a period that no job can count: it would be as good as none."""
    counted_from = {LAST_ACTIVITY, *(e["name"] for e in schema["properties"] if _is_date(e))}
    for entry in (table, *(_custom(e, COLUMN_PROPERTIES, file) for e in schema["properties"])):
        if "retention" in entry and durations.parse(str(entry["retention"])) is None:
            raise UsageError(
                f"{file}: retention '{entry['retention']}' is not a duration.", "Write it as ISO 8601: P3Y, P6M, P90D."
            )
        if "retentionFrom" in entry:
            _require_known(entry["retentionFrom"], counted_from, f"{file}: retentionFrom")


def _require_sums(schema: Mapping[str, Any], table: Mapping[str, Any], file: Path) -> None:
    """Refuse a table loaded by `sum` that cannot be: beside its key it has numbers only, and one counts its rows."""
    if table.get("load") != "sum":
        for name in sorted({"rowsBehind", "newestDay"} & table.keys()):
            raise UsageError(f"{file}: {name} is for tables of load 'sum'.")
        return
    measures = {entry["name"]: entry for entry in schema["properties"] if not entry.get("primaryKey")}
    wrong = [name for name, entry in measures.items() if not (_is_number(entry) and entry.get("required"))]
    if wrong:
        raise UsageError(f"{file}: load 'sum' needs a required number in each column beside the key, not '{wrong[0]}'.")
    _require_known(table.get("rowsBehind", ""), measures, f"{file}: rowsBehind")
    if "newestDay" not in table:
        raise UsageError(
            f"{file}: load 'sum' needs a newestDay.", "Name the view that tells the newest day of its inputs."
        )


def _is_number(entry: Mapping[str, Any]) -> bool:
    return bool(entry.get("logicalType") in ("integer", "number"))


def _is_date(entry: Mapping[str, Any]) -> bool:
    return entry.get("physicalType") in ("date", "timestamp")


def _rule(entry: Mapping[str, Any], file: Path) -> RowRule:
    custom = _custom(entry, RULE_PROPERTIES, file)
    if custom.get("consequence") not in CONSEQUENCES:
        raise UsageError(f"{file}: rule '{entry['name']}' needs a consequence, one of {', '.join(CONSEQUENCES)}.")
    judged = entry["implementation"]
    return RowRule(
        code=entry["name"],
        condition="" if isinstance(judged, dict) else " ".join(judged.split()),
        values_of=tuple(judged["valuesOf"]) if isinstance(judged, dict) else (),
        applies_to=custom.get("appliesTo", "row"),
        consequence=custom["consequence"],
        clears=custom.get("clears"),
        columns=tuple(custom.get("columns", ())),
        description=entry.get("description", ""),
    )


def _check(entry: Mapping[str, Any], file: Path) -> Check:
    of_each = _custom(entry, CHECK_PROPERTIES, file).get("ofEachSubject", False)
    return Check(entry["name"], entry.get("description", ""), entry["query"], entry.get("mustBe"), of_each)


def _custom(entry: Mapping[str, Any], known: set[str], file: Path) -> dict[str, Any]:
    found = {item["property"]: item["value"] for item in entry.get("customProperties", [])}
    for name in sorted(set(found) - known):
        raise UsageError(f"{file}: custom property '{name}' is unknown.", nearest(name, known))
    return found


def _transformation(file: Path, custom: Mapping[str, Any]) -> Path | None:
    if "transformation" in custom:
        path: Path = file.parent / custom["transformation"]
        if not path.exists():
            raise UsageError(f"{file}: its transformation {path.name} does not exist.")
        return path
    beside = [file.with_suffix(suffix) for suffix in (".sql", ".py")]
    return next((path for path in beside if path.exists()), None)


def _parsed(file: Path) -> Any:
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise UsageError(f"{file} is not YAML: {' '.join(str(error).split())}") from error


def _read(file: Path) -> dict[str, Any]:
    document = _parsed(file)
    problems = sorted(_standard().iter_errors(document), key=lambda problem: list(map(str, problem.path)))
    if problems:
        raise UsageError(f"{file} does not follow the Open Data Contract Standard: {_place(problems[0])}.")
    if len(document.get("schema", [])) != 1:
        raise UsageError(f"{file} must describe exactly one table under 'schema'.")
    return dict(document)


def _place(error: ValidationError) -> str:
    where = "/".join(map(str, error.absolute_path)) or "top level"
    return f"{where}: {error.message[:200]}"


@cache
def _standard() -> Draft201909Validator:
    text = importlib.resources.files("open_data_contract_standard").joinpath("schema.json").read_text(encoding="utf-8")
    return Draft201909Validator(json.loads(text))
