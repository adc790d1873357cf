from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import jsonschema  # type: ignore[import-untyped] # its stubs are no dependency of ours
import pytest

from pointsman.emulator.script import Script
from pointsman.evaluation.conversation import recorded_turns
from pointsman.evaluation.demo_agents import AGENTS, AnthropicAgent, OpenAIAgent, Said
from pointsman.evaluation.demo_file import DemoFile, DemoTurn, load_demo, recorded
from pointsman.evaluation.demo_script import AT_ONCE, demo_script


@pytest.fixture(scope="module")
def demo() -> DemoFile:
    return load_demo()


@pytest.fixture(scope="module")
def turns(demo: DemoFile) -> list[DemoTurn]:
    return [turn for conversation in demo.conversations for turn in conversation.turns]


def test_the_demo_covers_what_a_support_team_meets(demo: DemoFile, turns: list[DemoTurn]) -> None:
    assert len(turns) == demo.turns >= 45
    assert {conversation.dialect for conversation in demo.conversations} == {"openai", "anthropic"}
    assert {conversation.channel for conversation in demo.conversations} == {"chat", "voice"}
    assert {conversation.stream for conversation in demo.conversations} == {True, False}
    assert sum(turn.fault == "outage" for turn in turns) == 1
    assert sum(turn.bad_reply is not None for turn in turns) == 1
    assert any(turn.image for turn in turns)
    assert any(len(step) > 1 for turn in turns for step in turn.steps), "calls asked for at once"
    assert max(len(turn.said.encode()) for turn in turns) / 4 >= 2000, "a long transcript"


def test_no_two_turns_look_alike_to_a_model_server(demo: DemoFile) -> None:
    seen = Counter(
        (turn.said, number) for conversation in demo.conversations for number, turn in enumerate(conversation.turns)
    )

    assert [key for key, times in seen.items() if times > 1] == []


def test_every_call_fits_its_tool(demo: DemoFile, turns: list[DemoTurn]) -> None:
    schemas = {tool.name: tool.parameters for tool in demo.tools}

    for turn in turns:
        for step in turn.steps:
            for call in step:
                jsonschema.validate(call.arguments, schemas[call.name])


def test_the_good_json_replies_fit_their_schema_and_the_bad_one_is_no_json(turns: list[DemoTurn]) -> None:
    for turn in turns:
        if turn.schema is not None:
            jsonschema.validate(json.loads(turn.reply), turn.schema)
        if turn.bad_reply is not None:
            with pytest.raises(json.JSONDecodeError):
                json.loads(turn.bad_reply)


def test_recordings_hold_every_turn_with_its_calls_and_reply(demo: DemoFile) -> None:
    for conversation, source in zip(recorded(demo), demo.conversations, strict=True):
        found = list(recorded_turns(conversation))
        assert [one.turn.messages[-1].text for one in found] == [turn.said for turn in source.turns]
        assert [one.answer[-1].text for one in found] == [turn.reply for turn in source.turns]
        assert [len(one.answer) for one in found] == [1 + 2 * len(turn.steps) for turn in source.turns]


def test_the_script_answers_each_turn_by_a_rule_of_its_own(demo: DemoFile) -> None:
    script = demo_script(demo, down="openai", pace=AT_ONCE)
    final = {rule.name: rule for rule in script.rules}

    for conversation in demo.conversations:
        for number, turn in enumerate(conversation.turns):
            rule = final[f"{conversation.id}-{number + 1}"]
            assert rule.reply is not None
            assert (rule.when.turn, rule.reply.text) == (number, turn.reply)
            assert rule.when.matches is not None
            assert re.search(rule.when.matches, f"{turn.said}\n")


def test_the_outage_hits_one_dialect_only(demo: DemoFile) -> None:
    script: Script = demo_script(demo, down="anthropic")

    assert [(rule.when.dialect, rule.fault.status) for rule in script.rules if rule.fault] == [("anthropic", 503)]


STREAMS: dict[str, list[dict[str, Any]]] = {
    "openai": [
        {"choices": [{"delta": {"role": "assistant", "content": "Let "}}]},
        {"choices": [{"delta": {"content": "me see"}}]},
        {
            "choices": [
                {"delta": {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "look", "arguments": ""}}]}}
            ]
        },
        {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": '{"a":1}'}}]}}]},
        {"choices": [], "usage": {}},
    ],
    "anthropic": [
        {"type": "message_start", "message": {}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Let me see"}},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "c1", "name": "look"}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"a":1}'}},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
    ],
}


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_an_agent_reads_a_streamed_call(demo: DemoFile, dialect: str) -> None:
    agent = AGENTS[dialect](demo.system, demo.tools)

    assert agent.read_stream(STREAMS[dialect]) == Said("Let me see", (("c1", "look", '{"a":1}'),))


def test_the_openai_agent_answers_each_call_in_a_message_of_its_own(demo: DemoFile) -> None:
    agent = OpenAIAgent("Be kind.", demo.tools)
    agent.hear("Where is it?", image=False)
    agent.keep(Said("", (("c1", "look", "{}"), ("c2", "look", "{}"))), ["there", "here"])

    roles = [message["role"] for message in agent.request(stream=False, schema=None)["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "tool"]


def test_the_anthropic_agent_answers_all_calls_in_one_message(demo: DemoFile) -> None:
    agent = AnthropicAgent("Be kind.", demo.tools)
    agent.hear("Where is it?", image=True)
    agent.keep(Said("Wait.", (("c1", "look", '{"a": 1}'), ("c2", "look", "{}"))), ["there", "here"])

    body = agent.request(stream=True, schema=None)
    assert body["system"] == "Be kind."
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]
    assert [block["type"] for block in body["messages"][0]["content"]] == ["image", "text"]
    assert [block["tool_use_id"] for block in body["messages"][2]["content"]] == ["c1", "c2"]
