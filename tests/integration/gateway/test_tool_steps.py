"""Tool steps on a small model, the last word on the flagship."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anthropic
import openai

from pointsman.emulator.script import Rule, SaidCall, Say, Script, When
from support.gateway import GatewayUnderTest, gateway, policy
from support.routed import HAIKU, OPUS, SDKS, TOOLS

STEPS = """
sticky: {hold_in_tool_loop: false, steps: small, synthesis: flagship}
rules:
  - {name: never, when: size.tokens > 99999, floor: tools}
"""


@SDKS
def test_tool_steps_on_small_and_the_last_word_on_the_flagship(tmp_path: Path, sdk: str) -> None:
    """Predicted per step: tools are offered and seem needed; the last one failed; they have answered."""
    chosen = policy(**{"default_route: direct": f"default_route: direct{STEPS}", "worker: none": ""})
    rules = (
        Rule(when=When(results=False), reply=Say(calls=(SaidCall(name="get_order", arguments={"order_id": "1182"}),))),
        Rule(reply=Say(text="It is on its way.")),
    )
    with gateway(tmp_path / "t.db", Script(rules=rules), chosen) as running:
        if sdk == "anthropic":
            loop_anthropic(running)
        else:
            loop_openai(running)
        first, failed, last = running.turns()
    assert [turn.decision.model for turn in (first, failed, last)] == [HAIKU, HAIKU, OPUS]
    for turn, word in ((first, "a tool step"), (failed, "a tool step"), (last, "the final answer")):
        assert any(reason.name == "step" and f"predicted {word}" in reason.text for reason in turn.decision.reasons)


def loop_anthropic(running: GatewayUnderTest) -> None:
    messages: Any = [{"role": "user", "content": "Where is my order 1182? Please look it up."}]
    with anthropic.Anthropic(api_key="k", base_url=running.base_url, max_retries=0) as client:
        for error in (True, False, None):
            reply = client.messages.create(model="auto", max_tokens=99, messages=messages, tools=TOOLS)
            if error is None:
                return
            messages = messages[:1]
            messages.append({"role": "assistant", "content": [CALLED]})
            result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "sent", "is_error": error}
            messages.append({"role": "user", "content": [result]})
            assert reply.content


CALLED: Any = {"type": "tool_use", "id": "toolu_1", "name": "get_order", "input": {"order_id": "1182"}}


def loop_openai(running: GatewayUnderTest) -> None:
    messages: Any = [{"role": "user", "content": "Where is my order 1182? Please look it up."}]
    tools: Any = [
        {"type": "function", "function": {"name": one["name"], "parameters": one["input_schema"]}} for one in TOOLS
    ]
    call = {"id": "call_1", "type": "function", "function": {"name": "get_order", "arguments": '{"order_id": "1182"}'}}
    with openai.OpenAI(api_key="k", base_url=running.openai_url, max_retries=0) as client:
        for result in ('{"error": "timeout"}', '{"status": "sent"}', None):
            client.chat.completions.create(model="auto", messages=messages, tools=tools)
            if result is not None:
                messages = [
                    *messages[:1],
                    {"role": "assistant", "content": None, "tool_calls": [call]},
                    {"role": "tool", "tool_call_id": "call_1", "content": result},
                ]
