"""The route plan with scripted models that misbehave: what the client gets, and what the record tells of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anthropic
import msgspec
import openai
import pytest

from pointsman.domain.record import Handoff
from pointsman.emulator.script import Fault, Rule, SaidCall, Say, Script, When
from pointsman.execution.work import Desk, Wish
from support.gateway import gateway
from support.routed import (
    ANGRY,
    HAIKU,
    MINI,
    OPUS,
    PLAN,
    RULES,
    SDKS,
    STREAMS,
    TOOLS,
    ask,
    calls,
    checks,
    cli,
    only,
    planning,
)

GOOD = "I am sorry. Order #1182 was sent on 3 May 2026; the refund of 49,90 EUR follows."


BAD = "I am sorry. You get your refund today!"


OWN = "I have looked into it myself and will stay on it."


def planned(plan: Any = PLAN, *worker: Say, own: str = OWN) -> Script:
    """The flagship plans (and answers ``own`` when it is asked for more), the small model says one thing after the other."""
    asked = When(model="claude-opus*", contains="Plan the agent")
    rules = [
        Rule(when=asked, reply=Say(json=plan) if not isinstance(plan, str) else Say(text=plan)),
        Rule(when=When(model="claude-opus*", contains="no valid plan"), reply=Say(text="Still no JSON.")),
        Rule(when=When(model="claude-opus*"), reply=Say(text=own)),
        *(Rule(when=When(model="claude-haiku*"), reply=say, times=1) for say in worker),
    ]
    return Script(rules=tuple(rules))


@SDKS
@STREAMS
def test_a_plan_is_handed_over_and_its_reply_checked(tmp_path: Path, sdk: str, stream: bool) -> None:
    with gateway(tmp_path / "t.db", planned(PLAN, Say(text=GOOD)), planning()) as running:
        assert ask(running, sdk, stream=stream) == GOOD
        record = only(running)
    assert record.decision.route == "plan"
    assert calls(record) == [("plan", OPUS), ("reply", HAIKU)]
    assert [bool(step.prompt) for step in record.steps] == [True, True]
    [handoff] = record.handoffs
    assert (handoff.kind, handoff.source, handoff.target) == ("plan", OPUS, HAIKU)
    artifact = msgspec.json.decode(handoff.artifact)
    assert artifact["must_mention"] == PLAN["must_mention"]
    assert artifact["arguments"] == {}
    assert checks(record) == [("plan.must_mention", True, "released"), ("plan.forbidden", True, "released")]
    assert record.prepared_ms is not None
    assert (record.ttft_ms is not None) is stream
    if record.ttft_ms is not None:
        assert record.ttft_ms >= record.prepared_ms


@SDKS
@STREAMS
def test_a_miss_is_repaired_once(tmp_path: Path, sdk: str, stream: bool) -> None:
    with gateway(tmp_path / "t.db", planned(PLAN, Say(text=BAD), Say(text=GOOD)), planning()) as running:
        assert ask(running, sdk, stream=stream) == GOOD
        record = only(running)
    assert calls(record) == [("plan", OPUS), ("reply", HAIKU), ("reply", HAIKU)]
    assert checks(record)[:2] == [("plan.must_mention", False, "retried"), ("plan.forbidden", False, "retried")]
    assert "refund today" in record.checks[1].text


@SDKS
@STREAMS
def test_a_worker_that_ignores_the_plan_twice_is_replaced_by_the_planner(
    tmp_path: Path, sdk: str, stream: bool
) -> None:
    with gateway(tmp_path / "t.db", planned(PLAN, Say(text=BAD), Say(text=BAD)), planning()) as running:
        assert ask(running, sdk, stream=stream) == OWN
        record = only(running)
    assert calls(record) == [("plan", OPUS), ("reply", HAIKU), ("reply", HAIKU), ("reply", OPUS)]
    assert len(record.handoffs) == 1
    assert [check.action for check in record.checks] == ["retried"] * 2 + ["escalated"] * 2 + ["released"] * 2
    assert record.steps[-1].prompt is None


def test_what_is_forbidden_is_released_from_nobody(tmp_path: Path) -> None:
    script = planned(PLAN, Say(text=BAD), Say(text=BAD), own=BAD)
    with gateway(tmp_path / "t.db", script, planning()) as running:
        with pytest.raises(openai.APIStatusError) as caught:
            ask(running, "openai")
        record = only(running)
    assert "refund today" not in str(caught.value)
    assert record.status == "error"
    assert record.checks[-1].action == "failed"


@pytest.mark.parametrize(
    "bad",
    [
        "I would reply kindly.",
        {**PLAN, "must_mention": ["a", "b", "c", "d"]},
        {**PLAN, "tone": "x" * 121},
        {**PLAN, "next_action": "dance"},
        {**PLAN, "next_action": "call_tool"},
        {**PLAN, "must_mention": ["you get your refund today"]},
        {name: value for name, value in PLAN.items() if name != "intent"},
    ],
)
def test_a_planner_without_a_valid_plan_answers_by_itself(tmp_path: Path, bad: Any) -> None:
    with gateway(tmp_path / "t.db", planned(bad), planning()) as running:
        assert ask(running, "anthropic", stream=True) == OWN
        record = only(running)
    assert calls(record) == [("plan", OPUS), ("plan", OPUS), ("reply", OPUS)]
    assert record.handoffs == ()
    assert checks(record) == [("plan.schema", False, "retried"), ("plan.schema", False, "escalated")]


def test_a_planner_that_is_down_leaves_the_turn_to_the_others(tmp_path: Path) -> None:
    rules = (
        Rule(when=When(model="claude-opus*"), fault=Fault(kind="status", status=529)),
        Rule(reply=Say(text="Fallback.")),
    )
    chosen = planning(**{"default_route: direct": f"default_route: direct{RULES}fallback: {{below_floor: true}}\n"})
    with gateway(tmp_path / "t.db", Script(rules=rules), chosen) as running:
        assert ask(running, "openai", stream=True) == "Fallback."
        record = only(running)
    assert record.steps[0].purpose == "plan"
    assert record.steps[-1].model != OPUS
    assert any(reason.name == "no_planner" for reason in record.decision.reasons)


CALL = {**PLAN, "must_mention": [], "forbidden": [], "next_action": "call_tool", "tool": "get_order"}
CALL["arguments"] = [{"name": "order_id", "value": "1182"}]


def test_the_planned_tool_is_called_with_the_planned_arguments(tmp_path: Path) -> None:
    worker = (
        Say(calls=(SaidCall(name="cancel_order", arguments={"order_id": "1182"}),)),
        Say(calls=(SaidCall(name="get_order", arguments={"order_id": "1182"}),)),
    )
    with gateway(tmp_path / "t.db", planned(CALL, *worker), planning()) as running:
        with anthropic.Anthropic(api_key="k", base_url=running.base_url, max_retries=0) as client:
            messages: Any = [{"role": "user", "content": ANGRY}]
            reply = client.messages.create(model="auto", max_tokens=300, messages=messages, tools=TOOLS)
        record = only(running)
    [used] = [block for block in reply.content if block.type == "tool_use"]
    assert (used.name, used.input) == ("get_order", {"order_id": "1182"})
    assert checks(record) == [("plan.action", False, "retried"), ("plan.action", True, "released")]
    assert "cancel_order is not to be called" in record.checks[0].text


def test_a_tool_loop_goes_on_with_its_plan(tmp_path: Path) -> None:
    plan = {**CALL, "must_mention": ["sent on 2026-05-03"]}
    called = Say(calls=(SaidCall(name="get_order", arguments={"order_id": "1182"}),))
    worker = (called, Say(text="Soon."), Say(text="It was sent on May 3rd."))
    with gateway(tmp_path / "t.db", planned(plan, *worker), planning()) as running:
        with anthropic.Anthropic(api_key="k", base_url=running.base_url, max_retries=0) as client:
            messages: Any = [{"role": "user", "content": ANGRY}]
            reply = client.messages.create(model="auto", max_tokens=300, messages=messages, tools=TOOLS)
            messages.append({"role": "assistant", "content": [block.model_dump() for block in reply.content]})
            result = {"type": "tool_result", "tool_use_id": reply.content[-1].id, "content": "sent 2026-05-03"}  # type: ignore[union-attr]
            messages.append({"role": "user", "content": [result]})
            final = client.messages.create(model="auto", max_tokens=300, messages=messages, tools=TOOLS)
        first, second = running.turns()
    assert final.content[0].text == "It was sent on May 3rd."  # type: ignore[union-attr]
    assert calls(first) == [("plan", OPUS), ("reply", HAIKU)]
    assert calls(second) == [("reply", HAIKU), ("reply", HAIKU)]
    assert second.handoffs == ()
    assert ("plan.must_mention", False, "retried") in checks(second)


def test_the_planners_reasoning_goes_nowhere(tmp_path: Path) -> None:
    secret = "the customer is a liar"
    rules = (
        Rule(when=When(model="claude-opus*"), reply=Say(json=PLAN, reasoning=secret)),
        Rule(when=When(model="claude-haiku*"), reply=Say(text=GOOD)),
    )
    with gateway(tmp_path / "t.db", Script(rules=rules), planning()) as running:
        ask(running, "openai")
        record = only(running)
        assert running.emulator is not None
        sent = str([request.body for request in running.emulator.requests])
    assert secret not in sent
    assert secret.encode() not in msgspec.json.encode(record)


def test_an_escalating_plan_is_remembered(tmp_path: Path) -> None:
    plan = {**PLAN, "must_mention": [], "next_action": "escalate"}
    headers = {"x-pointsman-conversation-id": "c1"}
    with gateway(
        tmp_path / "t.db", planned(plan, Say(text="A colleague takes over."), Say(text="Hi.")), planning()
    ) as running:
        assert ask(running, "openai", extra_headers=headers) == "A colleague takes over."
        ask(running, "openai", "What are your opening hours?", extra_headers=headers)
        _, second = running.turns()
    assert second.decision.signals["history"]["escalated"] is True


def test_the_way_is_told(tmp_path: Path) -> None:
    store = tmp_path / "t.db"
    with gateway(store, planned(PLAN, Say(text=BAD), Say(text=GOOD)), planning()) as running:
        ask(running, "openai", stream=True)
        record = only(running)
    told = cli("turn", record.id, "--store", f"sqlite:///{store}")
    assert "The way of this turn" in told
    assert f"handoff 1: plan, {OPUS} -> {HAIKU}" in told
    assert "must_mention:" in told
    assert "plan.forbidden: failed on anthropic/claude-haiku-4-5, retried" in told
    assert "planner@" in told
    data = msgspec.json.decode(cli("turn", record.id, "--json", "--store", f"sqlite:///{store}"))
    assert data["handoffs"][0]["artifact"]["intent"] == PLAN["intent"]
    assert data["checks"][0]["action"] == "retried"
    assert data["prepared_ms"] > 0


def test_a_third_handoff_is_refused(tmp_path: Path) -> None:
    """No route of a policy can come to it; a stage that tries is stopped, with a typed error and a record."""

    async def greedy(desk: Desk, wish: Wish) -> Wish:
        desk.hand_over(Handoff("plan", OPUS, HAIKU, msgspec.Raw(b"{}")))
        return wish

    with gateway(tmp_path / "t.db", Script(), planning()) as running:
        ask(running, "openai", "What are your opening hours?")
        running.router.engine.stages = lambda ask, decision: (greedy, greedy, greedy)
        with pytest.raises(openai.APIStatusError):
            ask(running, "openai", "What are your opening hours?")
        _, record = running.turns()
    assert record.error_code == "too_many_handoffs"
    assert len(record.handoffs) == 2


def test_a_policy_adds_fields_to_plans(tmp_path: Path) -> None:
    line = "plan: {tiers: [flagship], schema: {type: object, properties: {department: {type: string}}, required: [department]}}"
    chosen = planning(**{"plan: {tiers: [flagship]}": line})
    rules = (
        Rule(when=When(contains="Plan the agent"), reply=Say(json={**PLAN, "department": "billing"})),
        Rule(when=When(model="claude-haiku*"), reply=Say(text=GOOD)),
    )
    with gateway(tmp_path / "t.db", Script(rules=rules), chosen) as running:
        assert ask(running, "anthropic") == GOOD
        record = only(running)
        assert running.emulator is not None
        assert "billing" in str(running.emulator.requests[-1].body["system"])
    assert msgspec.json.decode(record.handoffs[0].artifact)["extra"] == {"department": "billing"}


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="cut", after_deltas=1),
        Fault(kind="end", after_deltas=1),
        Fault(kind="bad_json", after_deltas=1),
        Fault(kind="error", after_deltas=1),
        Fault(kind="status", status=503),
    ],
)
def test_a_worker_that_breaks_unseen_is_replaced(tmp_path: Path, fault: Fault) -> None:
    """Its reply is held, so nothing of it was shown, and another worker may still answer from the same plan."""
    rules = (
        Rule(when=When(contains="Plan the agent"), reply=Say(json=PLAN)),
        Rule(when=When(model="claude-haiku*"), reply=Say(text=GOOD), fault=fault),
        Rule(reply=Say(text=GOOD)),
    )
    with gateway(tmp_path / "t.db", Script(rules=rules), planning()) as running:
        assert ask(running, "openai", stream=True) == GOOD
        record = only(running)
    assert record.status == "ok"
    assert calls(record)[0] == ("plan", OPUS)
    assert calls(record)[-1] == ("reply", MINI)
    assert len(record.handoffs) == 1


@pytest.mark.parametrize(("action", "released"), [("reply", True), ("ask_clarifying", False), ("escalate", False)])
def test_where_the_plan_asks_first_nobody_changes_anything(tmp_path: Path, action: str, released: bool) -> None:
    """Worker and planner both call a write: the planner may change its mind, but not about the customer's leave."""
    plan = PLAN | {"next_action": action, "must_mention": []}
    write = Say(calls=(SaidCall(name="cancel_order", arguments={"order_id": "1182"}),))
    script = Script(rules=(Rule(when=When(contains="Plan the agent"), reply=Say(json=plan)), Rule(reply=write)))
    with gateway(tmp_path / "t.db", script, planning()) as running:
        if released:
            ask(running, "anthropic", tools=TOOLS)
        else:
            with pytest.raises(anthropic.APIStatusError, match="nothing was released"):
                ask(running, "anthropic", tools=TOOLS)
        record = only(running)
    assert record.status == ("ok" if released else "error")
    assert checks(record)[-1] == ("plan.action", False, "released" if released else "failed")


def test_a_reply_that_shows_the_plan_is_sent_back(tmp_path: Path) -> None:
    shown = Say(text=f"{GOOD} (next_action: reply)")
    with gateway(tmp_path / "t.db", planned(PLAN, shown, Say(text=GOOD)), planning()) as running:
        assert ask(running, "openai") == GOOD
        assert ("plan.quoted", False, "retried") in checks(only(running))


def test_a_reply_cut_by_the_clients_own_limit_is_not_blamed_for_what_it_could_not_say(tmp_path: Path) -> None:
    with gateway(tmp_path / "t.db", planned(PLAN, Say(text=GOOD)), planning()) as running:
        with openai.OpenAI(api_key="k", base_url=running.openai_url, max_retries=0) as client:
            messages: Any = [{"role": "user", "content": ANGRY}]
            reply = client.chat.completions.create(model="auto", messages=messages, max_tokens=5)
        record = only(running)
    assert reply.choices[0].finish_reason == "length"
    assert calls(record) == [("plan", OPUS), ("reply", HAIKU)]
    assert checks(record) == [("plan.forbidden", True, "released")]
