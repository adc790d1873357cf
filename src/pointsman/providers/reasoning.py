"""How much a model should think: the client's wish in the words of the model at hand.

The table between words and token budgets is ours; no provider publishes one for the others' words.
"""

from __future__ import annotations

import msgspec

from pointsman.catalog.models import Model
from pointsman.domain.turn import Turn

WORDS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""Effort words of all providers, from least to most."""

BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 24576, "xhigh": 32768, "max": 65536}
"""Thinking tokens that stand for a word, and the other way round (the first budget that is not exceeded)."""


class Thinking(msgspec.Struct, frozen=True):
    """What to ask of the model. All None and not ``off``: ask nothing, the model does as it is used to.

    ``altered`` says that the wish could not be met as it was put: the caller lists it as dropped.
    """

    effort: str | None = None
    budget: int | None = None
    off: bool = False
    altered: bool = False


def thinking(turn: Turn, model: Model) -> Thinking:
    """Return the wish of ``turn`` in what ``model`` takes."""
    word, budget = turn.reasoning_effort, turn.reasoning_budget_tokens
    if word is None and budget is None:
        return Thinking()
    if word == "none" or (word is None and budget == 0):
        return _off(model)
    kind = model.reasoning.kind
    if kind == "none":
        return Thinking(altered=True)
    if kind == "budget":
        tokens = budget if budget is not None else BUDGETS.get(word or "")
        return Thinking(altered=True) if tokens is None else Thinking(budget=tokens)
    if word is None:
        word = _word_for(budget or 0)
    found = _nearest(word, model.reasoning.efforts)
    return Thinking(effort=found, altered=found != word)


def _off(model: Model) -> Thinking:
    reasoning = model.reasoning
    if reasoning.kind == "none":
        return Thinking()
    if reasoning.kind in {"budget", "adaptive"}:
        return Thinking(off=True)
    if "none" in reasoning.efforts or not reasoning.efforts:
        return Thinking(effort="none", off=True)
    if not reasoning.default_on:
        return Thinking(off=True)
    return Thinking(effort=_nearest("minimal", reasoning.efforts), altered=True)


def _word_for(budget: int) -> str:
    return next((word for word, tokens in BUDGETS.items() if budget <= tokens), "max")


def _nearest(word: str, efforts: tuple[str, ...]) -> str | None:
    """Return the closest word the model takes, upwards on a tie; a word outside the table only if the model lists it."""
    if word in efforts or not efforts:
        return word
    if word not in WORDS:
        return None
    wanted = WORDS.index(word)
    known = [effort for effort in efforts if effort in WORDS and effort != "none"]
    return min(known, key=lambda effort: (abs(WORDS.index(effort) - wanted), -WORDS.index(effort)), default=None)


def travels_to(origin: str | None, model: Model) -> bool:
    """True where opaque state of ``origin`` (a model id or a provider) may be sent to ``model``."""
    return origin in {model.id, model.provider}
