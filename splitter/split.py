"""Splits one CSV into three disjoint parts and a manifest."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from splitter.canonical import add, pack
from splitter.dialect import Dialect
from splitter.errors import SplitterError, UsageError
from splitter.manifest import InputSummary, Manifest
from splitter.parts import CSV_FILE, JSON_FILE, PART_TABLE, SQLITE_FILE, CsvPart, JsonPlan
from splitter.remote import RemotePart
from splitter.rows import REASONS, Batch, Reason
from splitter.rule import Rule, rule_for
from splitter.source import Source, open_source
from splitter.sqlite_part import SqlitePlan
from splitter.target import Target, open_target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from splitter.parts import Part, PartPlan, PartSummary

# Below this size, starting two more processes takes longer than they save.
PARALLEL_FROM_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Order:
    """An order: the input, the target and the options."""

    source: Path
    folder: Path
    by: str | None = None
    database: str | None = None
    table: str = PART_TABLE
    dialect: Dialect = field(default_factory=Dialect)


@dataclass(frozen=True)
class Progress:
    """How far a run is."""

    rows: int
    bytes_read: int
    bytes_total: int


def split(order: Order, report: Callable[[Progress], None] = lambda _: None) -> tuple[Path, Manifest]:
    """Split; return the manifest's path and content. SplitterError: nothing has been published."""
    with open_source(order.source, order.dialect) as source, open_target(order.folder, order.source) as target:
        rule = rule_for(order.by, source.header)
        plans = _plans(order, source, target)
        csv_part = CsvPart(target.staging / CSV_FILE, source.header_text, order.dialect)
        with _begun(plans, csv_part, source.size) as (json_part, database):
            deal = _Deal(rule, json_part, database, csv_part)
            for batch in source.batches():
                deal.take(batch)
                report(Progress(deal.rows, source.bytes_read, source.size))
            parts = (json_part.finish(), database.finish(), csv_part.finish())
            manifest = _manifest(source, rule, deal, parts)
            database.commit()
            json_part.commit()
        return target.publish(manifest.to_json()), manifest


def _plans(order: Order, source: Source, target: Target) -> tuple[PartPlan, PartPlan]:
    json_plan = JsonPlan(target.staging / JSON_FILE, source.header)
    if order.database is None:
        return json_plan, SqlitePlan(target.staging / SQLITE_FILE, source.header)
    if not order.database.startswith(("postgresql://", "postgres://")):
        message = "--database must be an address of PostgreSQL."
        raise UsageError(message, "Write postgresql://user@host:port/database, or leave it out for a SQLite file.")
    try:
        from splitter.postgres_part import PostgresPlan  # noqa: PLC0415 - only users of a server need its driver
    except ImportError:
        message = "The driver for PostgreSQL is not installed."
        raise UsageError(message, "Install psycopg[binary], or leave --database out for a SQLite file.") from None
    return json_plan, PostgresPlan(order.database, order.table, source.header, target.marker)


@contextmanager
def _begun(plans: Sequence[PartPlan], csv_part: CsvPart, size: int) -> Iterator[list[Part]]:
    """Begin the parts, in separate processes if the input is large; always let go of them at the end."""
    with ExitStack() as held:
        held.callback(csv_part.abort)
        parts: list[Part] = []
        for plan in plans:
            part = RemotePart(plan) if size >= PARALLEL_FROM_BYTES else plan.begin()
            held.callback(part.abort)
            parts.append(part)
        for part in parts:
            if isinstance(part, RemotePart):
                part.wait_until_begun()
        yield parts


class _Deal:
    """Deals the rows out to the parts and counts the input."""

    def __init__(self, rule: Rule, json_part: Part, database: Part, csv_part: CsvPart) -> None:
        self._rule = rule
        self._typed = (json_part, database)
        self._csv = csv_part
        self.rows = 0
        self.malformed: Counter[Reason] = Counter()

    def take(self, batch: Batch) -> None:
        """Deal one batch out."""
        *typed, rest = self._rule.place(batch.rows)
        for part, places in zip(self._typed, typed, strict=True):
            if places:
                part.write([batch.numbers[i] for i in places], pack(batch.rows[i] for i in places))
        records = [(batch.numbers[i], batch.raws[i]) for i in rest]
        self._csv.write(records, (batch.rows[i].encode() for i in rest), batch.malformed)
        self.rows += len(batch.rows) + len(batch.malformed)
        self.malformed.update(record.reason for record in batch.malformed)


def _manifest(source: Source, rule: Rule, deal: _Deal, parts: tuple[PartSummary, ...]) -> Manifest:
    if sum(part.rows for part in parts) != deal.rows:
        message = "The parts do not add up to the input."
        raise SplitterError(message, "Nothing was published; this is a fault of the splitter, please report it.")
    text = source.header_text
    return Manifest(
        input=InputSummary(
            source.path.name,
            deal.rows,
            source.bytes_read,
            source.sha256,
            add(part.checksum for part in parts),
            source.blank_lines,
        ),
        header=source.header,
        rule=rule.describe(),
        dialect=source.dialect,
        line_end=text[len(text.rstrip("\r\n")) :] or "\n",
        malformed={reason: deal.malformed[reason] for reason in REASONS},
        parts=parts,
    )
