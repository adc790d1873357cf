"""The question for the route rides along with the answer: the model that answers may hand the turn on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from pointsman.emulator.script import Fault, Pace, Rule, SaidCall, Say, Script, When
from pointsman.execution.routes.folding import ESCALATE
from support.gateway import gateway, policy
from support.routed import HAIKU, MINI, OPUS, PLAN, SDKS, STREAMS, TOOLS, ask, calls, checks, only

VAGUE = "zxcv qwer"
HANDED = {"route": "plan", "risk": "high", "reason": "two wishes at once"}


def folding(more: str = "fold: true", **replace: str) -> Any:
    return policy(**{"default_route: direct": f"default_route: direct\nllm_router: {{{more}}}"} | replace)


def handing(said: Say | None, *others: Rule, fault: Fault | None = None) -> Script:
    small = Rule(when=When(model="claude-haiku*", tools=True), reply=said, fault=fault)
    return Script(rules=(*others, small, Rule(reply=Say(text="Done."))))


def escalating(arguments: Any = HANDED, *more: SaidCall, text: str = "") -> Say:
    return Say(text=text, calls=(SaidCall(name=ESCALATE, arguments=arguments), *more))


NO_WORKER = {"  plan: {tiers: [flagship]}": "  plan: {tiers: [flagship], worker: none}"}


@SDKS
@STREAMS
def test_the_models_own_answer_costs_no_further_call(tmp_path: Path, sdk: str, stream: bool) -> None:
    with gateway(tmp_path / "t.db", handing(Say(text="We open at nine.")), folding()) as running:
        assert ask(running, sdk, VAGUE, stream=stream) == "We open at nine."
        record = only(running)
    assert calls(record) == [("reply", HAIKU)]
    assert record.steps[0].prompt is not None
    assert record.steps[0].prompt.startswith("fold@")
    assert checks(record) == [("route.fold", True, "released")]
    assert any(reason.name == "folded" for reason in record.decision.reasons)
    assert (record.ttft_ms is not None) is stream


@SDKS
@STREAMS
@pytest.mark.parametrize(
    ("said", "route"),
    [
        (escalating(), "plan"),
        (escalating({**HANDED, "route": "tools"}), "tools"),
        (escalating({**HANDED, "route": "moon"}), "tools"),
        (escalating("{broken"), "tools"),
        (escalating(HANDED, SaidCall(name="get_order", arguments={"order_id": "1"})), "plan"),
        (Say(stop="refusal"), "tools"),
        (Say(text=""), "tools"),
    ],
)
def test_a_turn_that_is_handed_on_is_answered_above(
    tmp_path: Path, sdk: str, stream: bool, said: Say, route: str
) -> None:
    answer = Rule(when=When(model="claude-opus*"), reply=Say(text="Both are done."))
    again = Rule(when=When(model="claude-sonnet*"), reply=Say(text="Both are done."))
    chosen = folding(**NO_WORKER | {"tools: {tiers: [small]": "tools: {tiers: [mid]"})
    with gateway(tmp_path / "t.db", handing(said, answer, again), chosen) as running:
        assert ask(running, sdk, VAGUE, stream=stream) == "Both are done."
        record = only(running)
    assert record.decision.route == route
    assert [purpose for purpose, _ in calls(record)] == ["route", "reply"]
    assert checks(record) == [("route.fold", False, "escalated")]
    assert record.cost_usd == sum((step.cost_usd or 0) for step in record.steps)


def test_a_stream_is_shown_from_its_first_word_and_a_late_call_of_the_tool_is_taken_out(tmp_path: Path) -> None:
    slow = Rule(reply=escalating(text="Let me see what I can do for you here."), pace=Pace(tokens_per_s=40))
    with (
        gateway(tmp_path / "t.db", Script(rules=(slow,)), folding()) as running,
        anthropic.Anthropic(api_key="k", base_url=running.base_url, max_retries=0) as client,
    ):
        asked: Any = {"model": "auto", "max_tokens": 99, "messages": [{"role": "user", "content": VAGUE}]}
        with client.messages.stream(**asked) as flow:
            reply = flow.get_final_message()
        record = only(running)
    assert [block.type for block in reply.content] == ["text"]
    assert reply.stop_reason == "end_turn"
    assert record.ttft_ms is not None
    assert record.ttft_ms < record.duration_ms - 100
    assert [name for name, *_ in checks(record)] == ["route.fold", "route.fold"]
    assert "shown already" in record.checks[-1].text
    assert ESCALATE.encode() not in record.reply


def test_the_clients_own_tools_are_called_as_ever_and_numbered_from_nought(tmp_path: Path) -> None:
    mixed = Say(
        text="I look.", calls=(SaidCall(name=ESCALATE), SaidCall(name="get_order", arguments={"order_id": "1"}))
    )
    tools: Any = [{"type": "function", "function": {"name": "get_order", "parameters": {"type": "object"}}}]
    with (
        gateway(tmp_path / "t.db", Script(rules=(Rule(reply=mixed),)), folding()) as running,
        openai.OpenAI(api_key="k", base_url=running.openai_url, max_retries=0) as client,
    ):
        asked: Any = {"model": "auto", "messages": [{"role": "user", "content": VAGUE}], "tools": tools}
        with client.chat.completions.stream(**asked) as flow:
            choice = flow.get_final_completion().choices[0]
    assert [call.function.name for call in choice.message.tool_calls or ()] == ["get_order"]
    assert choice.finish_reason == "tool_calls"


def test_a_turn_handed_on_to_the_plan_is_planned(tmp_path: Path) -> None:
    planner = Rule(when=When(contains="Plan the agent"), reply=Say(json=PLAN))
    worker = Rule(
        when=When(model="claude-haiku*", tools=False),
        reply=Say(text="The refund of €49.90; order 1182 was sent on 2026-05-03."),
    )
    with gateway(tmp_path / "t.db", handing(escalating(), planner, worker), folding()) as running:
        assert "49.90" in ask(running, "openai", VAGUE, stream=True)
        record = only(running)
    assert calls(record) == [("route", HAIKU), ("plan", OPUS), ("reply", HAIKU)]
    assert [handoff.kind for handoff in record.handoffs] == ["plan"]


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "get_order"}, {"type": "none"}])
def test_where_the_client_says_which_tools_are_called_a_model_is_asked_apart(tmp_path: Path, choice: Any) -> None:
    said = {"route": "direct", "intent": "other", "risk": "low", "confidence": 0.9}
    router = Rule(when=When(contains="Which route"), reply=Say(json=said))
    script = Script(rules=(router, Rule(reply=Say(calls=(SaidCall(name="get_order"),)))))
    chosen = folding(f"fold: true, model: {MINI}")
    with gateway(tmp_path / "t.db", script, chosen) as running:
        ask(running, "anthropic", VAGUE, tools=TOOLS, tool_choice=choice)
        record = only(running)
    assert [purpose for purpose, _ in calls(record)] == ["route", "reply"]
    assert any(reason.name == "not_folded" for reason in record.decision.reasons)


def test_a_plan_after_a_handing_on_is_made_once_whatever_its_worker_does(tmp_path: Path) -> None:
    planner = Rule(when=When(contains="Plan the agent"), reply=Say(json=PLAN))
    with gateway(tmp_path / "t.db", handing(escalating(), planner), folding()) as running:
        assert ask(running, "anthropic", VAGUE) == "Done."
        record = only(running)
    assert calls(record) == [("route", HAIKU), ("plan", OPUS), ("reply", HAIKU), ("reply", HAIKU), ("reply", OPUS)]
    assert len(record.handoffs) == 1
