from __future__ import annotations

import base64
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
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from pointsman.domain.turn import Sampling, Turn
from pointsman.errors import RequestError, UnsupportedParameter
from pointsman.server.gateway.anthropic import AnthropicInbound
from pointsman.server.gateway.codec import Inbound

DIALECT = AnthropicInbound()
OLD = {"anthropic-version": "2023-06-01"}
NEW = {"anthropic-version": "2026-10-21"}
USER = {"role": "user", "content": "hi"}
TOOL = {"name": "f", "description": "d", "input_schema": {"type": "object"}}
EPHEMERAL = {"type": "ephemeral"}


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "auto", "max_tokens": 100, "messages": [USER], **fields}).encode()


def read(**fields: Any) -> Inbound:
    return DIALECT.decode_request(body(**fields), OLD)


def turn(**fields: Any) -> Turn:
    return DIALECT.decode_request(body(**fields), {}).turn


def use(id_: str, name: str = "f") -> dict[str, Any]:
    return {"type": "tool_use", "id": id_, "name": name, "input": {}}


def result(id_: str, content: Any = "ok", **fields: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": id_, "content": content, **fields}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def test_all_parameters_have_a_neutral_word() -> None:
    found = read(
        system="be kind",
        tools=[TOOL | {"strict": True, "cache_control": EPHEMERAL | {"ttl": "1h"}}],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        stop_sequences=["END"],
        stream=True,
        thinking={"type": "enabled", "budget_tokens": 1024},
        max_tokens=2000,
        output_config={"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}},
        metadata={"user_id": "u1"},
        temperature=0.5,
        top_p=0.9,
        top_k=3,
    )
    assert found.api_version == "2023-06-01"
    assert found.turn.messages == (Message("system", (Text("be kind"),)), Message("user", (Text("hi"),)))
    assert found.turn.tools == (Tool("f", "d", {"type": "object"}, strict=True, cache=CacheMark("1h")),)
    assert found.turn.tool_choice == ToolChoice("required", (), parallel=False)
    assert found.turn.stop == ("END",)
    assert found.turn.stream
    assert (found.turn.reasoning_effort, found.turn.reasoning_budget_tokens) == ("low", 1024)
    assert found.turn.max_output_tokens == 2000
    assert found.turn.output_format == OutputFormat("json_schema", {"type": "object"}, strict=True)
    assert found.turn.metadata == {"user_id": "u1"}
    assert found.turn.sampling == Sampling(0.5, 0.9, 3)
    assert found.turn.extras == {"anthropic-version": "2023-06-01"}


def test_fields_without_a_word_are_kept() -> None:
    found = turn(service_tier="auto", cache_control=EPHEMERAL, container=None, mcp_servers=[])
    assert found.extras == {"service_tier": "auto", "cache_control": EPHEMERAL}


def test_thinking_that_effort_and_budget_cannot_say_is_kept_as_written() -> None:
    adaptive = {"type": "adaptive", "display": "summarized"}
    found = turn(thinking=adaptive, output_config={"effort": "max"})
    assert (found.reasoning_effort, found.extras) == ("max", {"thinking": adaptive})
    off = turn(thinking={"type": "disabled"}, output_config={"effort": "low"})
    assert (off.reasoning_effort, off.extras) == ("none", {"output_config": {"effort": "low"}})


def test_the_deprecated_output_format_still_counts() -> None:
    wanted = {"type": "json_schema", "schema": {"type": "object"}}
    assert turn(output_format=wanted) == turn(output_config={"format": wanted})


def test_tool_choice_in_all_forms() -> None:
    assert turn(tools=[TOOL], tool_choice={"type": "auto"}).tool_choice == ToolChoice("auto")
    assert turn(tools=[TOOL], tool_choice={"type": "none"}).tool_choice == ToolChoice("none")
    assert turn(tools=[TOOL], tool_choice={"type": "tool", "name": "f"}).tool_choice == ToolChoice("named", ("f",))


def test_all_kinds_of_blocks() -> None:
    found = turn(
        system=[{"type": "text", "text": "s", "cache_control": EPHEMERAL}],
        messages=[
            user(
                text("look") | {"cache_control": {"type": "ephemeral", "ttl": "5m"}},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "YWJj"}},
                {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
                {
                    "type": "document",
                    "title": "t",
                    "source": {"type": "base64", "media_type": "application/pdf", "data": "YWJj"},
                },
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "plain"}},
                {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}},
            ),
            assistant(
                {"type": "thinking", "thinking": "hm", "signature": "sig"},
                {"type": "redacted_thinking", "data": "secret"},
                text("ok"),
            ),
            {"role": "system", "content": "by the way"},
        ],
    )
    assert found.messages == (
        Message("system", (Text("s", CacheMark()),)),
        Message(
            "user",
            (
                Text("look", CacheMark("5m")),
                Image("image/png", "YWJj"),
                Image(url="https://example.com/a.png"),
                Document("application/pdf", "YWJj", name="t"),
                Document("text/plain", base64.b64encode(b"plain").decode()),
                Document("application/pdf", url="https://example.com/a.pdf"),
            ),
        ),
        Message(
            "assistant",
            (
                Reasoning("anthropic", "hm", "sig"),
                Reasoning("anthropic", state="secret", redacted=True),
                Text("ok"),
            ),
        ),
        Message("system", (Text("by the way"),)),
    )


