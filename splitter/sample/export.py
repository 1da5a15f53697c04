"""Writes an invented shop's export and, beside it, a list of its planted defects."""

from __future__ import annotations

import datetime as dt
import json
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from splitter.sample.plan import EPOCH, Plan
from splitter.sample.pools import draw_pools
from splitter.sample.rows import HEADER, Writer, blocks
from splitter.sample.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def write_sample(plan: Plan, out: Path, *, date_in_name: bool = False) -> Path:
    """Writes the CSV files and the truth file; returns the truth file's path. No half-written file remains."""
    paths = batch_paths(plan, out, date_in_name=date_in_name)
    writer, tally = Writer(plan, draw_pools(plan.seed, multiline=plan.multiline)), Tally(plan)
    with _replacing(paths) as files:
        for file in files:
            file.write(f"{HEADER}\n".encode())
        for block in blocks(plan):
            tally.add(block)
            for batch, lines in writer.lines(block):
                files[batch].write(lines)
            _progress(tally.rows, plan)
    return _write_truth(tally.report([path.name for path in paths]), truth_path(out))


def batch_paths(plan: Plan, out: Path, *, date_in_name: bool) -> list[Path]:
    """FILE for one batch, FILE-1 ... FILE-K (before the suffix) for several; then, on request, _YYYY-MM-DD."""
    names = []
    for batch, extract in enumerate(plan.extracts.tolist(), 1):
        number = f"-{batch}" if plan.batches > 1 else ""
        day = f"_{EPOCH + dt.timedelta(extract)}" if date_in_name else ""
        names.append(out.with_name(f"{out.stem}{number}{day}{out.suffix}"))
    return names


def truth_path(out: Path) -> Path:
    return out.with_name(f"{out.stem}-truth.json")


@contextmanager
def _replacing(paths: Sequence[Path]) -> Iterator[list[BinaryIO]]:
    """Files that appear under their names only when all of them are complete."""
    parts = [path.with_name(f".{path.name}.part") for path in paths]
    try:
        with ExitStack() as stack:
            yield [stack.enter_context(part.open("wb")) for part in parts]
        for part, path in zip(parts, paths, strict=True):
            part.replace(path)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)


def _write_truth(report: dict[str, object], path: Path) -> Path:
    path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _progress(rows: int, plan: Plan) -> None:
    if sys.stderr.isatty():
        total = plan.rows + plan.later_rows * (plan.batches - 1)
        sys.stderr.write(f"\r{rows:,} of {total:,} rows" + ("\n" if rows == total else ""))
