"""``pointsman cases``: what is in a case file; write a part of it to another."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pointsman.cli.console import err, out, plain, print_json
from pointsman.cli.replay_view import counted
from pointsman.cli.store_options import AsJson
from pointsman.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pointsman.evaluation.case_choice import Filter, Stratified, Summary
    from pointsman.evaluation.cases import Case

_SHOWN = 10
_VALUES = 8


def command(
    file: Annotated[Path, typer.Argument(help="A case file.", show_default=False)],
    filter_: Annotated[
        list[str] | None,
        typer.Option("--filter", help="NAME=VALUE of a tag, source, gold or length; may stand several times."),
    ] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="Only so many, each group of --by in its share.")] = None,
    by: Annotated[
        str, typer.Option(help="With --sample: tags with commas; source, gold and length are known, too.")
    ] = "",
    seed: Annotated[int, typer.Option(help="Which sample.")] = 0,
    to: Annotated[Path | None, typer.Option("--to", help="Write these cases to this file.", show_default=False)] = None,
    json: AsJson = False,
) -> None:
    """Count cases by source, gold and tag; filter, sample and write them out.

    Exit codes: 0 done, 2 wrong input, or no case is left.
    """
    from pointsman.evaluation.case_choice import Stratified, filter_of

    chosen = filter_of(filter_ or ())
    groups = tuple(name.strip() for name in by.split(",") if name.strip())
    if groups and sample is None:
        raise UsageError("--by says how to sample: add --sample N")
    picked = None if sample is None else Stratified(sample, groups, seed)
    if to is not None and to.resolve() == file.resolve():
        raise UsageError(f"--to {to}: is the file that is read. Give another one.")
    problems: list[str] = []
    summary = _pass(file, chosen, picked, to, problems)
    _complain(problems)
    if json:
        import msgspec

        print_json(msgspec.to_builtins(summary))
    else:
        _show(summary, to or file)


def _pass(file: Path, chosen: Filter, picked: Stratified | None, to: Path | None, problems: list[str]) -> Summary:
    from pointsman.evaluation.case_choice import Counting
    from pointsman.evaluation.case_file import encode_case

    if picked is not None:
        for case in _wanted(file, chosen, []):
            picked.count(case)
    counting = Counting()
    with _writing(to) as write:
        for case in _wanted(file, chosen, problems):
            if picked is None or picked.takes(case):
                counting.add(case)
                write(encode_case(case))
        summary = counting.summary()
        if not summary.cases:
            # A file that holds none is no case file: its first line says enough. Nothing is written.
            first = f" {problems[0].removeprefix(f'{file}: ')}" if problems else ""
            raise UsageError(f"{file}: no case {'is left by --filter' if chosen.wanted else 'can be read'}.{first}")
    return summary


def _complain(problems: list[str]) -> None:
    for problem in problems[:_SHOWN]:
        err().print(plain(problem))
    if len(problems) > _SHOWN:
        err().print(f"... and {len(problems) - _SHOWN:,} more lines left out")


def _wanted(file: Path, chosen: Filter, problems: list[str]) -> Iterator[Case]:
    from pointsman.evaluation.case_file import read_cases

    for line in read_cases(file):
        if line.case is None:
            problems.append(f"{file}: line {line.number} left out: {(line.problem or '')[:200]}")
        elif chosen.takes(line.case):
            yield line.case


@contextlib.contextmanager
def _writing(to: Path | None) -> Iterator[Callable[[bytes], object]]:
    """Yield what writes a line; the file is put in place at the end."""
    from pointsman.evaluation.case_file import HEAD

    if to is None:
        yield len
        return
    new = to.with_name(to.name + ".part")
    try:
        with new.open("wb") as stream:
            stream.write(HEAD)
            yield stream.write
        new.replace(to)
    except OSError as error:
        raise UsageError(f"{to}: cannot be written: {error.strerror}.") from error
    finally:
        new.unlink(missing_ok=True)


def _show(summary: Summary, file: Path) -> None:
    console = out()
    console.print(
        plain(
            f"{counted(summary.cases, 'case')} of {counted(summary.conversations, 'conversation')}, version {summary.version}",
            "bold",
        )
    )
    console.print(plain(f"{file}; {summary.with_tape:,} with recorded tool results", "dim"))
    for name, values in {"source": summary.by_source, "gold": summary.by_gold, **summary.by_tag}.items():
        shown = [f"{value or '(none)'} {count:,}" for value, count in list(values.items())[:_VALUES]]
        more = f" and {len(values) - _VALUES} more" if len(values) > _VALUES else ""
        console.print(plain(f"  {name:<14} {', '.join(shown)}{more}"))
