"""Every route on its whole way, with scripted models that misbehave: what the client gets, and what the record tells of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import anthropic
import msgspec
import openai
import pytest

from pointsman.domain.record import StepRecord, TurnRecord
from pointsman.domain.usage import Usage
from pointsman.emulator.script import Fault, Pace, Rule, SaidCall, Say, Script, When
from support.gateway import GatewayUnderTest, gateway, policy

ANGRY = "This is ridiculous, the worst service ever! Where is order 1182, and what about my refund of 49.90 EUR?"
OPUS, HAIKU, MINI = "anthropic/claude-opus-4-8", "anthropic/claude-haiku-4-5", "openai/gpt-5-mini"
RULES = """
rules:
  - {name: upset, when: sentiment.negative, floor: plan}
"""


def planning(**replace: str) -> Any:
    return policy(**{"default_route: direct": f"default_route: direct{RULES}"} | replace)


PLAN: dict[str, Any] = {
    "intent": "order status and refund",
    "tone": "short and calm",
    "must_mention": ["the refund of €49.90", "order 1182 was sent on 2026-05-03"],
    "forbidden": ["refund today"],
    "next_action": "reply",
    "risk": "medium",
    "tool": "",
    "arguments": [],
    "confidence": 0.8,
}
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


def ask(running: GatewayUnderTest, sdk: str, text: str = ANGRY, *, stream: bool = False, **more: Any) -> str:
    """Ask through an SDK; return the text of the reply."""
    messages: Any = [{"role": "user", "content": text}]
    if sdk == "openai":
        with openai.OpenAI(api_key="k", base_url=running.openai_url, max_retries=0, timeout=20) as client:
            if stream:
                with client.chat.completions.stream(model="auto", messages=messages, **more) as streamed:
                    return streamed.get_final_completion().choices[0].message.content or ""
            return (
                client.chat.completions.create(model="auto", messages=messages, **more).choices[0].message.content or ""
            )
    with anthropic.Anthropic(api_key="k", base_url=running.base_url, max_retries=0, timeout=20) as other:
        if stream:
            with other.messages.stream(model="auto", max_tokens=500, messages=messages, **more) as flow:
                return flow.get_final_text()
        reply = other.messages.create(model="auto", max_tokens=500, messages=messages, **more)
        return "".join(block.text for block in reply.content if block.type == "text")


def cli(*words: str) -> str:
    """Run a pointsman command; return what it printed."""
    command = [sys.executable, "-m", "pointsman", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True, env={"COLUMNS": "160"})
    return done.stdout


def only(running: GatewayUnderTest) -> TurnRecord:
    [record] = running.turns()
    return record


def calls(record: TurnRecord) -> list[tuple[str, str]]:
    return [(step.purpose, step.model) for step in record.steps]


def checks(record: TurnRecord) -> list[tuple[str, bool, str]]:
    return [(check.name, check.passed, check.action) for check in record.checks]


SDKS = pytest.mark.parametrize("sdk", ["openai", "anthropic"])
STREAMS = pytest.mark.parametrize("stream", [False, True])


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


TOOLS: Any = [
    {
        "name": "cancel_order",
        "description": "Cancel an order",
        "input_schema": {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]},
    },
    {"name": "get_order", "input_schema": {"type": "object", "properties": {"order_id": {"type": "string"}}}},
]
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


LONG = (
    "Please read this thread and tell me what is still open. "
    + "The pump was serviced in March and nobody complained about it at all. " * 150
    + "Order A-77120 was paid with 1,249.50 EUR on 3 September 2026. Mr Weber promised a replacement by 12 October. "
    + "The weather stayed fine and the tents were dry for the whole of that time. " * 60
    + "What will you do about it? I am waiting."
)
LONG_INPUT = """
rules:
  - {name: upset, when: sentiment.negative, floor: plan}
  - {name: long-input, when: size.tokens >= 2000, pin: summarize}
