"""The layers after bronze: each table's transformation, in loading order, written if its contract says so."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lib.audit.results import CheckResult
from lib.audit.staged import Rows, Touched
from lib.build import rules
from lib.build.cells import Cells
from lib.build.transformations import transform
from lib.contracts.model import Table
from lib.delta.lake import Lake
from lib.delta.tables import BATCH, IN_MEMORY, Cut, free
from lib.local_frames import frame_of
from lib.sql import quoted

SUBJECTS = "subjects"
# From this share of the rows about persons on, computing all of gold is cheaper; few persons make no difference.
MOST, FEW = 0.4, 5_000
BY_ROWS = ("batch", "subject")  # ways of loading that replace some rows of a table
# Planning, committing and computing small tables alternate; a few at once keep the driver and the cores busy.
AT_ONCE = 3


class Layers:
    """Computes tables of one run.

    `batches` are the ids of the batches under way. With `whole`, everything is computed again; otherwise tables loaded
    by `subject` are recomputed only for the subjects of these batches. With `checks_cells`, cells that are kept by
    difference are compared with all facts; `findings` says what came of it. If it `is_limited`, no batch is under way,
    and rows of some persons are computed again.
    """

    def __init__(self, lake: Lake, batches: Sequence[str], *, whole: bool, checks_cells: bool = False) -> None:
        self._lake = lake
        self._batches = list(batches)
        self._whole = whole
        self._checks_cells = checks_cells
        self._frames: dict[str, DataFrame] = {}
        self._kept_frames: dict[str, DataFrame] = {}
        self._local: set[str] = set()
        self._subjects: DataFrame | None = None
        self.is_limited = False
        # Inputs have the same names in the session, but not the same rows for every table.
        self._naming = threading.Lock()
        self._asking = threading.Lock()
        self._cuts: dict[str, Cut] = {}
        self._cells = Cells(lake, self._cuts, self.frame, self._naming)
        self._newest: dict[str, dt.date | None] = {}
        self.versions: dict[str, int] = {}
        self.findings: list[CheckResult] = []

    @property
    def computes_subjects(self) -> bool:
        """Whether tables loaded by subject may change: for some persons, or since everything is computed again."""
        return self._subjects is not None or self._whole

    def touched(self, before: Mapping[str, Collection[str]]) -> Touched | None:
        """What the run may have changed since the data files `before` it; None if everything was computed again."""
        if self._whole:
            return None
        stored = self._lake.catalog.stored
        selected = {table.path: rows for table in stored if (rows := self._selected(table))}
        return Touched(selected, before)

    def _selected(self, table: Table) -> Rows | None:
        """What selects the rows that the run may have changed; None for all rows."""
        if table.path not in self.versions:
            return lambda rows: rows.limit(0)
        if table.load == "batch" and not self.is_limited:
            return lambda rows: rows.where(F.col(BATCH).isin(self._batches))
        if table.load in BY_ROWS and self._scope(table) is not None:
            return lambda rows: _of_subjects(rows, table, self._subjects)
        return None

    def provide(self, name: str, frame: DataFrame) -> None:
        """Offer `frame` to transformations under `name`."""
        self._frames[name] = frame

    def limit_to(self, persons: Sequence[str]) -> None:
        """Compute the rows of these persons again, given by their pseudonyms, and no others.

        In gold, rows without a person are computed again too: the sales of erased persons are among them. And so are
        those of persons who have left silver: a request that began to erase them may have been lost.
        """
        self.is_limited = True
        table = self._lake.catalog[SUBJECTS]
        named = frame_of(self._lake.spark, [(one,) for one in persons], f"{quoted(str(table.subject))} string")
        named = reduce(DataFrame.unionAll, self._left_behind(table), named)
        with self._naming:
            for name in table.inputs:
                named.createOrReplaceTempView(name)
            subjects = self._lake.tables.conform(transform(self._lake.spark, table, {}), table)
        nobody = [member for each in self._lake.catalog if each.subject for member in each.members]
        rows = [[member.get(column.name) for column in table.stored] for member in nobody]
        subjects = subjects.unionByName(frame_of(self._lake.spark, rows, table.schema))
        self._frames[SUBJECTS] = self._subjects = self._kept(table, subjects)

    def widen(self, persons: int) -> bool:
        """Compute gold for everybody from here on, if so many persons are concerned that this is cheaper.

        Returns whether it does. Rows of persons who change are searched for, compared and written; with most of them
        that costs more than to compute and write all rows.
        """
        tables, catalog = self._lake.tables, self._lake.catalog
        dimensions = [table for table in catalog.layer("gold") if table.members and table.subject]
        if self._whole or self._subjects is None or persons < FEW:
            return False
        if persons < MOST * sum(tables.read(table).count() for table in dimensions):  # Delta knows it without a scan
            return False
        self._whole, self._subjects, self.is_limited = True, None, False
        for name in list(self._cuts):
            _free(self._cuts.pop(name))
        return True

    def _left_behind(self, subjects: Table) -> Iterable[DataFrame]:
        """The persons of gold's dimensions whom the tables that these are made of do not have."""
        tables, name = self._lake.tables, str(subjects.subject)
        for each in self._lake.catalog.layer("gold"):
            sources = [self._lake.catalog[source] for source in each.inputs]
            sources = [source for source in sources if source.load == "subject" and source.subject == name]
            if each.members and each.subject == name and sources:
                known = reduce(DataFrame.unionAll, (tables.read(source).select(name) for source in sources))
                yield tables.read(each).select(name).join(known, on=name, how="left_anti")

    def build(self, tables: Sequence[Table], parameters: Mapping[str, Any]) -> None:
        """Compute the tables, each as soon as its inputs exist; write stored ones.

        After an error no further table is begun; tables under way are finished first.
        """
        waiting = {table.name: table for table in tables}
        running: dict[Future[None], str] = {}
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="layers") as pool:
            while waiting or running:
                unfinished = {*waiting, *running.values()}
                ready = [table for table in waiting.values() if unfinished.isdisjoint(table.needs)]
                for table in ready:
                    del waiting[table.name]
                    running[pool.submit(self._build, table, parameters)] = table.name
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    del running[future]
                    future.result()

    def _build(self, table: Table, parameters: Mapping[str, Any]) -> None:
        with self._lake.steps.step(table.path):
            if table.name in self._lake.catalog.steps_of_sums:
                return  # computed where the cells need it, for their subjects only
            if table.is_view:
                self._view(table, parameters)
            elif table.load == "sum":
                self._sum(table, parameters)
            else:
                self._store(table, parameters)

    def frame(self, name: str) -> DataFrame:
        """A table or view as this run sees it."""
        if name not in self._frames:
            table = self._lake.catalog[name]
            self._frames[name] = self._lake.tables.read(table)
        return self._frames[name]

    def release(self, coming: Iterable[Table] = ()) -> None:
        """Free the memory of kept frames, except for the subjects and the inputs of the `coming` tables.

        Spark frees it too, but only once Java happens to collect the references.
        """
        read = {SUBJECTS, *(name for table in coming for name in table.inputs)}
        for name in self._kept_frames.keys() - read:
            del self._frames[name]
            free(self._kept_frames.pop(name))
        for name in self._local - read:
            self._frames.pop(name, None)
        self._local &= read
        self._cells.release()
        self._lake.tables.release()
        for name in self._cuts.keys() - read:
            _free(self._cuts.pop(name))

    def _view(self, table: Table, parameters: Mapping[str, Any]) -> None:
        frame = self._compute(table, parameters)
        if table.rules:
            frame = rules.judge(frame, table)
        self._frames[table.name] = frame = self._kept(table, frame)
        if table.name == SUBJECTS and not self._whole:
            self._subjects = frame

    def _store(self, table: Table, parameters: Mapping[str, Any]) -> None:
        tables = self._lake.tables
        if self.is_limited and table.load in BY_ROWS and self._scope(table) is None:
            raise ValueError(f"{table.path} does not say which of its rows belong to a person.")
        frame = self._compute(table, parameters)
        if table.load == "batch" and not self._whole and not self.is_limited:
            version = tables.replace_batches(table, frame, self._batches)
        elif table.load in BY_ROWS and not (table.load == "batch" and self._whole):
            replaced = tables.replace_subjects(table, self._with_members(table, frame), self._scope(table))
            version = replaced.version
            if replaced.cut:
                self._cuts[table.name] = replaced.cut
                if not any(
                    table in self._lake.catalog.sources(each) for each in self._lake.catalog if each.load == "sum"
                ):
                    free(replaced.cut.before)
        else:
            frame = self._with_members(table, frame)
            version = tables.replace(table, frame, files=1 if table.is_mart else None)
        if version is not None:
            self.versions[table.path] = version
            self._frames[table.name] = self._stored(table, version)

    def _sum(self, table: Table, parameters: Mapping[str, Any]) -> None:
        tables, day = self._lake.tables, parameters["as_of"]
        if self._whole or not self._cells.are_known(table):
            version = self._cells.anew(table)
        else:
            subjects = self._subjects
            version = self._cells.by_difference(table, subjects) if subjects is not None else tables.version(table)
            if self._checks_cells and version is not None:
                self._check_cells(table, version)
        if version is not None:
            self.versions[table.path] = version
        if self._goes_beyond(day, table):
            self._frames[table.name] = self._kept(table, self._cells.up_to(table, day))
        else:
            self._frames[table.name] = self._stored(table, version)

    def _stored(self, table: Table, version: int | None) -> DataFrame:
        """A table as this run has stored it: small ones from memory."""
        known = self._lake.tables.known(table)
        if known is not None:
            self._local.add(table.name)
            return known
        stored = self._lake.tables.read(table, version)
        # Of a table that is cut to the subjects, whole rows are rarely read.
        return stored if table.name in self._cuts else self._kept(table, stored)

    def _goes_beyond(self, day: dt.date, table: Table) -> bool:
        """Whether the inputs of cells hold later days, of whatever rows: a ledger knows only those of its batches."""
        name = str(table.newest_day)
        with self._asking:
            if name not in self._newest:
                self._newest[name] = newest = self.frame(name).collect()[0][0]
                if newest and newest > day:
                    told = f"The lake holds days after {day}: the marts were computed from all facts up to then."
                    self._lake.base.said.append(told)
            newest = self._newest[name]
        return newest is not None and newest > day

    def _check_cells(self, table: Table, version: int) -> None:
        wrong = self._cells.wrong(table, version)
        observed, promised = f"cells that differ: {wrong}", "each cell as computed from all facts"
        self.findings.append(
            CheckResult(table.path, "kept_by_difference", not wrong, observed, promised, table.description)
        )

    def _kept(self, table: Table, frame: DataFrame) -> DataFrame:
        """Compute a frame that several tables read once, and keep it without its plan.

        Every scan of a Delta table costs a job to list its files, and every query would plan the whole chain again.
        """
        if not table.persist:
            return frame
        kept = self._kept_frames[table.name] = frame.localCheckpoint(eager=True, storageLevel=IN_MEMORY)
        return kept

    def _compute(self, table: Table, parameters: Mapping[str, Any]) -> DataFrame:
        inputs = {name: self._scoped(table, name) for name in table.inputs}
        inputs |= {f"known_{name}": self._known(table, self._lake.catalog[name]) for name in table.remembers}
        with self._naming:
            for name, frame in inputs.items():
                frame.createOrReplaceTempView(name)
            return transform(self._lake.spark, table, parameters)

    def _scoped(self, table: Table, name: str) -> DataFrame:
        """An input as `table` sees it: only the rows of the affected subjects, if it is recomputed for these."""
        if table.load == "subject" and name in self._cuts:
            return self._cuts[name].now
        frame = self.frame(name)
        source = self._lake.catalog[name]
        if table.load != "subject" or source.is_view or self._scope(source) is None:
            return frame
        return _of_subjects(frame, source, self._subjects)

    def _known(self, table: Table, remembered: Table) -> DataFrame:
        content = self._lake.tables.read(remembered)
        if self._whole:
            return content.limit(0)
        if self.is_limited:
            return self._of_others(content, remembered)
        if remembered.load == "batch":
            return content.where(~F.col(BATCH).isin(self._batches))
        return _of_subjects(content, remembered, self._subjects) if table.load == "subject" else content

    def _of_others(self, content: DataFrame, table: Table) -> DataFrame:
        scope = self._scope(table)
        return content if scope is None else content.join(F.broadcast(scope), on=str(table.subject), how="left_anti")

    def _scope(self, table: Table) -> DataFrame | None:
        if self._subjects is None or table.subject not in self._subjects.columns:
            return None
        return self._subjects.select(table.subject)

    def _with_members(self, table: Table, frame: DataFrame) -> DataFrame:
        if not table.members:
            return frame
        values = [[member.get(column.name) for column in table.stored] for member in table.members]
        schema = ", ".join(f"{quoted(column.name)} {column.physical_type}" for column in table.stored)
        members = frame_of(self._lake.spark, values, schema)
        return self._lake.tables.conform(frame, table).unionByName(members)


def _free(cut: Cut) -> None:
    free(cut.before)
    free(cut.now)


def _of_subjects(frame: DataFrame, table: Table, subjects: DataFrame | None) -> DataFrame:
    if subjects is None or table.subject is None:
        return frame
    return frame.join(F.broadcast(subjects.select(table.subject)), on=table.subject, how="left_semi")
