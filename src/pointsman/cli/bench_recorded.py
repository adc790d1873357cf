"""Recorded models in a bench: answers from a file take the place of calls, and cost nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec

from pointsman.cli.bench_setup import Outcome
from pointsman.cli.replay_setup import prices_of
from pointsman.errors import UsageError
from pointsman.evaluation.answers import Answer
from pointsman.evaluation.bench_asking import Job
from pointsman.evaluation.bench_running import BenchRun, Made
from pointsman.evaluation.cases import Case
from pointsman.evaluation.recorded import PREFIX, RecordedAnswers, RecordedConversations, Shelf, open_recorded

Price = Callable[[Answer], Decimal | None]


def split_models(names: str, *, own: bool) -> tuple[str, list[str]]:
    """Return the models to be asked, with commas, and the recorded ones.

    Raises:
        UsageError: no model is named, or a recorded one without the cases that it answered.
    """
    words = [word.strip() for word in names.split(",") if word.strip()]
    recorded = [word for word in words if word.startswith(PREFIX)]
    if recorded and not own:
        raise UsageError(f"{recorded[0][:100]}: name the cases that it answered with --cases FILE (`pointsman import`)")
    live = ",".join(word for word in words if not word.startswith(PREFIX))
    if not words:
        raise UsageError(
            "--models names no model: write ids with commas, e.g. --models openai/gpt-5.4,google/gemini-3.5-flash"
        )
    return live, recorded


def with_recorded(
    outcome: Outcome, names: Sequence[str], cases: Sequence[Case], repeats: int, prices: Path | None = None
) -> tuple[Outcome, list[str]]:
    """Return the outcome with the answers of recorded models, and how these are called; a dry run reads none.

    ``prices`` is a file of dollars per million tokens, for answers that bring no cost of their own.

    Raises:
        UsageError: a file cannot be read, or holds no such model.
    """
    if not names or outcome.run is None:
        return outcome, []
    shelves: dict[str, Shelf] = {}
    try:
        models = [model for name in names for model in open_recorded(name, shelves)]
        made = asyncio.run(_answers(models, cases, repeats, prices_of(prices)))
    finally:
        for shelf in shelves.values():
            shelf.close()
    run = BenchRun((*outcome.run.made, *made), outcome.run.left)
    return msgspec.structs.replace(outcome, run=run), [model.name for model in models]


def _priced(answer: Answer, price: Price) -> Answer:
    if answer.cost_usd is not None:
        return answer
    return msgspec.structs.replace(answer, cost_usd=price(answer))


async def _answers(
    models: Sequence[RecordedAnswers | RecordedConversations], cases: Sequence[Case], repeats: int, price: Price
) -> list[Made]:
    return [
        Made(
            Job(case.id, model.name, case.turn, repeat=repeat),
            _priced(await model.answer(case, case.turn, repeat), price),
        )
        for model in models
        for case in cases
        for repeat in range(1, repeats + 1)
    ]