"""


def condensing(more: str = "", **replace: str) -> Any:
    swaps = {
        "default_route: direct": f"default_route: tools{LONG_INPUT}",
        "  plan: {tiers: [flagship]}": f"  plan: {{tiers: [flagship]}}\n  summarize: {{tiers: [mid]{more}}}",
    }
    return policy(**swaps | replace)


WHOLE = "Order A-77120, paid 1249.50 EUR on 2026-09-03. Mr Weber promised a replacement by 12 October."
LOSSY = "An order was paid in September."


@SDKS
@STREAMS
@pytest.mark.parametrize("summary", [WHOLE, LOSSY])
def test_a_long_message_is_condensed_and_routed_again(tmp_path: Path, sdk: str, stream: bool, summary: str) -> None:
    rules = (
        Rule(when=When(contains="<source>"), reply=Say(text=summary)),
        Rule(reply=Say(text="The replacement is open.")),
    )
    with gateway(tmp_path / "t.db", Script(rules=rules), condensing()) as running:
        assert ask(running, sdk, LONG, stream=stream) == "The replacement is open."
        record = only(running)
        assert running.emulator is not None
        answered = str(running.emulator.requests[-1].body)
    assert calls(record) == [("summary", HAIKU), ("reply", HAIKU)]
    assert record.decision.route == "tools"
    [handoff] = record.handoffs
    artifact = msgspec.json.decode(handoff.artifact)
    assert artifact["original"].endswith(record.id)
    assert artifact["texts"][0]["tokens_after"] < artifact["texts"][0]["tokens_before"] / 5
    assert checks(record) == [("summary.kept", summary is WHOLE, "released" if summary is WHOLE else "repaired")]
    for fact in (
        "A-77120",
        "Weber promised a replacement by 12 October",
        "tell me what is still open",
        "What will you do",
    ):
        assert fact in answered
    assert "1,249.50 EUR" in answered or "1249.50" in answered
    assert len(answered) < 2500
    assert LONG.encode()[:400] in b"".join(body for _, body in record.request)


def test_the_condensed_turn_may_be_planned(tmp_path: Path) -> None:
    """Upset words that stand in the middle of a long text keep their floor only if the customer's own words still say so."""
    plan = {**PLAN, "must_mention": ["order A-77120"], "forbidden": []}
    rules = (
        Rule(when=When(contains="<source>"), reply=Say(text=WHOLE)),
        Rule(when=When(contains="Plan the agent"), reply=Say(json=plan)),
        Rule(when=When(model="claude-haiku*"), reply=Say(text="Order A-77120 is on our list.")),
    )
    chosen = condensing(**{"when: sentiment.negative": "when: size.tokens < 2000 && size.tokens > 50"})
    with gateway(tmp_path / "t.db", Script(rules=rules), chosen) as running:
        assert ask(running, "openai", LONG, stream=True) == "Order A-77120 is on our list."
        record = only(running)
    assert [handoff.kind for handoff in record.handoffs] == ["summary", "plan"]
    assert calls(record) == [("summary", HAIKU), ("plan", OPUS), ("reply", HAIKU)]
    assert record.decision.route == "plan"


@pytest.mark.parametrize("fault", [Fault(kind="status", status=500), None])
def test_without_a_summary_the_original_is_answered(tmp_path: Path, fault: Fault | None) -> None:
    """A summarizer that is down, or that gives the text back nearly as it was."""
    rules = (
        Rule(when=When(contains="<source>"), fault=fault, reply=None if fault else Say(text=LONG)),
        Rule(reply=Say(text="Read it all.")),
    )
    with gateway(tmp_path / "t.db", Script(rules=rules), condensing()) as running:
        assert ask(running, "anthropic", LONG) == "Read it all."
        record = only(running)
    assert record.handoffs == ()
    assert record.decision.route == "summarize"
    assert record.steps[-1].model == "anthropic/claude-sonnet-4-6"
    assert any(reason.name == "failed" for reason in record.decision.reasons)


