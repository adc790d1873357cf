"""A second call beside a slow one: the first content wins, the other is cut and paid for, and only a share of turns has one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import anthropic
import openai
import pytest

from pointsman.emulator.script import Fault, Pace, Rule, Say, Script, When
from pointsman.routing.policy import Policy, parse_policy
from pointsman.store import open_store
from pointsman.store.spend import list_spend
from support.gateway import POLICY, GatewayUnderTest, gateway
from support.wire import eventually

ASK: Any = [{"role": "user", "content": "What are your opening hours?"}]
HAIKU, MINI, SONNET = "anthropic/claude-haiku-4-5", "openai/gpt-5-mini", "anthropic/claude-sonnet-4-6"
SLOW = Rule(when=When(model="claude-*"), reply=Say(text="I think."), pace=Pace(ttft_ms=1500))
QUICK = Rule(reply=Say(text="Nine to five."))
DEAD = Fault(kind="stall", seconds=20)
DOWN = Fault(kind="status", status=500)


def hedged(share: float = 1, more: str = "", after_ms: int = 100, first_token_s: float = 2) -> Policy:
    text = POLICY.replace("first_token_s: 2", f"first_token_s: {first_token_s}")
    return parse_policy(text + f"hedge: {{after_ms: {after_ms}, max_share: {share}}}\n" + more, "test.yaml")


def ask_openai(running: GatewayUnderTest, **more: Any) -> str:
    with openai.OpenAI(api_key="k", base_url=running.openai_url, max_retries=0, timeout=20) as client:
        asked: Any = {"model": "auto", "messages": ASK, "stream": True, **more}
        return "".join(c.choices[0].delta.content or "" for c in client.chat.completions.create(**asked) if c.choices)


def ask_anthropic(running: GatewayUnderTest) -> str:
    with (
        anthropic.Anthropic(api_key="k", base_url=running.base_url, max_retries=0, timeout=20) as client,
        client.messages.stream(model="auto", max_tokens=200, messages=ASK) as events,
    ):
        return events.get_final_text()


def calls(running: GatewayUnderTest) -> list[tuple[str, str]]:
    (record,) = running.turns()
    return [(step.model, step.status) for step in record.steps]


def held(path: Path) -> list[int]:
    """Return what is still reserved once the gateway has gone."""
    at = datetime.now(UTC)
    with open_store(f"sqlite:///{path}/t.db") as store:
        return [line.held for line in list_spend(store, at.strftime("%Y-%m-%d"), at.strftime("%Y-%m"))]


@pytest.mark.parametrize("ask", [ask_openai, ask_anthropic])
def test_the_first_content_wins_and_the_other_call_is_cut(tmp_path: Path, ask: Any) -> None:
    with gateway(tmp_path / "t.db", Script(rules=(SLOW, QUICK)), hedged()) as running:
        assert ask(running) == "Nine to five."
        (record,) = running.turns()
        assert calls(running) == [(HAIKU, "cancelled"), (MINI, "ok")]
        cut, answered = record.steps
        assert cut.error_text == "another model showed its first content sooner"
        assert cut.estimated
        assert record.cost_usd == (cut.cost_usd or 0) + (answered.cost_usd or 0)
        assert record.ttft_ms is not None
        assert record.ttft_ms > 100, "the wait before the second call is a part of the customer's wait"
        assert eventually(lambda: running.tasks() <= 4 or None)


def test_a_quick_model_is_asked_alone(tmp_path: Path) -> None:
    with gateway(tmp_path / "t.db", Script(rules=(QUICK,)), hedged(after_ms=1900)) as running:
        assert ask_openai(running) == "Nine to five."
        assert calls(running) == [(HAIKU, "ok")]


def test_the_slow_one_may_still_win(tmp_path: Path) -> None:
    late = Rule(when=When(model="claude-*"), reply=Say(text="I think."), pace=Pace(ttft_ms=300))
    rules = (late, Rule(reply=Say(text="Nine to five."), pace=Pace(ttft_ms=5000)))
    with gateway(tmp_path / "t.db", Script(rules=rules), hedged()) as running:
        assert ask_openai(running) == "I think."
        assert calls(running) == [(MINI, "cancelled"), (HAIKU, "ok")]


@pytest.mark.parametrize(
    ("more", "policy"),
    [
        ({"stream": False}, hedged()),
        ({"model": HAIKU}, hedged()),
        ({}, hedged(more="fallback: {max_attempts: 1}\n")),
        ({}, parse_policy(POLICY, "test.yaml")),
        ({}, hedged(share=0.05, more="budgets: {caps: [{of: all, per: day, usd: 0.0013}], max_output_tokens: 200}\n")),
    ],
    ids=["whole", "pinned", "one call in all", "off", "no money for two"],
)
def test_where_there_is_no_second_call(tmp_path: Path, more: Any, policy: Policy) -> None:
    slow = Rule(when=When(model="claude-*"), reply=Say(text="I think."), pace=Pace(ttft_ms=300))
    never = Rule(fault=DOWN)
    with gateway(tmp_path / "t.db", Script(rules=(slow, never)), policy) as running:
        if more.get("stream", True):
            assert ask_openai(running, **more) == "I think."
        else:
            with openai.OpenAI(api_key="k", base_url=running.openai_url, max_retries=0) as client:
                client.chat.completions.create(model="auto", messages=ASK)
        assert calls(running) == [(HAIKU, "ok")]


def test_a_tool_loop_stays_with_its_model(tmp_path: Path) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "get_order", "arguments": "{}"}}
    loop = [
        *ASK,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "open"},
    ]
    tools = [{"type": "function", "function": {"name": "get_order", "parameters": {"type": "object"}}}]
    slow = Rule(reply=Say(text="It is open."), pace=Pace(ttft_ms=300))
    with gateway(tmp_path / "t.db", Script(rules=(slow,)), hedged()) as running:
        assert ask_openai(running, messages=loop, tools=tools) == "It is open."
        assert calls(running) == [(HAIKU, "ok")]


def test_only_a_share_of_turns_has_a_second_call(tmp_path: Path) -> None:
    slow = Rule(when=When(model="claude-*"), reply=Say(text="I think."), pace=Pace(ttft_ms=250))
    with gateway(tmp_path / "t.db", Script(rules=(slow, QUICK)), hedged(share=0.1)) as running:

        async def burst() -> None:
            body = {"model": "auto", "stream": True, "messages": ASK}
            async with aiohttp.ClientSession() as session:

                async def one() -> None:
                    async with session.post(running.openai_url + "/chat/completions", json=body) as answer:
                        await answer.read()

                await asyncio.gather(*(one() for _ in range(40)))

        asyncio.run(burst())
        twice = [turn for turn in running.turns() if len(turn.steps) == 2]
        assert 1 <= len(twice) <= 1 + 4


@pytest.mark.parametrize(
    ("first", "second", "ends"),
    [
        (DEAD, DOWN, "provider_timeout"),
        (Fault(kind="status", status=529), QUICK, "Nine to five."),
        (Fault(kind="stall", seconds=20), QUICK, "Nine to five."),
    ],
    ids=["both fail", "the first fails at once", "the slow one is dead"],
)
def test_failures(tmp_path: Path, first: Fault, second: Any, ends: str) -> None:
    rules = (
        Rule(when=When(model="claude-*"), fault=first, pace=Pace(head_ms=200)),
        second if isinstance(second, Rule) else Rule(fault=second),
    )
    policy = hedged(more="budgets: {caps: [{of: all, per: day, usd: 10}]}\n", first_token_s=0.5)
    with gateway(tmp_path / "t.db", Script(rules=rules), policy) as running:
        if ends == "provider_timeout":
            with pytest.raises(openai.APIStatusError) as caught:
                ask_openai(running)
            assert caught.value.code == ends
            tried = [model for model, status in calls(running) if status == "error"]
            assert tried == [MINI, HAIKU, SONNET], "neither of the two is asked again"
        else:
            assert ask_openai(running) == ends
            assert calls(running)[-1] == (MINI, "ok")
    assert held(tmp_path) == [0]


def test_a_client_that_leaves_ends_both(tmp_path: Path) -> None:
    dead = Script(rules=(Rule(fault=DEAD),))
    policy = hedged(more="budgets: {caps: [{of: all, per: day, usd: 10}]}\n")
    with gateway(tmp_path / "t.db", dead, policy) as running:

        async def leave() -> None:
            body = {"model": "auto", "stream": True, "messages": ASK}
            async with aiohttp.ClientSession() as session:
                asked = asyncio.ensure_future(session.post(running.openai_url + "/chat/completions", json=body))
                emulator = running.emulator
                assert emulator is not None
                assert await asyncio.to_thread(eventually, lambda: len(emulator.requests) == 2)
                asked.cancel()
                await asyncio.gather(asked, return_exceptions=True)

        asyncio.run(leave())
        assert eventually(running.turns)
        assert sorted(calls(running)) == [(HAIKU, "cancelled"), (MINI, "cancelled")]
        assert running.turns()[0].status == "cancelled"
    assert held(tmp_path) == [0]
