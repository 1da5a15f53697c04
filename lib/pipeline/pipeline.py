"""The main job: new batches in, audited marts out.

One run loads new batches into bronze, carries all unpublished batches through silver, gold and the marts, audits
exactly the written versions, and publishes them. If it is killed anywhere and started again, it ends as if it had not
been killed: batches stay pending until they are published, and every write replaces the remains of an interrupted run.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession

from lib import keys
from lib.audit import audit
from lib.build import bronze, reconciliation, rule_counts
from lib.build.layers import SUBJECTS, Layers
from lib.contracts.model import BY_THE_ENGINE, Catalog
from lib.delta import ledger
from lib.delta.base import is_computed
from lib.delta.lake import Lake
from lib.delta.ledger import Entry, as_of
from lib.delta.pins import Pins
from lib.delta.publication import Document, Publication, now
from lib.errors import AuditFailed, LakehouseError, UsageError
from lib.pipeline import recovery
from lib.publication import report, run_log
from lib.publication.report import Report, render
from lib.rights import restrictions
from lib.session import expect_rows
from lib.settings import Settings
from lib.sources import inputs
from lib.sources.input_parts import NeedsSpark
from lib.sources.inputs import Batch
from lib.sources.mapping import Source

BYTES_A_ROW = 250  # in an export, roughly


@dataclass(frozen=True)
class Request:
    """The task of a run.

    `inputs` are the inputs to load, by the name of their mapping; `batches` are theirs, as far as `identified` found
    them without Spark. `rebuild` computes everything after bronze again from bronze; `refresh` computes gold and the
    marts again from silver, in which no batch is pending: for the persons that `about` names by their source ids, or
    for all (None). `rejudge` computes their rows in silver again from bronze, too. `audits_all` audits whole tables,
    not only what the run has changed.
    """

    job: str
    inputs: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    extract_date: dt.date | None = None
    as_of: dt.date | None = None
    rebuild: bool = False
    refresh: bool = False
    rejudge: bool = False
    about: Sequence[str] | None = None
    audits_all: bool = False
    reopen: Sequence[str] = ()
    batches: Sequence[Batch] | None = None


@dataclass(frozen=True)
class Result:
    """The result of a run. `publication` is None if there was nothing to do."""

    publication: Publication | None
    batches: Sequence[Entry]
    balances: Sequence[reconciliation.Balance]
    message: str


@dataclass
class _Progress:
    """The progress of a run, for its record if it fails."""

    job: str
    pending: Sequence[Entry]
    as_of: dt.date | None = None
    balances: Sequence[reconciliation.Balance] = ()
    judged: Sequence[rule_counts.Judgement] = ()
    subjects: int = 0
    audited_all: bool = True
    scope: str = ""
    findings: Sequence[audit.CheckResult] = ()
    versions: Mapping[str, int] = dataclasses.field(default_factory=dict)


def run(lake: Lake, request: Request) -> Result:
    """Carry out `request`. The caller holds the lake's lock.

    Raises `AuditFailed` (nothing published), `InputRefused`, `UsageError`.
    """
    request = _load(lake, request)
    _reopen(lake, request)
    entries = lake.ledger.entries()
    pending = [entry for entry in entries if entry.pending]
    published = lake.base.published
    asked = request.refresh or request.rejudge or request.audits_all
    if not pending and not asked and not _as_of_changes(entries, request, published):
        return Result(None, (), (), _nothing(published))
    if not entries:
        raise UsageError("This lake holds no batch yet.", "Name one with --input.")
    expect_rows(lake.spark, sum(entry.rows for entry in entries))
    if pending and (request.refresh or request.rejudge):
        # These assume that silver is complete: pending batches enter it first, by a separate run.
        _carry_through(lake, dataclasses.replace(request, refresh=False, rejudge=False), entries, pending)
        entries, pending = lake.ledger.entries(), []
    return _carry_through(lake, request, entries, pending)


def identified(settings: Settings, catalog: Catalog, request: Request) -> Request:
    """The request with its batches, if they can be found without Spark.

    Raises `InputRefused` and `UsageError` like `run`, which then need not start Spark.
    """
    sources = {name: bronze.source_of(settings, catalog, name) for name in request.inputs}
    with suppress(NeedsSpark):
        return dataclasses.replace(request, batches=_batches(None, request, sources))
    return request


def nothing_to_do(left: Document, request: Request) -> str:
    """Why the run has nothing to do in a lake that is as its last job left it; empty if there may be something."""
    published, base = left.publication, left.base or Pins()
    entries = [ledger.stated(document) for document in base.batches]
    known = {entry.batch_id for entry in entries}
    new = request.batches is None or not known.issuperset(batch.id for batch in request.batches)
    if new or request.rebuild or request.audits_all or published is None or any(entry.pending for entry in entries):
        return ""
    return "" if _as_of_changes(entries, request, published) else _nothing(published)


def finish_pending(lake: Lake, job: str) -> bool:
    """Carry pending batches to their end, before `job` searches the lake for a person.

    Returns whether there were any.
    """
    pending = any(entry.pending for entry in lake.ledger.entries())
    if pending:
        run(lake, Request(job=job))
    return pending


def _load(lake: Lake, request: Request) -> Request:
    """Repair the lake and load new batches into it; return the remaining task."""
    if not request.inputs:
        return dataclasses.replace(request, rebuild=recovery.mend(lake, ()) or request.rebuild)
    sources = {name: bronze.source_of(lake.settings, lake.catalog, name) for name in request.inputs}
    with lake.steps.step("inputs"):
        found = _batches(lake.spark, request, sources) if request.batches is None else request.batches
    batches = {batch.id: batch for batch in found}
    mended = recovery.mend(lake, batches)
    known = {entry.batch_id for entry in lake.ledger.entries()}
    new = [recovery.as_before(lake, batch) for batch in batches.values() if batch.id not in known]
    if new:
        expect_rows(lake.spark, sum(part.size for batch in new for part in batch.parts) // BYTES_A_ROW)
        with lake.steps.step("bronze"):
            for name, source in sources.items():
                if theirs := [batch for batch in new if batch.source == name]:
                    bronze.load(lake, source, theirs)
            recovery.require_kept_out(lake, [batch.id for batch in new])
            lake.base.advance()
    return dataclasses.replace(request, rebuild=mended or request.rebuild)


def _batches(spark: SparkSession | None, request: Request, sources: Mapping[str, Source]) -> Sequence[Batch]:
    """The batches of all inputs, each content once. Raises the errors of `inputs.resolve`."""
    batches: dict[str, Batch] = {}
    for name, source in sources.items():
        for batch in inputs.resolve(spark, request.inputs[name], source, request.extract_date):
            batches.setdefault(batch.id, batch)
    return list(batches.values())


def _reopen(lake: Lake, request: Request) -> None:
    """Make batches pending again before they are judged again, so that the next run continues a killed one."""
    again = [
        dataclasses.replace(entry, published_run=None)
        for entry in lake.ledger.entries()
        if not entry.pending and (request.rebuild or entry.batch_id in request.reopen)
    ]
    if again:
        lake.ledger.record(again)
        lake.base.advance()


def _as_of_changes(entries: Sequence[Entry], request: Request, published: Publication | None) -> bool:
    wanted = request.as_of or as_of(entries)
    return published is not None and wanted is not None and wanted.isoformat() != published.as_of


def _nothing(published: Publication | None) -> str:
    if published is None:
        return "Nothing to do: no input, and nothing waits to be published."
    return f"Nothing new to do; published as of {published.as_of} by run {published.run_id}."


def _carry_through(lake: Lake, request: Request, entries: Sequence[Entry], pending: Sequence[Entry]) -> Result:
    progress = _Progress(request.job, pending)
    try:
        result = _publish_or_fail(lake, request, entries, progress)
    except LakehouseError as error:
        status = "audit_failed" if isinstance(error, AuditFailed) else "failed"
        _record(lake, progress, status, str(error))
        raise
    _record(lake, progress, "published", result.message)
    return result


def _publish_or_fail(lake: Lake, request: Request, entries: Sequence[Entry], progress: _Progress) -> Result:
    ids = [entry.batch_id for entry in progress.pending]
    before = {path: pinned.files.keys() for path, pinned in lake.base.pins.tables.items()}
    again = request.refresh or request.rejudge
    whole = request.rebuild or (again and request.about is None) or not _published(entries)
    layers = Layers(lake, ids, whole=whole, checks_cells=request.audits_all)
    key = keys.secret_key(lake.settings.secrets, bronze.PSEUDONYM_KEY)
    layers.provide(restrictions.table(lake).name, restrictions.pseudonymous(lake, key))
    if again and request.about is not None and not whole:
        layers.limit_to([keys.pseudonym(one, key) for one in request.about])
    if request.rejudge and layers.is_limited:
        _judge_again(lake, layers, request.about or (), entries, progress)
    pending = _silver(lake, layers, progress.pending, progress)
    progress.scope = _scope(layers, progress.subjects or len(request.about or ()), whole=whole)
    known = list({entry.batch_id: entry for entry in [*entries, *pending]}.values())
    progress.as_of = request.as_of or as_of(known)
    if progress.as_of is None:
        raise AuditFailed("No row of this lake has a valid date.", "Check the mapping's date_formats.")
    _gold_and_marts(lake, layers, progress.as_of, known)
    progress.versions = lake.versions
    judged_alike = lake.base.pins.contracts == lake.catalog.digest
    everything = request.audits_all or not judged_alike
    _audit(lake, layers, progress, None if everything else layers.touched(before))
    publication = Publication(
        lake.run_id,
        now(),
        progress.as_of.isoformat(),
        {table.path: progress.versions[table.path] for table in lake.catalog.marts},
    )
    with lake.steps.step("publication"):
        lake.ledger.record(dataclasses.replace(entry, published_run=lake.run_id) for entry in pending)
        lake.base.publish(publication)
    message = f"Published as of {publication.as_of} by run {lake.run_id}: {lake.storage.path('published.json')}"
    return Result(publication, pending, progress.balances, message)


def _scope(layers: Layers, persons: int, *, whole: bool) -> str:
    """Whose rows in gold the run computes, as the report says it."""
    if whole:
        return "Gold was computed for all persons."
    if layers.widen(persons):
        return f"Gold was computed for all persons: the {persons:,} of the run are most of them."
    if not layers.computes_subjects:
        return "No person's row was computed: only the as-of date has changed."
    return f"Gold was computed for the {persons:,} persons of the run, and cells were changed by the difference."


def _published(entries: Sequence[Entry]) -> bool:
    return any(not entry.pending for entry in entries)


def _silver(lake: Lake, layers: Layers, pending: Sequence[Entry], progress: _Progress) -> list[Entry]:
    """Build silver's tables; return the batches with their newest dates. Without batches silver stays unchanged."""
    if not pending:
        return []
    _judge(lake, layers, bronze.rows_of(lake, pending), progress)
    with lake.steps.step("conservation"):
        progress.balances = reconciliation.balances(lake, pending)
        reconciliation.require(progress.balances)
    newest = {batch: day for each in progress.judged for batch, day in each.newest_dates.items()}
    return [dataclasses.replace(entry, newest_date=newest.get(entry.batch_id)) for entry in pending]