def test_a_document_is_condensed_beside_its_question(tmp_path: Path) -> None:
    rules = (Rule(when=When(contains="<source>"), reply=Say(text=WHOLE)), Rule(reply=Say(text="Done.")))
    document = {
        "type": "document",
        "title": "thread.txt",
        "source": {"type": "text", "media_type": "text/plain", "data": LONG},
    }
    messages: Any = [{"role": "user", "content": [document, {"type": "text", "text": "When was it paid?"}]}]
    with gateway(tmp_path / "t.db", Script(rules=rules), condensing()) as running:
        with anthropic.Anthropic(api_key="k", base_url=running.base_url, max_retries=0) as client:
            client.messages.create(model="auto", max_tokens=99, system="Be brief.", messages=messages, tools=TOOLS)
        record = only(running)
        assert running.emulator is not None
        body = running.emulator.requests[-1].body
    assert [step.purpose for step in record.steps] == ["summary", "reply"]
    assert "When was it paid?" in str(body["messages"])
    assert "thread.txt" in str(body["messages"])
    assert "Be brief." in str(body["system"])
    assert len(body["tools"]) == 2


def test_condensing_lifts_no_floor(tmp_path: Path) -> None:
    """The words that set the floor may be gone from the summary; the floor is not."""
    rules = (Rule(when=When(contains="<source>"), reply=Say(text=WHOLE)), Rule(reply=Say(text="Done.")))
    chosen = condensing(
        **{
            "floor: plan}": "floor: tools}",
            "sentiment.negative": "size.tokens >= 2000",
            "route: tools": "route: direct",
        }
    )
    with gateway(tmp_path / "t.db", Script(rules=rules), chosen) as running:
        assert ask(running, "openai", LONG) == "Done."
        record = only(running)
    assert record.decision.route == "summarize"
    assert record.steps[-1].model == "anthropic/claude-sonnet-4-6"


def test_a_confined_text_is_condensed_only_where_it_may_be_read(tmp_path: Path) -> None:
    """The summary holds no card number any more, and still goes nowhere its original may not."""
    rules = (Rule(when=When(contains="<source>"), reply=Say(text=WHOLE)), Rule(reply=Say(text="Done.")))
    chosen = condensing(
        **{
            "anthropic: {host: anthropic}": "anthropic: {host: anthropic, regions: [eu]}",
            "deadlines:": "privacy: {sensitive: {regions: [eu]}}\ndeadlines:",
            "small: [anthropic/claude-haiku-4-5, openai/gpt-5-mini]": "small: [openai/gpt-5-mini]",
        }
    )
    text = LONG.replace("The weather", "My card is 4111 1111 1111 1111. The weather", 1)
    with gateway(tmp_path / "t.db", Script(rules=rules), chosen) as running:
        assert ask(running, "openai", text) == "Done."
        record = only(running)
    assert [step.model for step in record.steps] == ["anthropic/claude-sonnet-4-6"]
    assert any("no model that condenses may see this turn" in reason.text for reason in record.decision.reasons)


REFUND: Any = [
    {
        "name": "refund",
        "input_schema": {
            "type": "object",
            "properties": {
                "order_id": {"type": "string"},
                "amount": {"type": "number"},
                "speed": {"type": "string", "enum": ["fast", "slow"], "default": "slow"},
            },
            "required": ["order_id", "amount"],
        },
    },
    *TOOLS,
]
WISH = "Please refund order A-1182, 49,90 EUR."


def verifying(spec: str, **replace: str) -> Any:
    return policy(
        **{"direct: {tiers: [small], choose: listed}": f"direct: {{tiers: [small], choose: listed, verify: {spec}}}"}
        | replace
    )


def called(model: str, **arguments: Any) -> Rule:
    return Rule(when=When(model=model), reply=Say(calls=(SaidCall(name="refund", arguments=arguments),)))


