from __future__ import annotations

import json
from typing import Any

import pytest

from pointsman.domain.message import (
    CacheMark,
    Document,
    Image,
    Message,
    OutputFormat,
    Reasoning,
    Refusal,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from pointsman.domain.turn import Sampling, Turn
from pointsman.errors import RequestError, UnsupportedParameter
from pointsman.server.gateway.codec import Inbound
from pointsman.server.gateway.openai_chat import OpenAIChatInbound

DIALECT = OpenAIChatInbound(now=lambda: 1.0)
USER = {"role": "user", "content": "hi"}
TOOL = {
    "type": "function",
    "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True},
}


def read(**fields: Any) -> Inbound:
    return DIALECT.decode_request(json.dumps({"model": "auto", "messages": [USER], **fields}).encode(), {})


def turn(**fields: Any) -> Turn:
    return read(**fields).turn


def call(id_: str, name: str = "f", arguments: str = "{}") -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_the_smallest_request_leaves_everything_else_unsaid() -> None:
    found = turn()
    assert found.model == "auto"
    assert found.messages == (Message("user", (Text("hi"),)),)
    assert (found.max_output_tokens, found.n, found.tool_choice, found.output_format) == (None, None, None, None)
    assert found.sampling == Sampling()
    assert not found.stream
    assert found.extras == {}


def test_all_parameters_have_a_neutral_word() -> None:
    found = turn(
        max_completion_tokens=9,
        temperature=0,
        top_p=1,
        seed=7,
        presence_penalty=-2,
        frequency_penalty=2,
        n=2,
        stop="END",
        logprobs=True,
        top_logprobs=3,
        logit_bias={"50256": -100},
        stream=True,
        stream_options={"include_usage": True},
        tools=[TOOL],
        tool_choice="required",
        parallel_tool_calls=False,
        reasoning_effort="low",
        metadata={"conversation_id": "c1", "channel": "voice"},
        user="u1",
        safety_identifier="s1",
    )
    assert found.max_output_tokens == 9
    assert found.sampling == Sampling(0, 1, None, 7, -2, 2)
    assert (found.n, found.stop, found.logprobs, found.top_logprobs) == (2, ("END",), True, 3)
    assert found.logit_bias == {"50256": -100}
    assert (found.stream, found.include_usage) == (True, True)
    assert found.tools == (Tool("f", "d", {"type": "object"}, strict=True),)
    assert found.tool_choice == ToolChoice("required", (), parallel=False)
    assert found.reasoning_effort == "low"
    assert found.channel == "voice"
    assert found.metadata == {
        "conversation_id": "c1",
        "channel": "voice",
        "user": "u1",
        "safety_identifier": "s1",
    }
    assert found.extras == {"user": "u1", "safety_identifier": "s1"}


def test_the_old_name_of_the_output_limit_still_counts() -> None:
    assert turn(max_tokens=5).max_output_tokens == 5


def test_fields_without_a_word_are_kept_and_null_says_nothing() -> None:
    found = turn(verbosity="low", store=None, prediction={"type": "content", "content": "x"}, brand_new=[1])
    assert found.extras == {
        "verbosity": "low",
        "prediction": {"type": "content", "content": "x"},
        "brand_new": [1],
    }


def test_null_is_the_same_as_absent() -> None:
    assert turn(temperature=None, tools=None, stop=None, tool_choice=None, metadata=None) == turn()


def test_metadata_names_the_conversation() -> None:
    assert read(metadata={"thread_id": "t", "session_id": "s"}).conversation_hint == "s"
    assert read(user="somebody").conversation_hint is None
    assert read(metadata={"session_id": "x" * 129, "thread_id": "t"}).conversation_hint == "t"
    assert read(metadata={"session_id": "a\nb"}).conversation_hint is None


def test_system_and_developer_messages_stay_where_they_are() -> None:
    found = turn(
        messages=[
            {
                "role": "developer",
                "content": [{"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}],
            },
            USER,
            {"role": "system", "content": "b"},
        ]
    )
    assert found.messages == (
        Message("system", (Text("a", CacheMark()),)),
        Message("user", (Text("hi"),)),
        Message("system", (Text("b"),)),
    )


def test_all_kinds_of_user_parts() -> None:
    content = [
        {"type": "text", "text": "look", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}},
        {"type": "image_url", "image_url": {"url": "data:image/PNG;base64,YWJj", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "input_audio", "input_audio": {"data": "YWJj", "format": "wav"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,YWJj", "filename": "a.pdf"}},
    ]
    found = turn(messages=[{"role": "user", "content": content}])
    assert found.messages[0].parts == (
        Text("look", CacheMark("12h")),
        Image("image/png", "YWJj", detail="low"),
        Image(url="https://example.com/a.png"),
        Document("audio/wav", "YWJj"),
        Document("application/pdf", "YWJj", name="a.pdf"),
    )


def test_tool_messages_become_one_message_in_call_order() -> None:
    found = turn(
        messages=[
            USER,
            {"role": "assistant", "content": None, "tool_calls": [call("a", "f", '{"x": 1.0}'), call("b", "g")]},
            {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "two"}]},
            {"role": "tool", "tool_call_id": "a", "content": "one"},
        ]
    )
    assert found.messages[1:] == (
        Message("assistant", (ToolCall("a", "f", '{"x": 1.0}'), ToolCall("b", "g", "{}"))),
        Message("tool", (ToolResult("a", (Text("one"),), "f"), ToolResult("b", (Text("two"),), "g"))),
    )
    assert found.in_tool_loop


def test_call_ids_may_come_again_in_a_later_turn() -> None:
    step = [
        {"role": "assistant", "tool_calls": [call("call_0")]},
        {"role": "tool", "tool_call_id": "call_0", "content": ""},
    ]
    assert len(turn(messages=[USER, *step, USER, *step]).messages) == 6


def test_refusals_and_foreign_reasoning_are_read() -> None:
    found = turn(
        messages=[
            USER,
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
            {"role": "assistant", "content": "x", "refusal": "never", "reasoning_content": "hm", "unknown": 1},
            {"role": "assistant", "content": ""},
        ]
    )
    assert [message.parts for message in found.messages[1:]] == [
        (Refusal("no"),),
        (Reasoning("client", "hm"), Text("x"), Refusal("never")),
        (Text(""),),
    ]


def test_tool_choice_in_all_forms() -> None:
    tools = [TOOL, {"type": "function", "function": {"name": "a.b"}}]
    named = {"type": "function", "function": {"name": "f"}}
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [named]}}
    assert turn(tools=tools, tool_choice="auto").tool_choice == ToolChoice("auto")
    assert turn(tools=tools, tool_choice=named).tool_choice == ToolChoice("named", ("f",))
    assert turn(tools=tools, tool_choice=allowed).tool_choice == ToolChoice("required", ("f",))
    assert turn(tools=tools, parallel_tool_calls=True).tool_choice == ToolChoice(parallel=True)


def test_response_formats() -> None:
    schema = {"name": "order", "schema": {"type": "object"}, "strict": True, "description": "d"}
    assert turn(response_format={"type": "text"}).output_format is None
    assert turn(response_format={"type": "json_object"}).output_format == OutputFormat("json_object")
    found = turn(response_format={"type": "json_schema", "json_schema": schema}).output_format
    assert found == OutputFormat("json_schema", {"type": "object"}, "order", strict=True, description="d")


def test_the_store_gets_the_clients_own_bytes() -> None:
    body = (
        b'{"model":"auto", "tools":[{"type":"function","function":{"name":"f"}}],'
        b'"messages":[ {"role":"user","content":"h\\u00e9"} ,{"role":"assistant","content":"x"}],"temperature":1.50}'
    )
    assert DIALECT.decode_request(body, {}).parts == (
        ("params", b'{"model":"auto","temperature":1.50}'),
        ("tools", b'[{"type":"function","function":{"name":"f"}}]'),
        ("message", b'{"role":"user","content":"h\\u00e9"}'),
        ("message", b'{"role":"assistant","content":"x"}'),
    )


ASSISTANT = {"role": "assistant", "content": None, "tool_calls": [call("a")]}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": ""}, "model"),
        ({"model": 3}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": [3]}, "messages.0"),
        ({"messages": [{"content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "boss", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": []}]}, "messages.0.content"),
        ({"messages": [USER, USER, {"role": "user", "content": [{"type": "film"}]}]}, "messages.2.content.0.type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages.0.content.0.text"),
        ({"messages": [{"role": "system", "content": [{"type": "image_url"}]}]}, "messages.0.content.0.type"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
            "messages.0.content.0.image_url.url",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,x"}}]}]},
            "messages.0.content.0.image_url.url",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]},
            "messages.0.content.0.file.file_data",
        ),
        ({"messages": [{"role": "assistant", "content": None}]}, "messages.0.content"),
        ({"messages": [{"role": "tool", "tool_call_id": "a", "content": "x"}]}, "messages.0"),
        ({"messages": [USER, ASSISTANT]}, "messages.1"),
        ({"messages": [USER, ASSISTANT, USER]}, "messages.2"),
        (
            {"messages": [USER, ASSISTANT, {"role": "tool", "tool_call_id": "z", "content": "x"}]},
            "messages.2.tool_call_id",
        ),
        (
            {"messages": [USER, ASSISTANT, *[{"role": "tool", "tool_call_id": "a", "content": "x"}] * 2]},
            "messages.3.tool_call_id",
        ),
        ({"messages": [USER, {"role": "assistant", "tool_calls": [call("a"), call("a")]}]}, "messages.1"),
        ({"messages": [USER, {"role": "assistant", "tool_calls": [{"id": "a"}]}]}, "messages.1.tool_calls.0.function"),
        ({"temperature": 3}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"n": 0}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 1, "max_completion_tokens": 1}, "max_tokens"),
        ({"stop": list("abcde")}, "stop"),
        ({"stop": [""]}, "stop"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"logit_bias": {"1": 101}}, "logit_bias"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"metadata": {"a": "x" * 513}}, "metadata"),
        ({"metadata": {str(number): "" for number in range(17)}}, "metadata"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"reasoning_effort": "huge"}, "reasoning_effort"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"tools": [{"type": "function"}]}, "tools.0.function"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools.0.function.name"),
        ({"tools": [TOOL, TOOL]}, "tools.1.function.name"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": "maybe"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "g"}}}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "function"}}, "tool_choice.function"),
    ],
)
def test_mistakes_are_named_by_their_path(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestError) as caught:
        read(**fields)
    assert caught.value.param == param
    assert not isinstance(caught.value, UnsupportedParameter)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"function_call": "auto"}, "function_call"),
        ({"audio": {"voice": "alloy", "format": "wav"}}, "audio"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools.0.type"),
        ({"tools": [TOOL], "tool_choice": {"type": "custom", "custom": {"name": "x"}}}, "tool_choice.type"),
        ({"messages": [USER, {"role": "function", "name": "f", "content": "x"}]}, "messages.1.role"),
        (
            {"messages": [USER, {"role": "assistant", "function_call": {"name": "f", "arguments": ""}}]},
            "messages.1.function_call",
        ),
        ({"messages": [USER, {"role": "assistant", "audio": {"id": "x"}}]}, "messages.1.audio"),
        (
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "x"}}]}]},
            "messages.0.content.0.file.file_id",
        ),
        (
            {"messages": [USER, {"role": "assistant", "tool_calls": [{"id": "a", "type": "custom"}]}]},
            "messages.1.tool_calls.0.type",
        ),
    ],
)
def test_features_of_the_vendors_servers_are_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        read(**fields)
    assert caught.value.param == param


def test_refused_features_may_be_sent_as_null() -> None:
    assert turn(functions=None, audio=None, modalities=["text"]) == turn()
