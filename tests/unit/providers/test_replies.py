"""Whole replies, and what is none."""

from __future__ import annotations

import msgspec
import pytest

from pointsman.domain.message import Reasoning, Refusal, Text, ToolCall
from pointsman.domain.reply import Reply
from pointsman.domain.usage import Usage
from pointsman.errors import ProviderError
from pointsman.providers.anthropic import Anthropic
from pointsman.providers.gemini import Gemini
from pointsman.providers.openai_chat import OpenAIChat
from pointsman.providers.seam import Dialect


def test_openai_reply() -> None:
    body = b"""{"id":"chatcmpl-1","object":"chat.completion","created":7,"model":"gpt-5.4","service_tier":"default",
     "choices":[{"index":0,"finish_reason":"stop","logprobs":null,"message":{"role":"assistant","content":null,"refusal":null,
     "reasoning":"hm","tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{\\"a\\":1}"}},
     {"type":"function","function":{"name":"mcp_pm2e_g","arguments":""}}]}}],
     "usage":{"prompt_tokens":20,"completion_tokens":9,"total_tokens":29,"completion_tokens_details":{"reasoning_tokens":4}}}"""

    assert OpenAIChat().decode_reply(body, {"x-request-id": "req-9"}) == Reply(
        "chatcmpl-1",
        "gpt-5.4",
        (Reasoning("", "hm"), ToolCall("call_1", "f", '{"a":1}'), ToolCall("call_chatcmpl-1_1", "mcp.g", "{}")),
        "tool_use",
        Usage(20, 9, reasoning=4),
        request_id="req-9",
        created=7,
    )


def test_openai_refusal() -> None:
    body = b'{"id":"c","model":"m","choices":[{"finish_reason":"stop","message":{"content":null,"refusal":"No."}}]}'
    assert OpenAIChat().decode_reply(body, {}) == Reply("c", "m", (Refusal("No."),), "refusal")


def test_anthropic_reply() -> None:
    body = b"""{"id":"msg_1","type":"message","role":"assistant","model":"claude-haiku-4-5",
     "content":[{"type":"thinking","thinking":"hm","signature":"Eq"},{"type":"text","text":"Hi"},{"type":"new_kind","x":1},
      {"type":"tool_use","id":"toolu_1","name":"f","input":{"a": 1.0}},{"type":"tool_use","id":"toolu_2","name":"g","input":{}}],
     "stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":12,"cache_creation_input_tokens":0,
     "cache_read_input_tokens":0,"output_tokens":3,"output_tokens_details":{"thinking_tokens":0},"service_tier":"standard"}}"""

    assert Anthropic().decode_reply(body, {"request-id": "req_1"}) == Reply(
        "msg_1",
        "claude-haiku-4-5",
        (Reasoning("", "hm", "Eq"), Text("Hi"), ToolCall("toolu_1", "f", '{"a": 1.0}'), ToolCall("toolu_2", "g", "{}")),
        "tool_use",
        Usage(12, 3, cache_read=0, cache_write=0, reasoning=0),
        request_id="req_1",
    )


def test_gemini_reply() -> None:
    body = b"""{"candidates":[{"index":0,"content":{"role":"model","parts":[{"text":"hm","thought":true},{"text":"hi"},
     {"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"c2ln"}]},"finishReason":"STOP"}],
     "usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":2},"modelVersion":"gemini-2.5-flash","responseId":"r1"}"""

    assert Gemini().decode_reply(body, {}) == Reply(
        "r1",
        "gemini-2.5-flash",
        (Reasoning("", "hm"), Text("hi"), ToolCall("call_r1_0", "f", '{"a":1}', origin_state="c2ln")),
        "tool_use",
        Usage(9, 2, cache_write=0),
        request_id="r1",
    )


def test_gemini_blocked_prompt() -> None:
    reply = Gemini().decode_reply(b'{"promptFeedback":{"blockReason":"SAFETY"}}', {})
    assert (reply.parts, reply.stop_reason) == ((), "refusal")


@pytest.mark.parametrize("dialect", [OpenAIChat(), Anthropic(), Gemini()], ids=lambda dialect: dialect.name)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"<html>",
        b'{"choices":[]}',
        b'{"choices":[{"index":0}]}',
        b'{"type":"message_batch"}',
        b"\xff",
    ],
)
def test_what_is_no_reply(dialect: Dialect, body: bytes) -> None:
    with pytest.raises(ProviderError) as caught:
        dialect.decode_reply(body, {})
    assert (caught.value.kind, caught.value.retry) == ("malformed_reply", "same")


@pytest.mark.parametrize("dialect", [OpenAIChat(), Anthropic(), Gemini()], ids=lambda dialect: dialect.name)
def test_an_error_inside_a_good_status(dialect: Dialect) -> None:
    with pytest.raises(ProviderError, match="out of order"):
        dialect.decode_reply(msgspec.json.encode({"error": {"message": "out of order", "type": "api_error"}}), {})