def step(running: GatewayUnderTest, text: str = WISH, *, stream: bool = False) -> dict[str, Any]:
    messages: Any = [{"role": "user", "content": text}]
    with anthropic.Anthropic(api_key="k", base_url=running.base_url, max_retries=0) as client:
        if stream:
            with client.messages.stream(model="auto", max_tokens=300, messages=messages, tools=REFUND) as flow:
                reply: Any = flow.get_final_message()
        else:
            reply = client.messages.create(model="auto", max_tokens=300, messages=messages, tools=REFUND)
    [used] = [block for block in reply.content if block.type == "tool_use"]
    return dict(used.input)


RIGHT = {"order_id": "A1182", "amount": 49.9}


@STREAMS
@pytest.mark.parametrize(
    ("wrong", "finding"),
    [
        ({"order_id": "A-1182"}, "verify.schema"),
        ({"order_id": "A-1182", "amount": "much"}, "verify.schema"),
        ({"order_id": "B-2000", "amount": 49.9}, "verify.grounding"),
        ({"order_id": "A-1182", "amount": 499}, "verify.grounding"),
        ({"order_id": "A-1182", "amount": 49.9, "speed": "fast"}, "verify.agreement"),
    ],
)
def test_a_call_that_fails_its_check_is_made_again_by_a_stronger_model(
    tmp_path: Path, stream: bool, wrong: Any, finding: str
) -> None:
    rules = (
        called("claude-haiku*", **wrong),
        called("gpt-5-mini", **RIGHT, speed="slow"),
        called("claude-sonnet*", **RIGHT),
    )
    with gateway(tmp_path / "t.db", Script(rules=rules), verifying("{agreement: small}")) as running:
        assert step(running, stream=stream) == RIGHT
        record = only(running)
    assert (finding, False, "escalated") in checks(record)
    assert record.steps[-1].model == "anthropic/claude-sonnet-4-6"
    assert ("verify", MINI) in calls(record) or finding != "verify.agreement"
    assert record.cost_usd is not None


@STREAMS
def test_a_call_on_which_two_models_agree_is_released(tmp_path: Path, stream: bool) -> None:
    rules = (called("claude-haiku*", **RIGHT), called("gpt-5-mini", order_id="a-1182", amount=49.9, speed="slow"))
    with gateway(tmp_path / "t.db", Script(rules=rules), verifying("{agreement: small}")) as running:
        assert step(running, stream=stream) == RIGHT
        record = only(running)
    names = ["verify.schema", "verify.grounding", "verify.agreement"]
    assert checks(record) == [(name, True, "released") for name in names]
    assert sorted(calls(record)) == [("reply", HAIKU), ("verify", MINI)]


def test_a_second_model_that_is_down_agrees_with_nothing(tmp_path: Path) -> None:
    rules = (
        called("claude-haiku*", **RIGHT),
        Rule(when=When(model="gpt-5-mini"), fault=Fault(kind="status", status=500)),
        called("claude-sonnet*", **RIGHT),
    )
    with gateway(tmp_path / "t.db", Script(rules=rules), verifying("{agreement: small}")) as running:
        assert step(running) == RIGHT
        assert ("verify.agreement", False, "escalated") in checks(only(running))


def test_a_write_that_nobody_stronger_can_make_is_not_released(tmp_path: Path) -> None:
    rules = (called("*", order_id="B-2000", amount=1),)
    chosen = verifying("{grounding: true}", **{"deadlines:": "limits: {allow: {default: [small]}}\ndeadlines:"})
    with gateway(tmp_path / "t.db", Script(rules=rules), chosen) as running:
        with pytest.raises(anthropic.APIStatusError):
            step(running)
        record = only(running)
    assert ("verify.grounding", False, "failed") in checks(record)
    assert record.error_code == "contract_violated"


