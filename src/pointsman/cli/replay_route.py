"""``pointsman replay-route``: route recorded conversations, answer nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pointsman.cli.console import err, fail, print_json
from pointsman.errors import UsageError

if TYPE_CHECKING:
    from pointsman.evaluation.importers.reader import ConversationFile, Line
    from pointsman.evaluation.route_replay import RouteReplay

EXIT_NOTHING = 1
_SHOWN_PROBLEMS = 5


def command(
    file: Annotated[Path, typer.Argument(help="Recorded conversations, one JSON object a line.", show_default=False)],
    policy: Annotated[Path | None, typer.Option(help="Policy file; left out, the starter policy (rubric).")] = None,
    tools: Annotated[Path | None, typer.Option(help="Tool schemas; left out, the usual file beside FILE.")] = None,
    format_: Annotated[str, typer.Option("--format", help="auto, tau, sgd or openai.")] = "auto",
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many conversations.")] = None,
    sample: Annotated[int, typer.Option(min=0, max=1000, help="Decisions to print for reading.")] = 20,
    seed: Annotated[int, typer.Option(help="Chooses which ones; the same seed, the same decisions.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print only JSON.")] = False,
) -> None:
    """Route every customer turn of recorded conversations with a policy, and sum up. No model is called.

    Reads tau-bench runs, Schema-Guided Dialogue and plain OpenAI-style messages. Costs are estimated from the length of
    the texts. Lines that cannot be read are reported and left out.

    Exit codes: 0 done, also when some lines were left out; 1 no line could be read; 2 wrong input.
    """
    from pointsman.cli.replay_view import show, to_json
    from pointsman.evaluation.importers.reader import ConversationFile

    conversations = ConversationFile(file, format_name=format_, tools=tools)
    replay = _replay(policy, sample, seed)
    problems = _run(conversations, replay, limit)
    summary = replay.summary()
    if json:
        print_json(to_json(summary, conversations, problems))
    if not summary.conversations:
        if not problems:
            raise UsageError(f"{file}: the file is empty. Give one conversation a line.")
        lines = "the one line could not" if len(problems) == 1 else f"none of the {len(problems)} lines could"
        fail(
            f"{file}: {lines} be read as a conversation; line {problems[0].number}: {(problems[0].problem or '')[:200]}"
        )
        raise typer.Exit(EXIT_NOTHING)
    _complain(problems)
    if not json:
        show(summary, conversations, len(problems))


def _replay(policy: Path | None, sample: int, seed: int) -> RouteReplay:
    from pointsman.catalog.book import Catalog
    from pointsman.evaluation.route_replay import RouteReplay
    from pointsman.routing.policy import load_policy, parse_policy
    from pointsman.routing.router import Routing
    from pointsman.routing.templates import render

    chosen = parse_policy(render("rubric"), "the starter policy") if policy is None else load_policy(policy)
    catalog = Catalog.load(chosen.catalogue_path)
    flagships = chosen.tiers.models("flagship")
    now = datetime.now(UTC)
    return RouteReplay(
        Routing(chosen, catalog),
        lambda model: catalog.rates(model, now),
        flagships[0] if flagships else None,
        sample=sample,
        seed=seed,
    )


def _run(conversations: ConversationFile, replay: RouteReplay, limit: int | None) -> list[Line]:
    """Take every line, with a progress bar on stderr; return the lines that could not be read."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = err()
    columns = (
        TextColumn("routing"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[turns]:,} turns"),
        TimeRemainingColumn(),
    )
    problems: list[Line] = []
    taken = 0
    # On a pipe a bar would only leave rubbish in a log.
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=conversations.size, turns=0)
        for line in conversations.lines():
            if line.conversation is None:
                problems.append(line)
            else:
                replay.take(line.conversation)
                taken += 1
            progress.update(task, advance=line.size, turns=replay.turns)
            if taken == limit:
                break
    return problems


def _complain(problems: list[Line]) -> None:
    from pointsman.cli.console import safe

    console = err()
    for line in problems[:_SHOWN_PROBLEMS]:
        console.print(f"line {line.number} left out: {safe(line.problem or '')[:200]}", markup=False)
    if len(problems) > _SHOWN_PROBLEMS:
        console.print(f"... and {len(problems) - _SHOWN_PROBLEMS} more lines left out (--json lists them all)")