def _judge_again(
    lake: Lake, layers: Layers, persons: Sequence[str], entries: Sequence[Entry], progress: _Progress
) -> None:
    """Compute the persons' rows in silver again. The newest dates of their batches stay.

    Only these rows are balanced: of others, retention may have removed some from the quarantine.
    """
    _judge(lake, layers, bronze.rows_of(lake, entries, persons), progress)
    rows: Counter[str] = Counter()
    for each in progress.judged:
        rows.update(each.rows)
    with lake.steps.step("conservation"):
        progress.balances = reconciliation.balances_of(lake, rows, entries, layers.frame(SUBJECTS))
        reconciliation.require(progress.balances)


def _judge(lake: Lake, layers: Layers, rows: Mapping[str, DataFrame], progress: _Progress) -> None:
    """Build silver's tables from these rows of bronze."""
    judged = [table for table in lake.catalog if table.rules]
    first = {name for table in judged for name in (table.name, *table.inputs)}
    tables = [table for table in lake.catalog.layer("silver") if table.load not in BY_THE_ENGINE]
    before = [table for table in tables if table.name in first]
    for name, frame in rows.items():
        layers.provide(name, frame)
    layers.build(before, {})
    with lake.steps.step("judgement"):
        progress.judged = [rule_counts.measure(layers.frame(table.name), table) for table in judged]
    if not layers.is_limited:
        layers.build([lake.catalog[SUBJECTS]], {})
    progress.subjects = layers.frame(SUBJECTS).count()
    layers.build([table for table in tables if table not in before and table.name != SUBJECTS], {})
    layers.release([*lake.catalog.layer("gold"), *lake.catalog.marts])