def test_tool_results_leave_the_user_message_in_call_order() -> None:
    found = turn(
        messages=[
            USER,
            assistant(text("one moment"), use("a", "f"), use("b", "g")),
            user(
                result(
                    "b",
                    [text("two"), {"type": "image", "source": {"type": "url", "url": "https://x/y"}}],
                    is_error=True,
                )
            ),
            user(result("a"), text("and now?")),
        ]
    )
    assert found.messages[2:] == (
        Message(
            "tool",
            (
                ToolResult("a", (Text("ok"),), "f"),
                ToolResult("b", (Text("two"), Image(url="https://x/y")), "g", is_error=True),
            ),
        ),
        Message("user", (Text("and now?"),)),
    )


def test_tool_input_keeps_its_own_text() -> None:
    call = b'{"type":"tool_use","id":"a","name":"f","input":{"z":1.00, "a":"\\u00e9"}}'
    raw = (
        b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"},'
        b'{"role":"assistant","content":[' + call + b"]},"
        b'{"role":"user","content":[{"type":"tool_result","tool_use_id":"a"}]}]}'
    )
    found = DIALECT.decode_request(raw, OLD).turn
    assert found.messages[1].parts == (ToolCall("a", "f", '{"z":1.00, "a":"\\u00e9"}'),)
    assert found.messages[2].parts == (ToolResult("a", (), "f"),)


def test_the_store_gets_the_clients_own_bytes() -> None:
    assert read(system="s", tools=[TOOL], temperature=0.5).parts == (
        ("params", b'{"model":"auto","max_tokens":100,"temperature":0.5}'),
        ("system", b'"s"'),
        ("tools", json.dumps([TOOL]).encode()),
        ("message", json.dumps(USER).encode()),
    )


def test_the_session_inside_the_user_id_names_the_conversation() -> None:
    session = "0d2b1c9e-1111-2222-3333-444455556666"
    assert read(metadata={"user_id": f"user_ab12_account__session_{session}"}).conversation_hint == session
    assert read(metadata={"user_id": json.dumps({"session_id": "s9"})}).conversation_hint == "s9"
    assert read(metadata={"user_id": "somebody"}).conversation_hint is None
    assert read(metadata={"user_id": "{broken"}).conversation_hint is None


def test_headers_that_change_the_bodys_meaning_travel_with_the_turn() -> None:
    found = DIALECT.decode_request(body(), NEW | {"anthropic-beta": "a,b"})
    assert found.api_version == "2026-10-21"
    assert found.turn.extras == {"anthropic-version": "2026-10-21", "anthropic-beta": "a,b"}


