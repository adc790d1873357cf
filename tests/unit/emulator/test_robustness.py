"""Law: whatever a client sends, it gets an answer in its dialect; nothing crashes."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.emulator.app import Emulator
from support.emulated import KEYS, post

SCHEMA = {
    "type": "object",
    "properties": {
        "order_id": {"type": "string"},
        "kinds": {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 1},
    },
    "required": ["order_id", "kinds"],
    "additionalProperties": False,
}
OPENAI = {
    "model": "gpt-4o",
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "order 10023"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "{}"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "response_format": {"type": "text"},
    "stream": True,
    "stream_options": {"include_usage": True},
    "n": 2,
    "stop": ["a"],
}
ANTHROPIC = {
    "model": "claude-sonnet-4-6",
    "max_tokens": 2000,
    "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {"role": "user", "content": "order 10023"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "{}"}]},
    ],
    "tools": [{"name": "f", "input_schema": SCHEMA}],
    "tool_choice": {"type": "auto"},
    "thinking": {"type": "adaptive"},
    "output_config": {"effort": "low"},
    "stop_sequences": ["x"],
}
GEMINI = {
    "contents": [
        {"role": "user", "parts": [{"text": "order 10023"}]},
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "x"}}}]},
    ],
    "tools": [{"functionDeclarations": [{"name": "f", "parameters": SCHEMA}]}],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
    "generationConfig": {"stopSequences": ["a"], "candidateCount": 2, "thinkingConfig": {"thinkingBudget": 0}},
}
PATHS = {
    "openai": ("/v1/chat/completions", OPENAI),
    "anthropic": ("/v1/messages", ANTHROPIC),
    "gemini": ("/v1beta/models/gemini-2.5-flash:generateContent", GEMINI),
}
junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["type", "text", "a"]), inner, max_size=2)
    ),
    max_leaves=4,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*path, key))


@pytest.mark.parametrize("dialect", PATHS)
def test_the_unchanged_requests_are_valid(dialect: str) -> None:
    path, body = PATHS[dialect]
    assert post(Emulator(), path, body, KEYS[dialect]).status == 200


@settings(max_examples=250)
@given(data=st.data(), dialect=st.sampled_from(sorted(PATHS)), value=junk)
def test_one_wrong_value_anywhere_is_answered(data: st.DataObject, dialect: str, value: Any) -> None:
    path, base = PATHS[dialect]
    body: Any = copy.deepcopy(base)
    *way, last = data.draw(st.sampled_from(list(places(body))))
    target = body
    for step in way:
        target = target[step]
    target[last] = value
    answer = post(Emulator(), path, body, KEYS[dialect])
    assert answer.status in {200, 400, 404}
    assert answer.status == 200 or answer.json["error"]["message"]
