"""Which tier to begin with, which models can serve, what they would cost and what speaks against each.

The tier follows from task x error cost x reasoning depth by a table a person can argue with; reasoning is an axis of its
own, never a tier. The advice ends in a next step, because a table cannot know your traffic: a benchmark can.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, get_args

import msgspec

from pointsman.catalog.book import Catalog, retired, unreleased
from pointsman.catalog.models import Model
from pointsman.catalog.prices import Rates
from pointsman.domain.decision import TIERS, Tier
from pointsman.domain.usage import Usage

Task = Literal["classification", "extraction", "faq", "summarization", "conversation", "tools", "planning", "analysis"]
ErrorCost = Literal["low", "medium", "high"]
Depth = Literal["none", "some", "deep"]
Latency = Literal["voice", "interactive", "relaxed", "batch"]
Privacy = Literal["any", "on-prem"]

TASKS: tuple[Task, ...] = get_args(Task)
ERROR_COSTS: tuple[ErrorCost, ...] = get_args(ErrorCost)
DEPTHS: tuple[Depth, ...] = get_args(Depth)
LATENCIES: tuple[Latency, ...] = get_args(Latency)
PRIVACIES: tuple[Privacy, ...] = get_args(Privacy)

# Where a task usually ends up when errors are cheap and nothing must be worked out (index into TIERS).
_TASK_LEVEL: dict[Task, int] = {
    "classification": 0, "extraction": 0, "faq": 0, "summarization": 0,
    "conversation": 0, "tools": 1, "planning": 1, "analysis": 1,
}  # fmt: skip
_ERROR_LEVEL: dict[ErrorCost, int] = {"low": 0, "medium": 0, "high": 1}
_DEPTH_LEVEL: dict[Depth, int] = {"none": 0, "some": 0, "deep": 1}
_NEEDS_TOOLS: frozenset[Task] = frozenset({"tools"})
_NEEDS_SCHEMA: frozenset[Task] = frozenset({"classification", "extraction"})
_SOON = timedelta(days=183)
_MANY_TIMES = 3
_LONG = 32_000  # tokens: where measured models begin to sag (see effective_context in the catalogue)


class Question(msgspec.Struct, frozen=True):
    """What is known of a task. ``calls`` a month, each with a prompt of ``context`` tokens and a reply of ``output``."""

    task: Task
    error_cost: ErrorCost
    reasoning: Depth
    calls: int = 100_000
    latency: Latency = "interactive"
    privacy: Privacy = "any"
    context: int = 2_000
    output: int = 400


class Candidate(msgspec.Struct, frozen=True):
    """A model that can serve. ``usd`` a month, None unknown; ``against`` is what speaks against it, never empty."""

    model: str
    tier: Tier
    usd: Decimal | None
    processing: Literal["standard", "batch"]
    against: tuple[str, ...]


class Excluded(msgspec.Struct, frozen=True):
    """A model of the advised tiers that cannot serve, and why."""

    model: str
    why: str


class Advice(msgspec.Struct, frozen=True):
    """``tier`` is where this task usually ends; ``start`` where to begin measuring. ``because`` gives the reasons in order."""

    question: Question
    tier: Tier
    start: Tier
    reasoning: str
    because: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    excluded: tuple[Excluded, ...]
    next_step: str


def advise(question: Question, catalog: Catalog, at: datetime) -> Advice:
    """Return advice at the prices and retirements of the moment ``at``."""
    tier, because = _tier(question)
    start: Tier = "mid"
    wanted = {tier, start}
    candidates: list[Candidate] = []
    excluded: list[Excluded] = []
    fitting: list[Model] = []
    for model in catalog.models():
        why = _obstacle(question, model, at)
        if why is None:
            fitting.append(model)
        elif model.tier in wanted and not model.demo:
            excluded.append(Excluded(model.id, why))
    chosen = [model for model in fitting if model.tier in wanted]
    if not chosen and fitting:
        chosen = fitting
        because = (*because, "no model of these tiers meets the constraints, so all that do are listed")
    if chosen and start not in {model.tier for model in chosen}:
        start = max((model.tier for model in chosen), key=TIERS.index)
        because = (*because, f"no mid model meets the constraints, so the start is the {start} tier")
    costs = {model.id: _monthly(question, catalog, model, at) for model in chosen}
    known = [usd for usd, _ in costs.values() if usd]
    for model in chosen:
        usd, processing = costs[model.id]
        against = _against(question, model, catalog.rates(model.id, at), processing, at)
        if usd and usd > _MANY_TIMES * min(known):
            against += (f"costs {usd / min(known):.0f} times the cheapest priced candidate",)
        fallback = ("nothing on record; its quality on your task is unmeasured",)
        candidates.append(Candidate(model.id, model.tier, usd, processing, against or fallback))
    candidates.sort(key=lambda c: (TIERS.index(c.tier), c.usd is None, c.usd or 0, c.model))
    return Advice(
        question,
        tier,
        start,
        _reasoning(question),
        because,
        tuple(candidates),
        tuple(excluded),
        _next_step(tier, start, candidates),
    )


def _tier(question: Question) -> tuple[Tier, tuple[str, ...]]:
    base = _TASK_LEVEL[question.task]
    raised = _ERROR_LEVEL[question.error_cost] + _DEPTH_LEVEL[question.reasoning]
    level = min(base + raised, len(TIERS) - 1)
    because = [f"{question.task} with cheap errors usually ends on the {TIERS[base]} tier"]
    if _ERROR_LEVEL[question.error_cost]:
        because.append("errors are expensive: one tier up")
    if _DEPTH_LEVEL[question.reasoning]:
        because.append("the answer must be worked out in several steps: one tier up, and reasoning on")
    return TIERS[level], tuple(because)


def _obstacle(question: Question, model: Model, at: datetime) -> str | None:
    """Return why the model cannot serve at all, or None."""
    need = question.context + question.output
    checks: tuple[tuple[bool, str], ...] = (
        (model.demo, "is a demonstration model"),
        (retired(model, at.date()), f"was retired on {model.retires}"),
        (unreleased(model, at.date()), f"came out only on {model.released}"),
        (model.responses_only, "answers only on the Responses API"),
        (question.privacy == "on-prem" and model.hosting != "on_prem", "is hosted by a provider"),
        (
            model.context_window is not None and need > model.context_window,
            f"takes {model.context_window or 0:,} tokens, {need:,} are needed",
        ),
        (
            model.max_output is not None and question.output > model.max_output,
            f"writes at most {model.max_output or 0:,} tokens",
        ),
        (question.task in _NEEDS_TOOLS and not model.tools, "has no tool calls"),
        (question.reasoning == "deep" and model.reasoning.kind == "none", "does not reason before it answers"),
    )
    return next((why for holds, why in checks if holds), None)


def _against(
    question: Question, model: Model, rates: Rates | None, processing: Literal["standard", "batch"], at: datetime
) -> tuple[str, ...]:
    """Return what speaks against a model that could serve."""
    reasons = model.reasoning.kind != "none" and (model.reasoning.default_on or question.reasoning == "deep")
    window = model.effective_context
    retires = model.retires
    checks: tuple[tuple[bool, str], ...] = (
        (rates is None, "its price is unknown"),
        (retires is not None and retires <= (at.date() + _SOON).isoformat(), f"retires on {retires}"),
        (model.context_window is None, "its context window is unknown"),
        (
            window is not None and question.context > window,
            f"quality is known to sag beyond {window or 0:,} tokens of prompt",
        ),
        (
            window is None and question.context >= _LONG,
            f"whether quality holds at {question.context:,} tokens of prompt is not on record",
        ),
        (
            question.latency == "voice" and model.ttft_p95_ms is None,
            "its time to the first word is not on record: measure it before it speaks to callers",
        ),
        (
            question.task in _NEEDS_SCHEMA and model.structured_output != "json_schema",
            "cannot be held to a JSON Schema",
        ),
        (
            reasons and question.latency in {"voice", "interactive"},
            "reasons before the first word" + (" unless told not to" if question.reasoning != "deep" else ""),
        ),
        (reasons, "its reasoning tokens are billed as output and are not in this price"),
        (
            question.reasoning == "deep" and question.task in _NEEDS_TOOLS and not model.reasoning.with_tools,
            "takes no tools together with reasoning on the chat API",
        ),
        (
            question.latency == "batch" and processing == "standard",
            "no batch price on record: the standard price is shown",
        ),
        (model.free, "your own machine and its upkeep are not in this price"),
    )
    return tuple(text for holds, text in checks if holds)


def _monthly(
    question: Question, catalog: Catalog, model: Model, at: datetime
) -> tuple[Decimal | None, Literal["standard", "batch"]]:
    usage = Usage(question.context, question.output)
    processing: Literal["standard", "batch"] = "standard"
    rates = catalog.rates(model.id, at)
    if question.latency == "batch":
        batch = catalog.rates(model.id, at, "batch")
        if batch is not None:
            rates, processing = batch, "batch"
    cost = None if rates is None else rates.cost(usage)
    return (None if cost is None else cost * question.calls), processing


def _reasoning(question: Question) -> str:
    if question.reasoning == "none":
        return "off: nothing has to be worked out, so reasoning would only add delay and output tokens"
    if question.reasoning == "deep" and question.latency == "voice":
        return (
            "on, at low effort, or better off the customer's path: reasoning delays the first word, which a caller hears "
            "as silence; plan ahead of the turn instead"
        )
    if question.reasoning == "deep":
        return "on, at medium or high effort: choose by benchmark, because effort often buys more than a dearer tier"
    return "off to begin with, low effort where the benchmark shows multi-step mistakes; try it before a dearer tier"


def _next_step(tier: Tier, start: Tier, candidates: list[Candidate]) -> str:
    if not candidates:
        return "No model in the catalogue meets the constraints: relax one, or add a model of your own with --catalog."
    first = next((c for c in candidates if c.tier == start and c.usd is not None), candidates[0])
    step = (
        f"Start on the {start} tier, for example with {first.model}, and benchmark it on 50-100 real examples with known "
        "answers. "
    )
    if tier == start:
        step += "If it holds, try one tier down on the same examples; if it does not, reasoning or one tier up."
    elif TIERS.index(tier) < TIERS.index(start):
        step += (
            f"If it holds, go down to the {tier} tier on the same examples; if it does not, reasoning or one tier up."
        )
    else:
        step += f"Expect to go up to the {tier} tier; stay where you are only if the examples say so."
    return step + (
        " That many examples show large differences only: to swap models safely later, compare 200-400 in pairs."
    )