def test_counting_needs_no_output_limit() -> None:
    raw = json.dumps({"model": "auto", "messages": [USER]}).encode()
    assert DIALECT.decode_count(raw, OLD).turn.max_output_tokens is None
    assert DIALECT.encode_count(14) == b'{"input_tokens":14}'


def test_sampling_is_no_part_of_the_new_api_version() -> None:
    assert DIALECT.decode_request(body(temperature=0.5), OLD).turn.sampling.temperature == 0.5
    with pytest.raises(RequestError) as caught:
        DIALECT.decode_request(body(temperature=0.5), NEW)
    assert caught.value.param == "temperature"


def test_a_final_assistant_message_may_be_a_prefill_and_even_empty() -> None:
    assert turn(messages=[USER, {"role": "assistant", "content": "The answer is"}]).messages[-1].text == "The answer is"
    assert turn(messages=[USER, {"role": "assistant", "content": []}]).messages[-1].parts == ()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": ""}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": "  "}]}, "messages.0.content"),
        ({"messages": [user(text(" "))]}, "messages.0.content.0.text"),
        ({"messages": [user(text("a"), {"type": "film"})]}, "messages.0.content.1.type"),
        (
            {"messages": [user({"type": "image", "source": {"type": "base64"}})]},
            "messages.0.content.0.source.media_type",
        ),
        (
            {"messages": [user({"type": "image", "source": {"type": "url", "url": "ftp://x"}})]},
            "messages.0.content.0.source.url",
        ),
        ({"messages": [user(result("a"))]}, "messages.0.content.0"),
        ({"messages": [USER, assistant(use("a")), USER]}, "messages.2"),
        ({"messages": [USER, assistant(use("a"))]}, "messages.1"),
        ({"messages": [USER, assistant(use("a")), user(result("b"))]}, "messages.2.content.0.tool_use_id"),
        ({"messages": [USER, assistant(use("a")), user(result("a"), result("a"))]}, "messages.2.content.1.tool_use_id"),
        ({"messages": [USER, assistant(use("a")), user(text("x"), result("a"))]}, "messages.2.content.1"),
        (
            {"messages": [USER, assistant(use("a")), user(result("a")), assistant(use("a")), user(result("a"))]},
            "messages.3",
        ),
        ({"messages": [USER, assistant(use("a") | {"input": "x"})]}, "messages.1.content.0.input"),
        ({"system": [text("a"), {"type": "image"}]}, "system.1.type"),
        ({"system": [text("")]}, "system.0.text"),
        ({"temperature": 1.5}, "temperature"),
        ({"stop_sequences": ["a", " "]}, "stop_sequences.1"),
        ({"thinking": {"type": "enabled", "budget_tokens": 10}}, "thinking.budget_tokens"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 1024}, "thinking.budget_tokens"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"thinking": {"type": "hard"}}, "thinking.type"),
        ({"output_config": {"effort": "none"}}, "output_config.effort"),
        ({"tools": [{"name": "f"}]}, "tools.0.input_schema"),
        ({"tools": [TOOL, TOOL]}, "tools.1.name"),
        ({"tool_choice": {"type": "any"}}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "g"}}, "tool_choice.name"),
        ({"tools": [TOOL], "tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"tools": [TOOL | {"cache_control": {"type": "forever"}}]}, "tools.0.cache_control.type"),
        ({"messages": [user(*[text("x") | {"cache_control": EPHEMERAL}] * 5)]}, "cache_control"),
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
        ({"tools": [{"type": "web_search_20260209", "name": "web_search"}]}, "tools.0.type"),
        ({"container": "c1"}, "container"),
        ({"mcp_servers": [{"url": "https://x"}]}, "mcp_servers"),
        (
            {"messages": [user({"type": "image", "source": {"type": "file", "file_id": "x"}})]},
            "messages.0.content.0.source.type",
        ),
    ],
)
def test_features_of_the_vendors_servers_are_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        read(**fields)
    assert caught.value.param == param
