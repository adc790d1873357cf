"""``pointsman outcomes``: how conversations ended, from a ticket system's export."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from pointsman.cli.console import err, out, plain, print_json
from pointsman.cli.figures import for_json
from pointsman.cli.outcome_view import outcome_lines
from pointsman.cli.replay_view import counted
from pointsman.cli.store_options import AsJson, StoreUrl
from pointsman.errors import RequestError
from pointsman.execution.privacy.redaction import stored_names, stored_words
from pointsman.store import DEFAULT_URL, Store, open_store
from pointsman.store.outcome_body import OutcomeBody, redacted_body, report_of
from pointsman.store.outcome_files import Line, read_lines
from pointsman.store.outcomes import Outcomes, Report

app = typer.Typer(
    help="Import and show how conversations ended. Exit codes: 0 done, 1 some lines were wrong, 2 the input was wrong.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_SHOWN = 20


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .csv or .jsonl file.")],
    source: Annotated[str | None, typer.Option(help="Where lines come from that name no source.")] = None,
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """Take in reports of outcomes. Wrong lines are listed with their reason, the others go in.

    Columns: conversation, and any of resolved, escalated, reopened, csat (1 to 5), handoff_cost_usd, at, source, id,
    allow_unknown. Lines with an id can be imported again without counting twice.
    """
    lines = read_lines(file)
    taken, wrong = 0, []
    with open_store(store, must_exist=True, read_only=False) as opened:
        outcomes, words = Outcomes(opened), stored_words(opened.path)
        for line in lines:
            try:
                outcomes.report_sync(_stored(_report(line, source, words), opened, outcomes))
                taken += 1
            except RequestError as error:
                wrong.append({"line": line.number, "reason": str(error)})
    if json:
        print_json({"taken": taken, "wrong": wrong})
    else:
        out().print(plain(f"{counted(taken, 'report')} taken in, {counted(len(wrong), 'line')} wrong.", "bold"))
        for one in wrong[:_SHOWN]:
            err().print(plain(f"{file}:{one['line']}: {one['reason']}"))
        if len(wrong) > _SHOWN:
            err().print(plain(f"and {len(wrong) - _SHOWN} more: --json lists them all"))
    if wrong:
        raise typer.Exit(1)


@app.command()
def show(
    conversation: Annotated[str, typer.Argument(help="The conversation's id.")],
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """Tell how a conversation ended, as far as it was reported."""
    with open_store(store, must_exist=True) as opened:
        outcomes = Outcomes(opened)
        found = outcomes.outcome(_known_name(conversation, opened, outcomes))
    if json:
        print_json(for_json(found))
        return
    lines = [line for line in outcome_lines(found, []) if line]
    out().print(plain(lines[0] if lines else "Nothing was reported of this conversation: its outcome is unknown."))


def _stored(report: Report, store: Store, outcomes: Outcomes) -> Report:
    """Return the report under the name by which the store knows the conversation."""
    name = _known_name(report.conversation, store, outcomes)
    return report if name == report.conversation else msgspec.structs.replace(report, conversation=name)


def _known_name(conversation: str, store: Store, outcomes: Outcomes) -> str:
    # Of one that has no turn here the name is kept as it would be stored: with tokens, where there is a key.
    names = stored_names(conversation, store.path)
    return next(
        (name for name in names if len(names) > 1 and outcomes.knows(name)), names[-1 if len(names) == 1 else 1]
    )


def _report(line: Line, source: str | None, words: Callable[[str], str]) -> Report:
    if line.problem is not None:
        raise RequestError(line.problem)
    fields: dict[str, Any] = dict(line.fields)
    conversation = fields.pop("conversation", None)
    if not isinstance(conversation, str) or not conversation:
        raise RequestError("conversation: the id of a conversation is required")
    if source is not None:
        fields.setdefault("source", source)
    try:
        body = msgspec.convert(fields, OutcomeBody)
    except msgspec.ValidationError as error:
        raise RequestError(str(error).replace("`$.", "`")) from None
    return report_of(conversation, redacted_body(body, words))
