"""The latency budget of the voice channel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anthropic
import msgspec
import openai
import pytest

from pointsman.domain.record import StepRecord
from pointsman.domain.usage import Usage
from pointsman.emulator.script import Fault, Pace, Rule, Say, Script, When
from pointsman.errors import PolicyError
from support.gateway import GatewayUnderTest, gateway
from support.routed import HAIKU, MINI, OPUS, PLAN, SDKS, ask, calls, planning


def seen(model: str, purpose: str = "reply", ms: float = 100, times: int = 30) -> list[StepRecord]:
    usage = Usage(input_uncached=20, output=5)
    return [
        StepRecord(purpose, model, "ok", duration_ms=ms, ttft_ms=ms if purpose == "reply" else None, usage=usage)
    ] * times


def speaking(budget_ms: int, more: str = "") -> Any:
    return planning(**{"deadlines:": f"voice: {{budget_ms: {budget_ms}{more}}}\ndeadlines:"})


FILLER = "One moment, I am looking into that."
REPLY = "Your refund of €49.90; order 1182 was sent on 2026-05-03."
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


def learned_slow(running: GatewayUnderTest) -> None:
    ask(running, "openai", "What are your opening hours?")
    running.router.engine.latency.learn(seen(OPUS, "plan", 9000))


def with_filler(budget_ms: int = 5000) -> Any:
    return speaking(budget_ms, f', filler: "{FILLER}"')


def planned(pace: Pace | None = None, fault: Fault | None = None) -> Script:
    plan = Rule(when=When(contains="Plan the agent"), reply=Say(json=PLAN), pace=pace, fault=fault)
    return Script(rules=(plan, Rule(reply=Say(text=REPLY))))


@SDKS
@pytest.mark.parametrize("known", [True, False])
def test_a_caller_hears_the_filler_first_where_the_plan_does_not_fit(tmp_path: Path, sdk: str, known: bool) -> None:
    """Known to be slow: at once. Not known: when the budget is used up."""
    budget, pace = (5000, None) if known else (50, Pace(head_ms=400))
    with gateway(tmp_path / "t.db", planned(pace), with_filler(budget)) as running:
        if known:
            learned_slow(running)
        assert ask(running, sdk, stream=True, **VOICE) == f"{FILLER} {REPLY}"
        record = running.turns()[-1]
    assert calls(record) == [("plan", OPUS), ("reply", HAIKU)]
    assert record.checks[0].name == "voice.filler"
    assert FILLER in record.checks[0].text
    parts = msgspec.json.decode(record.reply)["parts"]
    assert [part["text"] for part in parts] == [f"{FILLER} ", REPLY]
    assert record.ttft_ms is not None
    assert record.prepared_ms is not None
    assert record.ttft_ms >= record.prepared_ms


def test_the_reply_follows_the_filler_also_where_no_plan_comes(tmp_path: Path) -> None:
    with gateway(tmp_path / "t.db", planned(fault=Fault(kind="status", status=400)), with_filler()) as running:
        learned_slow(running)
        assert ask(running, "anthropic", stream=True, **VOICE) == f"{FILLER} {REPLY}"
        assert running.turns()[-1].handoffs == ()


def test_a_plan_that_fits_or_a_client_that_does_not_stream_hears_no_filler(tmp_path: Path) -> None:
    with gateway(tmp_path / "t.db", planned(), with_filler()) as running:
        assert ask(running, "openai", stream=True, **VOICE) == REPLY
        running.router.engine.latency.learn(seen(OPUS, "plan", 9000))
        assert ask(running, "openai", **VOICE) == REPLY
        assert ask(running, "openai", stream=True) == REPLY
        assert all(check.name != "voice.filler" for record in running.turns() for check in record.checks)


def test_a_filler_without_a_budget_would_never_be_said() -> None:
    with pytest.raises(PolicyError, match="write budget_ms too"):
        planning(**{"deadlines:": "voice: {filler: Hm}\ndeadlines:"})


@SDKS
def test_a_turn_that_fails_behind_its_filler_is_a_broken_stream(tmp_path: Path, sdk: str) -> None:
    rules = (
        Rule(when=When(contains="opening hours"), reply=Say(text="At nine.")),
        Rule(when=When(contains="Plan the agent"), reply=Say(json=PLAN)),
        Rule(fault=Fault(kind="status", status=400, message="nope")),
    )
    with gateway(tmp_path / "t.db", Script(rules=rules), with_filler()) as running:
        learned_slow(running)
        with pytest.raises((openai.APIError, anthropic.APIError), match="nope"):
            ask(running, sdk, stream=True, **VOICE)
        record = running.turns()[-1]
    assert (record.status, record.http_status) == ("broken", 200)
    assert record.checks[0].name == "voice.filler"