def test_only_writes_are_checked_where_the_policy_says_so(tmp_path: Path) -> None:
    read = Rule(reply=Say(calls=(SaidCall(name="get_order", arguments={"order_id": "Z-9999"}),)))
    with gateway(
        tmp_path / "t.db", Script(rules=(read,)), verifying("{only_writes: true, agreement: small}")
    ) as running:
        assert step(running) == {"order_id": "Z-9999"}
        record = only(running)
    assert checks(record) == []
    assert calls(record) == [("reply", HAIKU)]


def sorting(more: str = "", **replace: str) -> Any:
    line = f"llm_router: {{model: openai/gpt-5-mini{more}}}"
    routes = "tools: {tiers: [small], choose: listed}"
    swaps = {
        "default_route: direct": f"default_route: direct\n{line}",
        routes: "tools: {tiers: [mid], choose: listed}",
        "small: [anthropic/claude-haiku-4-5, openai/gpt-5-mini]": "small: [anthropic/claude-haiku-4-5]",
        "  plan: {tiers: [flagship]}": "  plan: {tiers: [flagship], worker: none}",
    }
    return policy(**swaps | replace)


VAGUE = "zxcv qwer"
SORTED = {"route": "plan", "intent": "refund", "risk": "high", "confidence": 0.9}


def sorted_by(said: Say | None, fault: Fault | None = None) -> Script:
    return Script(rules=(Rule(when=When(model="gpt-5-mini"), reply=said, fault=fault), Rule(reply=Say(text="Done."))))


@SDKS
@STREAMS
@pytest.mark.parametrize(
    ("said", "route"),
    [
        (SORTED, "plan"),
        ({**SORTED, "route": "direct", "risk": "low"}, "direct"),
        ({**SORTED, "route": "direct", "risk": "high"}, "tools"),
    ],
)
def test_a_model_sorts_what_nothing_else_recognised(
    tmp_path: Path, sdk: str, stream: bool, said: Any, route: str
) -> None:
    with gateway(tmp_path / "t.db", sorted_by(Say(json=said)), sorting()) as running:
        assert ask(running, sdk, VAGUE, stream=stream) == "Done."
        record = only(running)
    assert record.decision.route == route
    assert calls(record)[0] == ("route", MINI)
    assert len(record.steps) == 2
    assert record.decision.confidence is None
    assert checks(record) == [("route.claim", True, "released")]
    assert record.prepared_ms is not None
    assert any(reason.kind == "llm_router" and "claims" in reason.text for reason in record.decision.reasons)


@pytest.mark.parametrize(
    ("said", "fault", "more"),
    [
        (Say(text="I would say: plan."), None, ""),
        (Say(json={**SORTED, "route": "moon"}), None, ""),
        (Say(json={**SORTED, "confidence": 7}), None, ""),
        (Say(refusal="No."), None, ""),
        (None, Fault(kind="status", status=500), ""),
        (None, Fault(kind="stall"), ", timeout_ms: 150"),
        (Say(json=SORTED), None, ", max_usd: 0.000001"),
    ],
)
def test_doubt_goes_up(tmp_path: Path, said: Say | None, fault: Fault | None, more: str) -> None:
    with gateway(tmp_path / "t.db", sorted_by(said, fault), sorting(more)) as running:
        assert ask(running, "openai", VAGUE, stream=True) == "Done."
        record = only(running)
    assert record.decision.route == "tools"
    assert record.steps[-1].model == "anthropic/claude-sonnet-4-6"
    assert any(reason.name == "up" for reason in record.decision.reasons)


def test_what_a_rule_decided_is_not_asked(tmp_path: Path) -> None:
    rule = "llm_router: {model: openai/gpt-5-mini}\nrules:\n  - {name: all, when: 'size.tokens > 0', floor: tools}"
    chosen = sorting(**{"llm_router: {model: openai/gpt-5-mini}": rule})
    with gateway(tmp_path / "t.db", sorted_by(Say(json={**SORTED, "route": "direct"})), chosen) as running:
        ask(running, "openai", VAGUE)
        record = only(running)
    assert calls(record) == [("reply", "anthropic/claude-sonnet-4-6")]


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
