"""The calls of strict tools: mended, asked for again, taken elsewhere, or a typed error; with both SDKs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from pointsman.emulator.script import Rule, SaidCall, Say, Script, When
from pointsman.store.rejections import list_rejections
from support.gateway import POLICY, GatewayUnderTest, gateway, policy
from support.wire import eventually

SCHEMA = {
    "type": "object",
    "properties": {"order": {"type": "string"}, "action": {"type": "string", "enum": ["refund", "keep"]}},
    "required": ["order", "action"],
    "additionalProperties": False,
}
GOOD = {"order": "A-1", "action": "refund"}
MENDED = "```json\n{'order': 'A-1', 'action': 'refund',}\n```"
WRONG = '{"order": "A-1", "action": "Refund"}'
ASK: Any = [{"role": "user", "content": "Please refund my order A-1 now."}]
MINI, SONNET = When(model="gpt-5-mini*"), When(model="claude-sonnet-4-6*")
CHOSEN = policy(POLICY.replace("[anthropic/claude-haiku-4-5, openai/gpt-5-mini]", "[openai/gpt-5-mini]"))


def calling(*calls: tuple[When, str]) -> Script:
    """A script: each model makes its calls in their order, the last one again and again."""
    said = [(when, Say(calls=(SaidCall(name="settle", arguments=text),))) for when, text in calls]
    rules = [Rule(when=when, reply=say, times=1) for when, say in said]
    return Script(rules=(*rules, Rule(reply=said[-1][1])))


def ask_openai(running: GatewayUnderTest, *, strict: bool = True, **more: Any) -> Any:
    function = {"name": "settle", "parameters": SCHEMA, "strict": strict}
    with openai.OpenAI(api_key="k", base_url=running.openai_url, max_retries=0) as client:
        asked: Any = {"model": "auto", "messages": ASK, "tools": [{"type": "function", "function": function}], **more}
        said: Any = client.chat.completions.create(**asked).choices[0].message
        (call,) = said.tool_calls
        return call.function.arguments


def ask_anthropic(running: GatewayUnderTest) -> Any:
    tool: Any = {"name": "settle", "input_schema": SCHEMA, "strict": True}
    with anthropic.Anthropic(api_key="k", base_url=running.base_url, max_retries=0) as client:
        said = client.messages.create(model="auto", max_tokens=500, messages=ASK, tools=[tool])
        (block,) = [one for one in said.content if one.type == "tool_use"]
        assert said.stop_reason == "tool_use"
        return json.dumps(block.input)


@pytest.mark.parametrize("ask", [ask_openai, ask_anthropic])
@pytest.mark.parametrize(
    ("calls", "actions", "models"),
    [
        ([(MINI, json.dumps(GOOD))], ["released"], ["gpt-5-mini"]),
        ([(MINI, MENDED)], ["repaired"], ["gpt-5-mini"]),
        ([(MINI, WRONG), (MINI, json.dumps(GOOD))], ["retried", "released"], ["gpt-5-mini"] * 2),
        (
            [(MINI, WRONG), (MINI, '{"order": "A-'), (SONNET, json.dumps(GOOD))],
            ["retried", "escalated", "released"],
            ["gpt-5-mini", "gpt-5-mini", "claude-sonnet-4-6"],
        ),
    ],
    ids=["good", "mended", "again", "elsewhere"],
)
def test_a_strict_call_is_held_to_its_schema(
    tmp_path: Path, ask: Any, calls: Any, actions: list[str], models: list[str]
) -> None:
    with gateway(tmp_path / "s.db", calling(*calls), CHOSEN) as running:
        assert json.loads(ask(running)) == GOOD
        (record,) = running.turns()
        assert [check.action for check in record.checks] == actions
        assert [step.model.split("/")[1] for step in record.steps] == models
        if actions != ["released"]:
            kept = eventually(lambda: list_rejections(running.router.store))
            assert {one.contract for one in kept} == {"settle"}


def test_calls_and_replies_are_held_together(tmp_path: Path) -> None:
    said = f"```json\n{json.dumps(GOOD)}\n```"
    script = Script(rules=(*calling((MINI, WRONG), (MINI, WRONG)).rules[:2], Rule(when=SONNET, reply=Say(text=said))))
    wanted = {"type": "json_schema", "json_schema": {"name": "triage", "schema": SCHEMA, "strict": True}}
    tool = {"type": "function", "function": {"name": "settle", "parameters": SCHEMA, "strict": True}}
    with gateway(tmp_path / "s.db", script, CHOSEN) as running:
        with openai.OpenAI(api_key="k", base_url=running.openai_url, max_retries=0) as client:
            asked: Any = {"model": "auto", "messages": ASK, "tools": [tool], "response_format": wanted}
            assert client.chat.completions.create(**asked).choices[0].message.content == json.dumps(GOOD)
        (record,) = running.turns()
        assert [check.action for check in record.checks] == ["retried", "escalated", "repaired"]


def test_when_no_model_calls_it_right_the_error_is_typed(tmp_path: Path) -> None:
    with gateway(tmp_path / "s.db", calling((MINI, WRONG)), CHOSEN) as running:
        with pytest.raises(openai.APIStatusError, match="no model called settle") as caught:
            ask_openai(running)
        assert caught.value.code == "contract_violated"


def test_a_call_that_is_not_strict_comes_as_the_model_wrote_it(tmp_path: Path) -> None:
    with gateway(tmp_path / "s.db", calling((MINI, WRONG)), CHOSEN) as running:
        assert ask_openai(running, strict=False) == WRONG
        (record,) = running.turns()
        assert not record.checks
