"""Time the lakehouse as a person waits for it: `python -m tests.benchmark --rows 200000 1000000`.

For each size, on generated exports: a plain Spark copy of the file (the floor), the full load, a batch of 10,000 rows,
a batch of 250, a run with nothing to do, on request an erasure, and DuckDB as the peer. With two sizes, each cost is
split into a fixed part and what a million rows add. `--increments N` also loads N batches, one a day, and compares the
lake with one that was loaded at once.
"""

from __future__ import annotations

import argparse
import datetime as dt
import itertools
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from splitter.sample.export import batch_paths, write_sample
from splitter.sample.plan import Plan
from tests.benchmark.shell import COMMAND, Cost, job, run, show, size_mib

BATCH, FEW = 10_000, 250
MILLION = 1_000_000
Costs = dict[str, Cost]


def main() -> None:
    """Measure, and print JSON and a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[200_000, MILLION], help="sizes of the full load")
    parser.add_argument("--erase", type=int, default=0, metavar="N", help="also erase N persons")
    parser.add_argument("--increments", type=int, default=0, metavar="N", help="also load N batches, one a day")
    parser.add_argument("--work", type=Path, default=Path("data/benchmark"), help="folder that is emptied first")
    options = parser.parse_args()
    found = {rows: measured(emptied(options.work / f"{rows}"), rows, options.erase) for rows in options.rows}
    documents: dict[str, object] = {
        "cores": os.cpu_count(),
        "sizes": {rows: {name: cost.document for name, cost in costs.items()} for rows, costs in found.items()},
    }
    if len(found) > 1:
        documents["fixed_and_per_million"] = lines(found)
    if options.increments:
        documents["increments"] = daily(emptied(options.work / "daily"), options.rows[0], options.increments)
    print(show(documents))  # noqa: T201 - a command's result
    print(table(found), file=sys.stderr)  # noqa: T201 - a command's progress


def emptied(work: Path) -> Path:
    """The folder, empty; a folder that is not a benchmark's is refused."""
    marker = work / ".benchmark"
    if work.exists() and not marker.exists():
        raise SystemExit(f"{work} exists and is not the folder of a benchmark. Name another one with --work.")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    marker.touch()
    return work


def measured(work: Path, rows: int, erase: int) -> Costs:
    """The costs of each phase for a history of this size."""
    plan = Plan(rows=rows, batches=3, later_fraction=BATCH / rows)
    full, batch, later = exports(work, plan)
    few = first_rows(later[0], FEW)
    lake = work / "lake"
    costs = {
        "floor": run([COMMAND, "benchmark", "--floor", str(full[0]), "--work", str(work / "floor")]),
        "full load": job("pipeline", lake, *loading(full)),
        f"batch of {BATCH:,}": job("pipeline", lake, *loading(batch)),
        f"batch of {FEW}": job("pipeline", lake, *loading((few, later[1]))),
        "nothing to do": job("pipeline", lake, *loading(batch)),
    }
    if erase:
        persons = work / "persons.txt"
        persons.write_text("\n".join(itertools.islice(ids(full[0]), erase)), encoding="utf-8")
        costs[f"erasure of {erase}"] = job("erase_subjects", lake, "--subjects", persons, "--grace", "0")
    costs["peer"] = run([sys.executable, "-m", "tests.benchmark.peer", str(full[0]), full[1].isoformat()])
    return costs


def exports(work: Path, plan: Plan) -> list[tuple[Path, dt.date]]:
    """The generated files, each with its extract date."""
    csv = work / "sample.csv"
    write_sample(plan, csv)
    days = [plan.extract_date + dt.timedelta(days=plan.step_days * number) for number in range(plan.batches)]
    return list(zip(batch_paths(plan, csv, date_in_name=False), days, strict=True))


def loading(export: tuple[Path, dt.date]) -> Sequence[str]:
    """The options that load it."""
    return "--input", str(export[0]), "--extract-date", export[1].isoformat()


def first_rows(file: Path, rows: int) -> Path:
    """A file of the first rows of another one; no field of the sample holds a line break."""
    few = file.with_name(f"{file.stem}-few.csv")
    with file.open("rb") as source, few.open("wb") as target:  # the sample has rows that are no UTF-8
        target.writelines(itertools.islice(source, rows + 1))
    return few


def ids(file: Path) -> Iterator[str]:
    """The persons of an export, each once, in the order of their first rows."""
    with file.open(encoding="utf-8", errors="replace") as source:
        at = next(source).rstrip("\n").split(",").index("ID")
        seen: set[str] = set()
        for line in source:
            one = line.split(",", at + 1)[at].strip()
            if one.isdecimal() and one not in seen:
                seen.add(one)
                yield one


def lines(found: Mapping[int, Costs]) -> dict[str, dict[str, float]]:
    """For each phase the fixed seconds, and those for a million rows, by the smallest and the largest size."""
    low, high = min(found), max(found)
    result = {}
    for name in found[low].keys() & found[high].keys():
        rise = (found[high][name].seconds - found[low][name].seconds) / (high - low)
        result[name] = {
            "fixed": round(found[low][name].seconds - rise * low, 1),
            "per_million": round(rise * MILLION, 1),
        }
    return result


def daily(work: Path, rows: int, number: int) -> dict[str, object]:
    """A full load and then a batch a day, against everything in one load."""
    plan = Plan(rows=rows, batches=number + 1, later_fraction=0.001, step_days=1)
    batches = exports(work, plan)
    one_by_one, at_once = work / "lake", work / "at-once"
    costs = [job("pipeline", one_by_one, *loading(each)) for each in batches]
    job("pipeline", at_once, *[word for each in batches for word in ("--input", str(each[0]))])
    return {
        "seconds": [round(cost.seconds, 1) for cost in costs[1:]],
        "mib": round(size_mib(one_by_one), 1),
        "mib_at_once": round(size_mib(at_once), 1),
    }


def table(found: Mapping[int, Costs]) -> str:
    """For people: a row for each phase."""
    sizes = list(found)
    head = ["phase", *(f"{rows:,} rows: s, CPU s, MiB, jobs, commits" for rows in sizes)]
    names = list(dict.fromkeys(name for costs in found.values() for name in costs))
    rows = [[name, *(cell(found[size].get(name)) for size in sizes)] for name in names]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def cell(cost: Cost | None) -> str:
    if cost is None:
        return ""
    return f"{cost.seconds:.0f}, {cost.processor_seconds:.0f}, {cost.largest_mib:,}, {cost.jobs}, {cost.commits}"


if __name__ == "__main__":
    main()
