"""``pointsman import``: recorded conversations and logged requests become a case file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pointsman.cli.console import err, out, plain, print_json
from pointsman.cli.replay_view import counted
from pointsman.cli.store_options import AsJson, Since, since_us
from pointsman.errors import UsageError

if TYPE_CHECKING:
    from pointsman.evaluation.import_cases import CaseWriter, Imported

_SHOWN = 10


def command(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help="JSON lines, JSON or Parquet.", show_default=False)
    ] = None,
    to: Annotated[Path, typer.Option("--to", help="The case file to write.")] = Path("cases.jsonl"),
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            help="auto, cases, bfcl, tau, sgd, otlp, litellm, langfuse, promptfoo, openai, anthropic or messages.",
        ),
    ] = "auto",
    store: Annotated[str | None, typer.Option(help="Take the turns of this store, too.", show_default=False)] = None,
    since: Since = None,
    tools: Annotated[Path | None, typer.Option(help="Tool schemas; left out, the usual file beside FILE.")] = None,
    cases: Annotated[
        Literal["turns", "runs"] | None,
        typer.Option("--cases", help="A case for each turn of the agent, or one for a whole conversation."),
    ] = None,
    recorded_gold: Annotated[
        bool,
        typer.Option("--gold-from-recorded", help="What the agent did counts as right where nothing else is known."),
    ] = False,
    append: Annotated[bool, typer.Option("--append", help="Add to the case file.")] = False,
    answers: Annotated[
        Path | None, typer.Option(help="Write the recorded replies here, for --models recorded:FILE.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Make cases of recorded conversations and logged requests, each once. Broken rows are told and left out.

    Exit codes: 0 done, also when some rows were left out; 2 nothing could be read, or wrong input.
    """
    from pointsman.evaluation.import_cases import CaseWriter
    from pointsman.evaluation.importers.case_seam import Wanted
    from pointsman.evaluation.importers.case_source import CaseSource

    if not files and store is None:
        raise UsageError("nothing to import: name files, or --store URL for the turns of a store.")
    wanted = Wanted(grain=cases, recorded_gold=recorded_gold)
    sources = [CaseSource(file, format_, wanted, tools) for file in files or ()]
    for file in files or ():
        if not file.is_file():
            raise UsageError(f"{file}: {'not a file' if file.exists() else 'no such file'}.")
    writer = CaseWriter(to, append=append, answers=answers)
    notes: list[str] = []
    for source in sources:
        _read(writer, source.path, source)
        notes += [f"{source.path.name}: {note}" for note in source.notes]
    if store is not None:
        _read_store(writer, store, since, recorded_gold=recorded_gold)
    done = writer.finish()
    if json:
        print_json({"file": str(to), **_plain(done), "notes": notes})
        return
    _complain(done)
    _show(done, to, notes)


def _read(writer: CaseWriter, path: Path, source: object) -> None:
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from pointsman.evaluation.importers.case_source import CaseSource

    assert isinstance(source, CaseSource)  # noqa: S101 - tells the type checker, imported late
    console = err()
    columns = (TextColumn("reading"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=path.stat().st_size)
        for row in source.read():
            writer.take_row(str(path), row)
            progress.update(task, advance=row.size)


def _read_store(writer: CaseWriter, url: str, since: str | None, *, recorded_gold: bool) -> None:
    from pointsman.evaluation.importers.cases_store import store_rows
    from pointsman.store import open_store

    with open_store(url, must_exist=True) as opened:
        writer.take(str(opened.path), store_rows(opened, since_us(since), recorded_gold=recorded_gold))


def _plain(done: Imported) -> dict[str, object]:
    import msgspec

    data: dict[str, object] = msgspec.structs.asdict(done)
    data["problems"] = [{"where": where, "problem": problem} for where, problem in done.problems]
    return data


def _complain(done: Imported) -> None:
    console = err()
    for where, problem in done.problems[:_SHOWN]:
        console.print(plain(f"{where}: left out: {problem[:200]}"))
    if len(done.problems) > _SHOWN:
        console.print(f"... and {len(done.problems) - _SHOWN:,} more left out (--json lists them all)")


def _show(done: Imported, to: Path, notes: list[str]) -> None:
    console = out()
    new = ", ".join(f"{count:,} from {name}" for name, count in done.by_format.items()) or "none new"
    kept = f", {done.kept:,} kept" if done.kept else ""
    console.print(plain(f"{counted(done.cases, 'case')} in {to} ({new}{kept}), version {done.version}", "bold"))
    left = [f"{done.with_gold:,} know what a good answer is"]
    left += [f"{done.twice:,} were there already"] if done.twice else []
    left += [f"{len(done.problems):,} rows left out"] if done.problems else []
    left += [f"{done.shipped:,} recorded replies"] if done.shipped else []
    console.print(plain("; ".join(left)))
    for note in notes:
        console.print(plain(note, "dim"))
