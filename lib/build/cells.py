"""Tables of cells: sums over data subjects, kept by difference.

Such a table (`load: sum`) has a key, measures, and one measure that counts the rows behind each of its rows. For any
set of data subjects its content is the sum over each subject. So a batch need not ask all facts again:

    cells = cells as published - what the subjects of the run came to before + what they come to now

A cell without a row behind it disappears. What was before is read from the files that the lake's base pins, the cells
and their inputs alike, so that nothing of an interrupted run is counted.

Cells hold all days, whatever the as-of date; the marts apply it. A transformation gets the last day that counts as
`:up_to`. If the as-of date lies before the newest day of its inputs, cells cannot tell some of it (who had been active
by then): the marts of that run are cut from cells that are computed from all facts up to that day, and not stored.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Mapping
from functools import reduce

import pyarrow as pa
from pyarrow import compute
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lib.build.transformations import transform
from lib.contracts.model import Catalog, Table
from lib.delta import small
from lib.delta.lake import Lake
from lib.delta.tables import IN_MEMORY, Cut, free
from lib.sql import quoted

UP_TO = "up_to"
EVER = dt.date(9999, 12, 31)


class Moment:
    """The cells' inputs as they are at one time, for some data subjects or all, and the steps made from them.

    `read` gives the rows of an input. Each input is read once and each step computed once for all tables; what is kept
    for that is in `kept`. `naming` guards the names of inputs in the session.
    """

    def __init__(
        self, catalog: Catalog, read: Callable[[Table], DataFrame], naming: threading.Lock, up_to: dt.date = EVER
    ) -> None:
        self._catalog = catalog
        self._read = read
        self._naming = naming
        self._parameters = {UP_TO: up_to}
        self._frames: dict[str, DataFrame] = {}
        self._computing = threading.RLock()
        self.kept: list[DataFrame] = []

    def computed(self, table: Table) -> DataFrame:
        """The rows of a table of cells, or of a step, from the inputs of this moment."""
        with self._computing:
            inputs = {name: self._frame(self._catalog[name]) for name in table.inputs}
        with self._naming:
            for name, frame in inputs.items():
                frame.createOrReplaceTempView(name)
            frame = next(iter(inputs.values()))
            return transform(frame.sparkSession, table, self._parameters)

    def _frame(self, table: Table) -> DataFrame:
        if table.name not in self._frames:
            is_step = table.name in self._catalog.steps_of_sums
            frame = self.computed(table) if is_step else self._read(table)
            if is_step and table.persist:
                frame = frame.localCheckpoint(storageLevel=IN_MEMORY)
                self.kept.append(frame)
            self._frames[table.name] = frame
        return self._frames[table.name]


class Cells:
    """Computes the tables of cells of one run.

    `cuts` has the rows of the run's data subjects by table, as far as the run has searched tables for them; `frame`
    gives a table as the run sees it.
    """

    def __init__(
        self, lake: Lake, cuts: Mapping[str, Cut], frame: Callable[[str], DataFrame], naming: threading.Lock
    ) -> None:
        self._catalog = lake.catalog
        self._tables = lake.tables
        self._pins = lake.base.pins
        self._cuts = cuts
        self._frame = frame
        self._naming = naming
        self._moments: dict[tuple[str, dt.date], Moment] = {}
        self._kept: list[DataFrame] = []
        self._changed: dict[str, bool] = {}
        self._making = threading.Lock()

    def are_known(self, table: Table) -> bool:
        """Whether the base holds these cells, made by the present contracts from inputs that it holds too.

        Of inputs without a data subject, dimensions for example, each row that is still there must be as it was: it
        stands behind the cells of all persons.
        """
        sources = self._catalog.sources(table)
        if self._pins.contracts != self._catalog.digest:
            return False
        if not all(each.path in self._pins.tables for each in (table, *sources)):
            return False
        return not any(self._has_changed(each) for each in sources if each.subject is None)

    def _has_changed(self, table: Table) -> bool:
        """Whether a row that the base holds has other content now."""
        with self._making:
            if table.path not in self._changed:
                self._changed[table.path] = self._differs(table)
            return self._changed[table.path]

    def _differs(self, table: Table) -> bool:
        if self._tables.version(table) == self._pins.tables[table.path].version:
            return False
        now = self._tables.conform(self._frame(table.name), table)
        lacking = self._tables.conform(self._as_pinned(table), table).subtract(now)
        return not lacking.join(now, on=list(table.key), how="left_semi").isEmpty()

    def by_difference(self, table: Table, subjects: DataFrame) -> int | None:
        """Store the cells, changed by what has changed for these data subjects; without a change nothing is written."""
        now = self._moment("now of subjects", EVER, lambda each: self._now(each, subjects))
        before = self._moment("before", EVER, lambda each: self._before(each, subjects))
        signed = [self._signed(table, now.computed(table), 1), self._signed(table, before.computed(table), -1)]
        changed = reduce(lambda left, right: left | right, (F.col(quoted(name)) != 0 for name in table.measures))
        changes = _summed(table, reduce(DataFrame.unionByName, signed)).where(changed)
        known = self._few_pinned(table)
        few = self._tables.few(table, changes) if known is not None else None
        if few is not None and known is not None:
            return self._change_few(table, known, few) if few.num_rows else self._tables.version(table)
        changes = self._keep(changes)
        if changes.isEmpty():
            return self._tables.version(table)
        cells = self._tables.conform(self._as_pinned(table), table).unionByName(changes)
        cells = _summed(table, cells).where(F.col(quoted(str(table.rows_behind))) != 0)
        return self._tables.overwrite(table, cells, files=1)

    def _change_few(self, table: Table, known: pa.Table, changes: pa.Table) -> int | None:
        cells = small.summed(
            pa.concat_tables([known, changes.select(known.column_names).cast(known.schema)]), table.key
        )
        behind = compute.not_equal(cells.column(str(table.rows_behind)), 0)
        return self._tables.write_few(table, cells.filter(behind))

    def _few_pinned(self, table: Table) -> pa.Table | None:
        sizes = {name: file.size for name, file in self._pins.tables[table.path].files.items()}
        return self._tables.few_of_files(table, sizes)

    def anew(self, table: Table) -> int | None:
        """Store the cells, computed from all rows; without a change nothing is written."""
        return self._tables.replace(table, self.up_to(table, EVER), files=1)

    def up_to(self, table: Table, day: dt.date) -> DataFrame:
        """The cells of everything up to a day, not stored."""
        moment = self._moment("now", day, lambda each: self._frame(each.name))
        return self._tables.conform(moment.computed(table), table)

    def wrong(self, table: Table, version: int) -> int:
        """The number of cells of a version that are not what all facts come to."""
        stored, computed = self._tables.read(table, version), self.up_to(table, EVER)
        return stored.exceptAll(computed).unionByName(computed.exceptAll(stored)).select(*table.key).distinct().count()

    def release(self) -> None:
        """Free the memory of what was kept for the tables."""
        for moment in self._moments.values():
            self._kept += moment.kept
        self._moments.clear()
        for frame in self._kept:
            free(frame)
        self._kept.clear()

    def _moment(self, name: str, day: dt.date, read: Callable[[Table], DataFrame]) -> Moment:
        with self._making:
            key = name, day
            if key not in self._moments:
                self._moments[key] = Moment(self._catalog, read, self._naming, day)
            return self._moments[key]

    def _now(self, table: Table, subjects: DataFrame) -> DataFrame:
        if table.name in self._cuts:
            return self._cuts[table.name].now
        return self._of_subjects(table, self._frame(table.name), subjects)

    def _before(self, table: Table, subjects: DataFrame) -> DataFrame:
        cut = self._cuts.get(table.name)
        if cut and cut.found == self._pins.tables[table.path].version:
            return cut.before
        return self._of_subjects(table, self._as_pinned(table), subjects)

    def _of_subjects(self, table: Table, rows: DataFrame, subjects: DataFrame) -> DataFrame:
        """The rows of the data subjects, searched for once; all rows of a table that knows none."""
        if table.subject not in subjects.columns:
            return rows
        return self._keep(rows.join(F.broadcast(subjects.select(table.subject)), on=table.subject, how="left_semi"))

    def _keep(self, frame: DataFrame) -> DataFrame:
        kept = frame.localCheckpoint(storageLevel=IN_MEMORY)
        self._kept.append(kept)
        return kept

    def _as_pinned(self, table: Table) -> DataFrame:
        return self._tables.read_files(table, self._pins.tables[table.path].files)

    def _signed(self, table: Table, frame: DataFrame, sign: int) -> DataFrame:
        columns = {name: F.col(quoted(name)) for name in (*table.key, *table.measures)}
        values = [(columns[name] if sign > 0 else -columns[name]).alias(name) for name in table.measures]
        return self._tables.conform(frame, table).select(*(columns[name] for name in table.key), *values)


def _summed(table: Table, frame: DataFrame) -> DataFrame:
    keys = [F.col(quoted(name)) for name in table.key]
    return frame.groupBy(*keys).agg(*(F.sum(quoted(name)).alias(name) for name in table.measures))
