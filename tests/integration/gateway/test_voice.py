"""The latency budget of the voice channel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pointsman.domain.record import StepRecord
from pointsman.domain.usage import Usage
from pointsman.emulator.script import Pace, Rule, Say, Script, When
from support.gateway import gateway
from support.routed import HAIKU, MINI, OPUS, PLAN, ask, planning


def seen(model: str, purpose: str = "reply", ms: float = 100, times: int = 30) -> list[StepRecord]:
    usage = Usage(input_uncached=20, output=5)
    return [
        StepRecord(purpose, model, "ok", duration_ms=ms, ttft_ms=ms if purpose == "reply" else None, usage=usage)
    ] * times


def speaking(budget_ms: int) -> Any:
    return planning(**{"deadlines:": f"voice: {{budget_ms: {budget_ms}}}\ndeadlines:"})


VOICE: Any = {"extra_headers": {"x-pointsman-channel": "voice"}}


def test_a_model_learned_to_be_slow_is_left_out_of_calls(tmp_path: Path) -> None:
    with gateway(tmp_path / "t.db", Script(rules=(Rule(reply=Say(text="Yes.")),)), speaking(500)) as running:
        ask(running, "openai", "What are your opening hours?", stream=True, **VOICE)
        running.router.engine.latency.learn(seen(HAIKU, ms=900))
        ask(running, "openai", "What are your opening hours?", stream=True, **VOICE)
        ask(running, "openai", "What are your opening hours?", stream=True)
        unknown, slow, chat = running.turns()
    assert unknown.decision.model == HAIKU
    assert any("is unknown: the limit of 500 ms is not checked" in reason.text for reason in unknown.decision.reasons)
    assert slow.decision.model == MINI
    [out] = [out for out in slow.decision.excluded if out.model == HAIKU]
    assert out.constraint == "latency"
    assert "learned" in out.text
    assert chat.decision.model == HAIKU


@pytest.mark.parametrize("known", [True, False])
def test_a_plan_that_does_not_fit_the_budget_is_not_waited_for(tmp_path: Path, known: bool) -> None:
    """Known to be slow: not asked at all. Not known: cut off when the budget is used up, and the turn goes on."""
    slow = Rule(when=When(contains="Plan the agent"), reply=Say(json=PLAN), pace=Pace(head_ms=5000))
    with gateway(tmp_path / "t.db", Script(rules=(slow, Rule(reply=Say(text="Yes.")))), speaking(300)) as running:
        ask(running, "openai", "What are your opening hours?")
        if known:
            running.router.engine.latency.learn(seen(OPUS, "plan", 3000))
        assert ask(running, "openai", stream=True, **VOICE) == "Yes."
        _, record = running.turns()
    plans = [step.error_code for step in record.steps if step.purpose == "plan"]
    assert plans == ([] if known else ["timeout"])
    assert record.steps[-1].status == "ok"
    assert record.handoffs == ()