def _gold_and_marts(lake: Lake, layers: Layers, day: dt.date, entries: Sequence[Entry]) -> None:
    newest = [entry.newest_date for entry in entries if entry.newest_date]
    parameters = {"as_of": day, "last_date": max([day, *newest])}
    # Without batches only the as-of day has moved.
    gold = [table for table in lake.catalog.layer("gold") if layers.computes_subjects or table.load != "subject"]
    layers.build(gold, parameters)
    layers.build(lake.catalog.marts, parameters)
    layers.release()


def _audit(lake: Lake, layers: Layers, progress: _Progress, touched: audit.Touched | None) -> None:
    """Audit what the run has touched; None: everything that is computed, which a change of the contracts needs too."""
    progress.audited_all = touched is None
    computed = {table.path for table in lake.catalog.stored if is_computed(table)} if touched is None else set()
    changed = computed | set(layers.versions)
    with lake.steps.step("audit"):
        found = audit.audit(lake.tables, lake.catalog, progress.versions, changed, touched)
        progress.findings = (*layers.findings, *found)
    failed = [finding for finding in progress.findings if not finding.passed]
    if failed:
        first, more = failed[0], f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise AuditFailed(
            f"The audit failed: {first.table}, {first.check}: {first.observed}, expected {first.expected}{more}.",
            f"Nothing has been published; see {lake.storage.path(_report_name(lake))}.",
        )


def _record(lake: Lake, progress: _Progress, status: str, message: str) -> None:
    outcome = run_log.Outcome(
        job=progress.job,
        status=status,
        message=message,
        finished_at=dt.datetime.now(dt.timezone.utc),
        as_of=progress.as_of,
        balances=progress.balances,
        judgements=progress.judged,
        subjects=progress.subjects,
    )
    with lake.steps.step("record"):
        run_log.store(lake, outcome)
        shown = Report(
            lake.run_id,
            lake.started_at,
            outcome,
            progress.findings,
            progress.versions,
            tuple(lake.steps.done),
            progress.audited_all,
            progress.scope,
        )
        lake.storage.write(_report_name(lake), render(shown))


def _report_name(lake: Lake) -> str:
    return f"{report.FOLDER}/{lake.run_id}.html"
