"""Turns through the SDKs on every route, and how their records are looked at."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import anthropic
import openai
import pytest

from pointsman.domain.record import TurnRecord
from pointsman.emulator.script import Rule, SaidCall, Say, When
from support.gateway import GatewayUnderTest, policy

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


TOOLS: Any = [
    {
        "name": "cancel_order",
        "description": "Cancel an order",
        "input_schema": {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]},
    },
    {"name": "get_order", "input_schema": {"type": "object", "properties": {"order_id": {"type": "string"}}}},
]


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
