"""``pointsman advise``: from a task to a tier, candidate models and a next step."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.table import Table

from pointsman.catalog.advice import (
    DEPTHS,
    ERROR_COSTS,
    LATENCIES,
    PRIVACIES,
    TASKS,
    Advice,
    Question,
    advise,
)
from pointsman.catalog.book import Catalog
from pointsman.cli.console import err, out, plain, print_json
from pointsman.cli.figures import count, for_json, moment, show, usd, warn_if_stale
from pointsman.errors import UsageError

EXIT_NO_MODEL = 1
Word = TypeVar("Word", bound=str)
_COUNT = re.compile(r"(\d[\d_,]*(?:\.\d+)?)([kKmM]?)")
_SCALE = {"": 1, "k": 1_000, "m": 1_000_000}
_LARGEST = 10**12
_ASK = {
    "task": "What is the task?",
    "error-cost": "What does a wrong answer cost?",
    "reasoning": "How much must be worked out?",
    "volume": "Calls a month?",
    "latency": "How fast must it answer?",
    "privacy": "Where may the data go?",
    "context": "Prompt tokens per call?",
    "output": "Reply tokens per call?",
}
_WORDS: dict[str, Sequence[str]] = {
    "task": TASKS, "error-cost": ERROR_COSTS, "reasoning": DEPTHS, "latency": LATENCIES, "privacy": PRIVACIES,
}  # fmt: skip
_DEFAULTS = {"volume": "100k", "latency": "interactive", "privacy": "any", "context": "2000", "output": "400"}


def command(
    task: Annotated[str | None, typer.Option(help=f"One of: {', '.join(TASKS)}.")] = None,
    error_cost: Annotated[str | None, typer.Option(help="What a wrong answer costs: low, medium, high.")] = None,
    reasoning: Annotated[str | None, typer.Option(help="How much must be worked out: none, some, deep.")] = None,
    volume: Annotated[str | None, typer.Option(help="Calls a month: 250000, 250k, 1M. (default 100k)")] = None,
    latency: Annotated[
        str | None, typer.Option(help="voice, interactive, relaxed, batch. (default interactive)")
    ] = None,
    privacy: Annotated[str | None, typer.Option(help="any, on-prem. (default any)")] = None,
    context: Annotated[str | None, typer.Option(help="Prompt tokens per call. (default 2000)")] = None,
    output: Annotated[str | None, typer.Option(help="Reply tokens per call. (default 400)")] = None,
    at: Annotated[str | None, typer.Option(help="Prices and retirements of this day (YYYY-MM-DD).")] = None,
    catalog: Annotated[
        Path | None, typer.Option(help="Your own catalogue file on top.", envvar="POINTSMAN_CATALOG")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print only JSON.")] = False,
) -> None:
    """Advise on tier and model for a task; without flags it asks.

    --task, --error-cost and --reasoning go together.

    Exit codes: 0 done; 1 no model of the catalogue meets the constraints (why is printed); 2 the input was wrong.
    """
    given = {
        "task": task, "error-cost": error_cost, "reasoning": reasoning, "volume": volume,
        "latency": latency, "privacy": privacy, "context": context, "output": output,
    }  # fmt: skip
    book = Catalog.load(catalog)
    when = moment(at)
    asked = not json and not any(given.values())
    question = _ask() if asked else _question(given)
    warn_if_stale(book, when)
    advice = advise(question, book, when)
    if json:
        print_json(for_json(advice))
    else:
        _print(advice)
    if not advice.candidates:
        raise typer.Exit(EXIT_NO_MODEL)


def _question(given: dict[str, str | None]) -> Question:
    for name, value in given.items():
        if value is not None:
            _check(name, value, "--")
    missing = [name for name in ("task", "error-cost", "reasoning") if given[name] is None]
    if missing:
        needed = "; ".join(f"--{name} ({', '.join(_WORDS[name])})" for name in missing)
        raise UsageError(f"Missing: {needed}\nRun `pointsman advise` without flags to be asked.")
    return _build({name: value if value is not None else _DEFAULTS[name] for name, value in given.items()}, "--")


def _ask() -> Question:
    """Put the questions one by one on stderr; a wrong answer is asked again."""
    answers: dict[str, str] = {}
    for name, text in _ASK.items():
        words = _WORDS.get(name)
        prompt = f"{text} ({', '.join(words)})" if words else text
        while True:
            try:
                answer = str(typer.prompt(prompt, default=_DEFAULTS.get(name), err=True)).strip()
                _check(name, answer, "")
            except UsageError as problem:
                err().print(plain(str(problem)))
            except typer.Abort:
                raise UsageError("No answer came: give flags instead (see `pointsman advise --help`)") from None
            else:
                answers[name] = answer
                break
    return _build(answers, "")


def _build(values: dict[str, str], dashes: str) -> Question:
    return Question(
        _word("task", values["task"], TASKS, dashes),
        _word("error-cost", values["error-cost"], ERROR_COSTS, dashes),
        _word("reasoning", values["reasoning"], DEPTHS, dashes),
        _number("volume", values["volume"], dashes),
        _word("latency", values["latency"], LATENCIES, dashes),
        _word("privacy", values["privacy"], PRIVACIES, dashes),
        _number("context", values["context"], dashes),
        _number("output", values["output"], dashes),
    )


def _check(name: str, value: str, dashes: str) -> None:
    """Raise the error of a value that is not understood."""
    if name in _WORDS:
        _word(name, value, _WORDS[name], dashes)
    else:
        _number(name, value, dashes)


def _word(name: str, value: str, words: Sequence[Word], dashes: str) -> Word:
    for word in words:
        if value.strip().lower() == word:
            return word
    raise UsageError(f"{dashes}{name} {value[:60]!r} is not understood; it is one of: {', '.join(words)}")


def _number(name: str, value: str, dashes: str) -> int:
    match = _COUNT.fullmatch(value.strip())
    if match is not None:
        number = float(match[1].replace("_", "").replace(",", "")) * _SCALE[match[2].lower()]
        if 1 <= number <= _LARGEST:
            return round(number)
    raise UsageError(f"{dashes}{name} {value[:60]!r} is not a count; write it like 250000, 250k or 1M")


def _print(advice: Advice) -> None:
    console = out()
    known = [candidate.usd for candidate in advice.candidates if candidate.usd is not None]
    span = "prices unknown"
    if known:
        span = usd(min(known)) + ("" if min(known) == max(known) else f" to {usd(max(known))}") + " a month"
    path = f"Start on the {advice.start} tier; expect to end on {advice.tier}."
    if advice.start == advice.tier:
        path = f"Start on the {advice.start} tier, and expect to stay there."
    verdict = (
        f"{path} {len(advice.candidates)} candidates, {span}."
        if advice.candidates
        else "No model meets the constraints."
    )
    console.print(plain(verdict, "bold"))
    for reason in advice.because:
        console.print(plain(f"* {reason}"))
    console.print(plain(f"Reasoning (an axis of its own): {advice.reasoning}."))
    question = advice.question
    console.print(
        plain(
            f"{count(question.calls)} calls a month, {count(question.context)} tokens in and {count(question.output)} out "
            "per call, nothing cached."
        )
    )
    if advice.candidates:
        console.print()
        show(_table(advice))
    if advice.excluded:
        console.print()
        console.print(plain(f"Left out: {_left_out(advice)}."))
    console.print()
    console.print(plain(f"Next: {advice.next_step}"))


def _left_out(advice: Advice) -> str:
    """Name the models left out by reason; a long row of names becomes their number."""
    reasons: dict[str, list[str]] = {}
    for item in advice.excluded:
        reasons.setdefault(item.why, []).append(item.model)
    few = 3
    return "; ".join(
        (", ".join(names) if len(names) <= few else f"{len(names)} models") + f" ({why})"
        for why, names in reasons.items()
    )


def _table(advice: Advice) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("candidate", overflow="fold")
    table.add_column("tier", no_wrap=True)
    table.add_column("$/month", justify="right", no_wrap=True)
    table.add_column("against", overflow="fold")
    for candidate in advice.candidates:
        table.add_row(plain(candidate.model), candidate.tier, usd(candidate.usd), plain("; ".join(candidate.against)))
    return table
