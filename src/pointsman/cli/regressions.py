"""``pointsman regressions``: lets the regression set grow by what went wrong."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pointsman.cli.console import err, out, plain, print_json
from pointsman.cli.replay_view import counted
from pointsman.cli.store_options import AsJson, Since, since_us
from pointsman.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pointsman.evaluation.importers.case_source import Read

_SHOWN = 5


def command(
    to: Annotated[Path, typer.Option("--to", help="The case file that grows; made where there is none.")],
    store: Annotated[
        str | None,
        typer.Option("--store", help="Take rejected and disliked turns of this store.", envvar="POINTSMAN_STORE"),
    ] = None,
    since: Since = None,
    run: Annotated[
        list[Path] | None,
        typer.Option("--run", help="Take the cases on which the models of this run disagree; again for more."),
    ] = None,
    cases: Annotated[
        Path | None, typer.Option("--cases", help="Where the case file of the run is now; left out, where it was.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Add to a case file: turns whose reply broke its contract or drew a complaint, and cases on which models disagree.

    Nothing goes in twice, so it can run every night. Exit codes: 0 done, also when nothing was new; 2 wrong input.
    """
    from pointsman.evaluation.growing import TROUBLE
    from pointsman.evaluation.import_cases import CaseWriter

    if store is None and not run:
        raise UsageError("nothing to grow by: name a --store URL, or the folder of a --run.")
    troubles: dict[str, int] = {}

    def told(rows: Iterator[Read]) -> Iterator[Read]:
        for row in rows:
            for found in row.found:
                word = found.case.tags[TROUBLE]
                troubles[word] = troubles.get(word, 0) + 1
            yield row

    problems: list[Read] = []
    good = _good(told(_rows(store, since_us(since), run or [], cases)), problems)
    before = _count(to)
    after, version = before, None
    # Where nothing is new the file stays as it is: also where it is not there yet.
    if (first := next(good, None)) is not None:
        writer = CaseWriter(to, append=True)
        writer.take(str(to), chain((first,), good))
        done = writer.finish()
        after, version = done.cases, done.version
    if json:
        data = {"file": str(to), "version": version, "cases": after, "new": after - before, "found": troubles}
        print_json(data | {"problems": [{"where": row.place, "problem": row.problem} for row in problems]})
        return
    for row in problems[:_SHOWN]:
        err().print(plain(f"{row.place}: left out: {(row.problem or '')[:200]}"))
    found = ", ".join(f"{count:,} {word}" for word, count in sorted(troubles.items())) or "nothing went wrong"
    out().print(plain(f"{counted(after - before, 'new case')} in {to}, {after:,} in all ({found}).", "bold"))


def _good(rows: Iterator[Read], problems: list[Read]) -> Iterator[Read]:
    """Yield the rows that hold cases; the others go to ``problems``."""
    for row in rows:
        if row.problem is None:
            yield row
        else:
            problems.append(row)


def _rows(store: str | None, since: int | None, runs: list[Path], cases: Path | None) -> Iterator[Read]:
    from pointsman.evaluation.growing import disagreements, troubled_turns
    from pointsman.store import open_store

    if store is not None:
        with open_store(store, must_exist=True) as opened:
            yield from troubled_turns(opened, since)
    for folder in runs:
        yield from disagreements(folder, cases)


def _count(path: Path) -> int:
    from pointsman.evaluation.case_file import read_cases

    return sum(line.case is not None for line in read_cases(path)) if path.is_file() else 0
