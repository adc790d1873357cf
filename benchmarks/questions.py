"""How fast questions are answered over 0.36, 3.6 and 10 million turns, and how fast turns are folded.

``python benchmarks/questions.py [--base N] [--times 1,10,28] [--folder F] [--json]``. ``base`` turns of simulated traffic are
written into a store in its own form and folded as in service; the larger files hold the base several times over, each copy 18
days later with conversations of its own, so that nobody waits an hour for them. Every question is asked of the last seven days
(what pages show first) and of everything, whole and by model and tier, the file opened anew each time.

The goal is 300 ms for every page's question at 3.6 million turns. Wall time says little on a busy machine, so CPU time is
printed beside it; the budget that fails the run (exit 1) is 300 ms of the faster of wall and CPU time, over the last week.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from pointsman.catalog.book import Catalog
from pointsman.monitoring.asking.board import Board
from pointsman.monitoring.asking.slice import Slice
from pointsman.monitoring.columns.file import ColumnFile
from pointsman.monitoring.fold import Fold
from pointsman.monitoring.questions.registry import QUESTIONS, ask
from pointsman.monitoring.simulated_traffic import Plan, write_traffic
from pointsman.store import open_store

BUDGET_MS = 300.0
DAYS = 18
DAY_US = 86_400_000_000
START_US = 1_780_000_000_000_000
TIERS = {"flagship": "anthropic/claude-opus-4-8", "mid": "anthropic/claude-sonnet-4-6"}
OPTIONS = {"series": {"of": "ttft_p95", "bucket": "6h"}}


def make_base(folder: Path, turns: int, catalog: Catalog) -> tuple[Path, dict[str, float]]:
    """Write and fold the base; return the store's path and the speeds in turns per second."""
    path = folder / "base.db"
    with open_store(f"sqlite:///{path}?durability=normal") as store:
        began = time.perf_counter()
        written = write_traffic(path, Plan(turns, DAYS, START_US, bodies=False), catalog)
        stored_s = time.perf_counter() - began
        began, cpu = time.perf_counter(), time.process_time()
        folded = Fold(store, catalog).run().turns
        fold_s, fold_cpu = time.perf_counter() - began, time.process_time() - cpu
    speeds = {"turns": written, "stored_per_s": written / stored_s, "folded_per_s": folded / fold_s}
    return path, {**speeds, "fold_cpu_us_per_turn": fold_cpu / folded * 1e6}


def multiply(base: Path, target: Path, times: int) -> None:
    """Make a column file that holds the base's turns ``times`` over, each copy later than the one before."""
    source = ColumnFile(base).path
    copy = ColumnFile(target).path
    shutil.copy(source, copy)
    with duckdb.connect(str(copy)) as connection:
        row = connection.execute("SELECT max(seq) FROM turn").fetchone()
        last = row[0] if row else 0
        for n in range(1, times):
            for table, changes in _changes(n, last).items():
                where = {"turn": f"seq <= {last}", "outcome": f"at_us < {START_US + (DAYS + 1) * DAY_US}"}
                condition = where.get(table, f"turn_seq <= {last}")
                connection.execute(
                    f"INSERT INTO {table} SELECT * REPLACE ({changes}) FROM {table} WHERE {condition}"  # noqa: S608
                )


def _changes(n: int, last: int) -> dict[str, str]:
    later = f"at_us + {n * DAYS * DAY_US} AS at_us"
    conversation = f"hash(conv + {n}) AS conv, conversation || '-{n}' AS conversation, {later}"
    part = f"turn_seq + {n * last} AS turn_seq, {later}"
    return {
        "turn": f"seq + {n * last} AS seq, id || '-{n}' AS id, {conversation}",
        "step": part,
        "checked": part,
        "handoff": part,
        "outcome": conversation,
    }


def measure(path: Path, catalog: Catalog) -> Iterator[dict[str, Any]]:
    """Ask every question; yield wall and CPU milliseconds, the best of three."""
    file = ColumnFile(path)
    with file.reading() as connection:
        row = connection.execute("SELECT max(at_us), count(*) FROM turn").fetchone()
    last, turns = row or (0, 0)
    week = Slice(last - 7 * DAY_US, last + 1)
    for name in QUESTIONS:
        for words, chosen in (("week", week), ("all", Slice())):
            for by in ((), ("model", "tier")):
                wall, cpu = _best(file, catalog, last, name, chosen, by)
                yield {"turns": turns, "question": name, "of": words, "by": bool(by), "wall_ms": wall, "cpu_ms": cpu}


def _best(  # noqa: PLR0913, PLR0917 - one measurement
    file: ColumnFile, catalog: Catalog, now_us: int, name: str, chosen: Slice, by: tuple[str, ...]
) -> tuple[float, float]:
    best = (float("inf"), float("inf"))
    for _ in range(3):
        began, cpu = time.perf_counter(), time.process_time()
        with file.reading() as connection:
            ask(name, Board(connection, catalog, now_us, TIERS), chosen, by, OPTIONS.get(name))
        best = min(best, ((time.perf_counter() - began) * 1000, (time.process_time() - cpu) * 1000))
    return best


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=int, default=360_000)
    parser.add_argument("--times", default="1,10,28")
    parser.add_argument("--folder", type=Path, help="keep the files there, and use what is there already")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    catalog = Catalog.load()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as made:
        folder = given.folder or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        base: Path = folder / "base.db"
        speeds: dict[str, float] = {}
        if not ColumnFile(base).path.exists():
            base, speeds = make_base(folder, given.base, catalog)
        for times in (int(part) for part in given.times.split(",")):
            path = folder / f"times{times}.db"
            if not ColumnFile(path).path.exists():
                multiply(base, path, times)
            rows += measure(path, catalog)
    if given.json:
        print(json.dumps({"speeds": speeds, "rows": rows}))
    else:
        _show(speeds, rows)
    slow = [row for row in rows if row["of"] == "week" and min(row["wall_ms"], row["cpu_ms"]) > BUDGET_MS]
    for row in slow:
        print(f"over {BUDGET_MS:.0f} ms: {row}", file=sys.stderr)
    return 1 if slow else 0


def _show(speeds: dict[str, float], rows: list[dict[str, Any]]) -> None:
    for name, value in speeds.items():
        print(f"{name}: {value:,.0f}")
    print(f"{'turns':>12} {'question':<12} {'week':>14} {'week, by':>14} {'all':>14} {'all, by':>14}   wall / CPU ms")
    cells: dict[tuple[int, str], list[str]] = {}
    for row in rows:
        cells.setdefault((row["turns"], row["question"]), []).append(f"{row['wall_ms']:.0f} / {row['cpu_ms']:.0f}")
    for (turns, question), found in cells.items():
        print(f"{turns:>12,} {question:<12} " + " ".join(f"{cell:>14}" for cell in found))


if __name__ == "__main__":
    sys.exit(main())
