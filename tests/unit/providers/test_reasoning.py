"""A wish for thought is put into the model's own words, or said to be altered."""

from __future__ import annotations

import msgspec
import pytest

from pointsman.catalog.models import Reasoning
from pointsman.domain.turn import Turn
from pointsman.providers.reasoning import Thinking, thinking
from support.providers import GPT

NONE = Reasoning()
EFFORT = Reasoning("effort", ("none", "low", "medium", "high"), default_on=True)
HIGH_ONLY = Reasoning("effort", ("medium", "high", "xhigh"), default_on=True)
BUDGET = Reasoning("budget")
ADAPTIVE = Reasoning("adaptive", ("low", "medium", "high", "max"))


@pytest.mark.parametrize(
    ("ability", "effort", "budget", "asked"),
    [
        (NONE, None, None, Thinking()),
        (NONE, "none", None, Thinking()),
        (NONE, "high", None, Thinking(altered=True)),
        (EFFORT, None, None, Thinking()),
        (EFFORT, "high", None, Thinking(effort="high")),
        (EFFORT, "minimal", None, Thinking(effort="low", altered=True)),
        (EFFORT, "none", None, Thinking(effort="none", off=True)),
        (EFFORT, None, 0, Thinking(effort="none", off=True)),
        (EFFORT, None, 8000, Thinking(effort="medium")),
        (EFFORT, None, 10**6, Thinking(effort="high", altered=True)),
        (EFFORT, "odd", None, Thinking(altered=True)),
        (HIGH_ONLY, "low", None, Thinking(effort="medium", altered=True)),
        (HIGH_ONLY, "none", None, Thinking(effort="medium", altered=True)),
        (BUDGET, "low", None, Thinking(budget=2048)),
        (BUDGET, "odd", None, Thinking(altered=True)),
        (BUDGET, "none", None, Thinking(off=True)),
        (BUDGET, "low", 5000, Thinking(budget=5000)),
        (ADAPTIVE, "xhigh", None, Thinking(effort="max", altered=True)),
        (ADAPTIVE, "none", None, Thinking(off=True)),
    ],
)
def test_thinking(ability: Reasoning, effort: str | None, budget: int | None, asked: Thinking) -> None:
    model = msgspec.structs.replace(GPT, reasoning=ability)
    assert thinking(Turn((), reasoning_effort=effort, reasoning_budget_tokens=budget), model) == asked
