"""Inbound and outbound codecs of one dialect are inverses: what a client asks arrives, what a provider says returns."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pointsman.catalog.models import Model, PromptCache
from pointsman.catalog.models import Reasoning as Thinks
from pointsman.domain.message import Reasoning, Refusal, Text, ToolCall
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.domain.usage import Usage
from pointsman.execution.assemble import Assembler, events_of
from pointsman.providers.anthropic import Anthropic
from pointsman.providers.openai_chat import OpenAIChat
from pointsman.providers.seam import Endpoint
from pointsman.server.gateway.anthropic import AnthropicInbound
from pointsman.server.gateway.openai_chat import OpenAIChatInbound

ABLE: dict[str, Any] = {
    "context_window": 100_000,
    "max_output": 10_000,
    "modalities": ("text", "image", "pdf", "audio"),
    "tools": True,
    "structured_output": "json_schema",
    "cache": PromptCache("marked"),
    "system_turns": True,
}
GPT = Model("openai/m", "openai", "m", "mid", reasoning=Thinks("effort", ("none", "low", "high")), **ABLE)
CLAUDE = Model("anthropic/m", "anthropic", "m", "mid", reasoning=Thinks("budget"), **ABLE)
OPENAI = Endpoint("openai", "openai", "openai_chat", "http://127.0.0.1:1")
ANTHROPIC = Endpoint("anthropic", "anthropic", "anthropic", "http://127.0.0.1:1")
SCHEMA = {
    "type": "object",
    "properties": {"id": {"type": "integer"}},
    "required": ["id"],
    "additionalProperties": False,
}


def test_an_openai_request_goes_out_as_it_came_in() -> None:
    function = {"name": "get_order", "description": "d", "parameters": SCHEMA, "strict": True}
    call = {"id": "call_1", "type": "function", "function": {"name": "get_order", "arguments": '{"id":1}'}}
    asked = {
        "model": "m",
        "tools": [{"type": "function", "function": function}],
        "messages": [
            {"role": "system", "content": "be kind"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "look"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,YWJj", "detail": "low"}},
                    {"type": "input_audio", "input_audio": {"data": "YWJj", "format": "mp3"}},
                    {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,YWJj"}},
                ],
            },
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "sent"},
            {"role": "assistant", "content": "It was sent.", "refusal": "no more"},
            {"role": "user", "content": "Thanks"},
        ],
        "max_completion_tokens": 50,
        "stop": ["END"],
        "temperature": 0.5,
        "seed": 3,
        "tool_choice": {"type": "function", "function": {"name": "get_order"}},
        "parallel_tool_calls": False,
        "response_format": {"type": "json_schema", "json_schema": {"name": "r", "schema": SCHEMA, "strict": True}},
        "stream": True,
        "stream_options": {"include_usage": True},
        "user": "u1",
        "verbosity": "low",
    }
    turn = OpenAIChatInbound().decode_request(json.dumps(asked).encode(), {}).turn
    sent = OpenAIChat().encode(turn, GPT, OPENAI)
    assert json.loads(sent.body) == asked
    assert sent.dropped == ()


def test_an_anthropic_request_goes_out_as_it_came_in() -> None:
    mark = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    asked = {
        "model": "m",
        "tools": [{"name": "get_order", "description": "d", "input_schema": SCHEMA, "strict": True} | mark],
        "system": [{"type": "text", "text": "be kind"} | mark],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "look"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "YWJj"}},
                    {
                        "type": "document",
                        "source": {"type": "text", "media_type": "text/plain", "data": "é"},
                        "title": "t",
                    },
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "sig"},
                    {"type": "redacted_thinking", "data": "opaque"},
                    {"type": "tool_use", "id": "a", "name": "get_order", "input": {"id": 1}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "a",
                        "content": [{"type": "text", "text": "lost"}],
                        "is_error": True,
                    },
                    {"type": "text", "text": "and?"},
                ],
            },
        ],
        "max_tokens": 5000,
        "stop_sequences": ["END"],
        "thinking": {"type": "enabled", "budget_tokens": 2048},
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
        "service_tier": "auto",
        "stream": True,
    }
    headers = {"anthropic-version": "2023-06-01", "anthropic-beta": "x"}
    turn = AnthropicInbound().decode_request(json.dumps(asked).encode(), headers).turn
    sent = Anthropic().encode(turn, CLAUDE, ANTHROPIC)
    assert json.loads(sent.body) == asked
    assert sent.dropped == ()
    assert {name: sent.headers[name] for name in headers} == headers


REPLIES = [
    Reply("id_1", "m", (Text("Hi"),), "end_turn", Usage(3, 4, 0, 0, 0, 0), created=7),
    Reply("id_1", "m", (Text("x"), ToolCall("a", "f", '{"b": 1.0}'), ToolCall("c", "g", "{}")), "tool_use", created=7),
    Reply("id_1", "m", (Text("cut"),), "max_tokens", Usage(10, 9, 4, 6, 1, 2), created=7),
]


@pytest.mark.parametrize("reply", REPLIES)
def test_our_own_decoders_read_what_clients_get(reply: Reply) -> None:
    turn = Turn(())
    ours = OpenAIChat().decode_reply(OpenAIChatInbound().encode_reply(reply, turn, "openai/m"), {})
    assert (ours.id, ours.model, ours.parts, ours.stop_reason) == (reply.id, "openai/m", reply.parts, reply.stop_reason)
    assert ours.created == 7
    theirs = Anthropic().decode_reply(AnthropicInbound().encode_reply(reply, turn, "anthropic/m"), {})
    assert (theirs.id, theirs.parts, theirs.stop_reason) == (reply.id, reply.parts, reply.stop_reason)
    if reply.usage is not None:
        assert ours.usage is not None
        assert theirs.usage == reply.usage
        assert (ours.usage.prompt, ours.usage.output) == (reply.usage.prompt, reply.usage.output)


@pytest.mark.parametrize("reply", REPLIES)
def test_our_own_stream_decoders_read_what_clients_get(reply: Reply) -> None:
    turn = Turn((), stream=True, include_usage=True)
    for inbound, outbound in ((OpenAIChatInbound(), OpenAIChat()), (AnthropicInbound(), Anthropic())):
        encoder = inbound.encoder(turn, "anthropic/m", reply.id)
        data = encoder.encode(events_of(reply)) + encoder.terminal()
        decoder = outbound.decoder({})
        assembler = Assembler("anthropic/m")
        assembler.add(decoder.feed(data) + decoder.close())
        found = assembler.reply()
        assert decoder.done
        told = [(type(part), getattr(part, "text", None), getattr(part, "arguments", None)) for part in found.parts]
        assert told == [
            (type(part), getattr(part, "text", None), getattr(part, "arguments", None)) for part in reply.parts
        ]
        assert (found.id, found.stop_reason) == (reply.id, reply.stop_reason)


def test_thinking_and_refusals_return_to_where_they_came_from() -> None:
    thought = Reply("i", "m", (Reasoning("anthropic/m", "hm", "sig"), Text("x")), "end_turn")
    body = AnthropicInbound().encode_reply(thought, Turn(()), "anthropic/m")
    found = Anthropic().decode_reply(body, {}).parts[0]
    assert isinstance(found, Reasoning)
    assert (found.text, found.state) == ("hm", "sig")
    refused = Reply("i", "m", (Refusal("no"),), "end_turn")
    body = OpenAIChatInbound().encode_reply(refused, Turn(()), "openai/m")
    assert OpenAIChat().decode_reply(body, {}).parts == (Refusal("no"),)
