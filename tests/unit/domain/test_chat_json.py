from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.domain.chat_json import messages_from_openai, tools_from_openai
from pointsman.domain.message import Document, Image, Message, Text, Tool, ToolCall, ToolResult
from pointsman.errors import RequestError

CALLS = [
    {"id": "a", "type": "function", "function": {"name": "find", "arguments": '{"q": 1}'}},
    {"id": "b", "type": "function", "function": {"name": "pay", "arguments": {"x": 2}}},
]


def test_results_of_one_message_are_joined_in_call_order() -> None:
    messages = messages_from_openai(
        [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": None, "tool_calls": CALLS},
            {"role": "tool", "tool_call_id": "b", "content": "second"},
            {"role": "tool", "tool_call_id": "a", "content": "first", "name": "find"},
            {"role": "assistant", "content": "Done.", "acts": ["INFORM"]},
        ]
    )
    assert messages[1].parts == (ToolCall("a", "find", '{"q": 1}'), ToolCall("b", "pay", '{"x":2}'))
    assert messages[2] == Message(
        "tool", (ToolResult("a", (Text("first"),), "find"), ToolResult("b", (Text("second"),)))
    )
    assert messages[3].text == "Done."


def test_parts_of_every_kind_are_read() -> None:
    (message,) = messages_from_openai(
        [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "look"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
                    {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
                    {"type": "input_audio", "input_audio": {"data": "BBBB", "format": "wav"}},
                    {"type": "file", "file": {"file_data": "data:application/pdf;base64,CCCC", "filename": "a.pdf"}},
                ],
            }
        ]
    )
    assert message.parts == (
        Text("look"),
        Image(media_type="image/png", data="AAAA", detail="low"),
        Image(url="https://example.com/a.png"),
        Document("audio/wav", data="BBBB"),
        Document("application/pdf", data="CCCC", name="a.pdf"),
    )


@pytest.mark.parametrize(
    ("data", "param"),
    [
        ({}, "messages"),
        (["hi"], "messages[0]"),
        ([{"role": "customer", "content": "x"}], "messages[0].role"),
        ([{"role": "user"}], "messages[0].content"),
        ([{"role": "user", "content": 5}], "messages[0].content"),
        ([{"role": "user", "content": [{"type": "hologram"}]}], "messages[0].content[0].type"),
        ([{"role": "tool", "content": "x"}], "messages[0].tool_call_id"),
        ([{"role": "assistant", "tool_calls": [{"id": "a"}]}], "messages[0].tool_calls[0].function"),
    ],
)
def test_a_wrong_field_is_named_by_its_path(data: Any, param: str) -> None:
    with pytest.raises(RequestError) as caught:
        messages_from_openai(data)
    assert caught.value.param == param
    assert param in str(caught.value)


def test_tools_come_wrapped_or_bare() -> None:
    bare = {"name": "pay", "description": "Pays.", "parameters": {"type": "object"}}
    assert tools_from_openai([{"type": "function", "function": bare}, bare]) == (
        Tool("pay", "Pays.", {"type": "object"}),
        Tool("pay", "Pays.", {"type": "object"}),
    )
    with pytest.raises(RequestError, match=r"tools\[0\].name"):
        tools_from_openai([{}])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "type", "tool_calls", "function", "text"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_anything_else_is_a_request_error_and_never_a_crash(data: Any) -> None:
    problem: RequestError | None = None
    try:
        messages_from_openai(data)
    except RequestError as error:
        problem = error
    assert problem is None or problem.param
