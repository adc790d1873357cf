"""Whatever bytes arrive, a decoder answers with a turn or with ``RequestError``: nothing else may reach the app."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.errors import RequestError
from pointsman.server.gateway.anthropic import AnthropicInbound
from pointsman.server.gateway.body import MAX_DEPTH
from pointsman.server.gateway.openai_chat import OpenAIChatInbound

DIALECTS = (OpenAIChatInbound(now=lambda: 1.0), AnthropicInbound())
WORDS = [
    "model", "messages", "max_tokens", "role", "content", "type", "text", "user", "assistant", "system", "tool", "tools",
    "tool_calls", "tool_choice", "tool_use", "tool_result", "tool_use_id", "tool_call_id", "id", "function", "name",
    "arguments", "input", "image_url", "image", "url", "source", "data", "file", "thinking", "signature", "stop", "metadata",
    "response_format", "json_schema", "schema", "input_schema", "cache_control", "ephemeral", "user_id", "auto",
    "stream_options", "logit_bias", "data:image/png;base64,YQ==", "output_config", "budget_tokens", "enabled",
]  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS) | st.text(max_size=8)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=6),
    max_leaves=25,
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system", "tool", "developer", "function"])},
    optional={"content": VALUES, "tool_calls": VALUES, "tool_call_id": SCALARS},
)
REQUIRED = st.fixed_dictionaries(
    {"model": st.just("auto"), "max_tokens": st.just(9), "messages": st.lists(MESSAGE, max_size=4) | VALUES}
)
BODY = st.builds(
    lambda more, required: more | required, st.dictionaries(st.sampled_from(WORDS), VALUES, max_size=4), REQUIRED
)


def decode(body: bytes) -> None:
    for dialect in DIALECTS:
        with contextlib.suppress(RequestError):
            dialect.decode_request(body, {})


@given(st.binary(max_size=200))
def test_arbitrary_bytes(body: bytes) -> None:
    decode(body)


@settings(max_examples=60, deadline=None)
@given(BODY)
def test_arbitrary_json_in_the_right_places(body: dict[str, Any]) -> None:
    decode(json.dumps(body).encode())
    decode(json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"{",
        b'{"model":NaN}',
        b'{"model":"\xff"}',
        b'\xef\xbb\xbf{"model":"auto"}',
        b'{"model":"auto","x":"\\ud800","messages":[{"role":"user","content":"x"}],"max_tokens":1}',
        b'{"model":"auto","temperature":1e999,"messages":[{"role":"user","content":"x"}],"max_tokens":1}',
        b'{"model":"auto"} {"model":"auto"}',
        b"[" * 1_000_000,
        b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=lambda body: repr(body[:24]),
)
def test_broken_bodies_are_request_errors(dialect: Any, body: bytes) -> None:
    with pytest.raises(RequestError):
        dialect.decode_request(body, {})


def nested(levels: int) -> bytes:
    deep = "[" * levels + "]" * levels
    text = json.dumps('[{"\\' * 500)
    return f'{{"model":"auto","max_tokens":1,"messages":[{{"role":"user","content":{text}}}],"x":{deep}}}'.encode()


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_depth_is_bounded_and_brackets_in_text_do_not_count(dialect: Any) -> None:
    assert dialect.decode_request(nested(MAX_DEPTH - 1), {}).turn.extras
    with pytest.raises(RequestError, match="nested deeper"):
        dialect.decode_request(nested(2 * MAX_DEPTH + 1), {})


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_the_byte_at_fault_is_named(dialect: Any) -> None:
    with pytest.raises(RequestError, match=r"not valid UTF-8 at byte 10"):
        dialect.decode_request(b'{"model":"\xff"}', {})
