"""What is sent to Anthropic."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from inline_snapshot import snapshot

from pointsman.catalog.models import Model
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
from pointsman.providers.anthropic import Anthropic
from pointsman.providers.hosts import endpoint
from support.providers import ANTHROPIC, HAIKU, OPUS, TOOL, TOOL_TURN, assistant, system, user

DIALECT = Anthropic()


def _sent(turn: Turn, model: Model = HAIKU) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DIALECT.encode(turn, model, ANTHROPIC).body)
    return found


def _turn(*messages: Message, **fields: Any) -> Turn:
    return Turn(messages or (user("hi"),), **fields)


def test_a_turn_with_parallel_calls() -> None:
    outgoing = DIALECT.encode(TOOL_TURN, HAIKU, ANTHROPIC)

    assert outgoing.path == "/v1/messages"
    assert outgoing.headers == {
        "content-type": "application/json",
        "anthropic-version": "2026-10-21",
        "x-api-key": "sk-ant-test",
    }
    assert b'"input":{"id":"1","price":1.10}' in outgoing.body
    assert json.loads(outgoing.body) == snapshot(
        {
            "model": "claude-haiku-4-5",
            "tools": [
                {
                    "name": "get_order",
                    "description": "Looks up an order.",
                    "input_schema": {"type": "object", "properties": {"id": {"type": "string"}}},
                }
            ],
            "system": [{"type": "text", "text": "Be brief."}],
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "Where are orders 1 and 2?"}]},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "text", "text": "Let me look."},
                        {"type": "tool_use", "id": "call_1", "name": "get_order", "input": {"id": "1", "price": 1.1}},
                        {"type": "tool_use", "id": "call_2", "name": "get_order", "input": {"id": "2"}},
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "call_1",
                            "content": [{"type": "text", "text": "shipped"}],
                        },
                        {
                            "type": "tool_result",
                            "tool_use_id": "call_2",
                            "content": [{"type": "text", "text": "lost"}],
                            "is_error": True,
                        },
                        {"type": "text", "text": "And now?"},
                    ],
                },
            ],
            "max_tokens": 64000,
        }
    )


def test_a_longer_conversation_begins_with_the_same_bytes() -> None:
    bodies = []
    for count in range(2, 6):
        turn = msgspec.structs.replace(TOOL_TURN, messages=TOOL_TURN.messages[:count])
        bodies.append(DIALECT.encode(turn, HAIKU, ANTHROPIC).body)
    prefixes = [body[: body.index(b',"max_tokens"')] for body in bodies]
    for short, long in pairwise(prefixes):
        assert long.startswith(short.removesuffix(b"]").removesuffix(b"]}"))


@pytest.mark.parametrize(
    ("base_url", "path"),
    [("https://api.anthropic.com", "/v1/messages"), ("http://h/gw", "/v1/messages"), ("http://h/gw/v1", "/messages")],
)
def test_where_it_is_sent(base_url: str, path: str) -> None:
    assert DIALECT.encode(_turn(), HAIKU, endpoint("a", "anthropic", base_url=base_url)).path == path


def test_system_messages() -> None:
    turn = _turn(system("a"), system("b"), user("c"), system("d"), user("e"))

    sent = _sent(turn)
    assert [block["text"] for block in sent["system"]] == ["a", "b"]
    assert [message["role"] for message in sent["messages"]] == ["user"]
    assert [block["text"] for block in sent["messages"][0]["content"]] == ["c", "[System instruction] d", "e"]
    native = _sent(turn, OPUS)
    assert [message["role"] for message in native["messages"]] == ["user", "system", "user"]


def test_a_conversation_never_ends_up_empty() -> None:
    sent = _sent(_turn(system("a"), system("b")))
    assert ([block["text"] for block in sent["system"]], sent["messages"][0]["content"][0]["text"]) == (["a"], "b")
    alone = _sent(_turn(system("a")))
    assert ("system" in alone, alone["messages"][0]["content"][0]["text"]) == (False, "a")
    with pytest.raises(RequestError, match="messages is empty"):
        _sent(Turn(()))


def test_the_first_turn_is_the_users() -> None:
    sent = _sent(_turn(assistant("Hello, how can I help?"), user("refund")))
    assert [message["role"] for message in sent["messages"]] == ["user", "assistant", "user"]


def test_blank_text_is_left_out() -> None:
    blank = Message("assistant", (Text(" \n"), ToolCall("c", "get_order", "")))
    sent = _sent(_turn(user("a"), blank, Message("tool", (ToolResult("c", (Text(""),)),)), tools=(TOOL,)))
    assert sent["messages"][1:] == [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "get_order", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c"}]},
    ]
    with pytest.raises(RequestError) as caught:
        _sent(_turn(user("a"), assistant("b"), user(" ")))
    assert caught.value.param == "messages.2.content"


def test_a_prefill_goes_only_where_it_is_taken() -> None:
    turn = _turn(user("a"), assistant('{"x": '))
    assert _sent(turn)["messages"][1]["content"][0]["text"] == '{"x":'
    with pytest.raises(UnsupportedParameter) as caught:
        _sent(turn, OPUS)
    assert caught.value.param == "messages"


def test_cache_marks_are_kept() -> None:
    mark = CacheMark("1h")
    turn = _turn(
        Message("system", (Text("s", mark),)),
        Message("user", (Text("u", CacheMark()),)),
        tools=(msgspec.structs.replace(TOOL, cache=mark),),
    )
    sent = _sent(turn)
    assert sent["tools"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert sent["system"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert sent["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral"}


def test_pictures_and_documents() -> None:
    parts = (
        Image("image/png", "YWJj"),
        Image(url="https://example.org/a.png"),
        Document("application/pdf", "YWJj", name="a.pdf"),
        Document("text/plain", "SGVsbG8="),
    )
    assert _sent(_turn(Message("user", parts)))["messages"][0]["content"] == snapshot(
        [
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "YWJj"}},
            {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "YWJj"},
                "title": "a.pdf",
            },
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Hello"}},
        ]
    )
    with pytest.raises(UnsupportedParameter, match="image/tiff"):
        _sent(_turn(Message("user", (Image("image/tiff", "YWJj"),))))
    with pytest.raises(RequestError, match="base64"):
        _sent(_turn(Message("user", (Document("text/plain", "%%"),))))


@pytest.mark.parametrize("arguments", ["[1]", '"a"', '{"a":', "1", "nope", '{"a":' * 100_000 + "1" + "}" * 100_000])
def test_arguments_must_be_an_object(arguments: str) -> None:
    called = Message("assistant", (ToolCall("c", "f", arguments),))
    with pytest.raises(RequestError, match="not a JSON object") as caught:
        _sent(_turn(user("a"), called, Message("tool", (ToolResult("c", ()),))))
    assert caught.value.param == "messages.1.content"


def test_reasoning_goes_only_to_its_origin() -> None:
    def thinks(origin: str, state: str | None = "sig") -> dict[str, Any]:
        part = Reasoning(origin, "hm", state)
        content: dict[str, Any] = _sent(_turn(user("a"), Message("assistant", (part, Text("b"))), user("c")))[
            "messages"
        ][1]
        return content

    kept = {"type": "thinking", "thinking": "hm", "signature": "sig"}
    assert thinks("anthropic")["content"][0] == kept
    assert thinks("anthropic/claude-haiku-4-5")["content"][0] == kept
    for origin, state in (("anthropic/claude-opus-4-8", "sig"), ("google", "sig"), ("anthropic", None)):
        assert [block["type"] for block in thinks(origin, state)["content"]] == ["text"]
    hidden = Reasoning("anthropic", state="xyz", redacted=True)
    sent = _sent(_turn(user("a"), Message("assistant", (hidden, Text("b"))), user("c")))
    assert sent["messages"][1]["content"][0] == {"type": "redacted_thinking", "data": "xyz"}


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (ToolChoice("auto"), {"type": "auto"}),
        (ToolChoice("none", parallel=False), {"type": "none"}),
        (ToolChoice("required"), {"type": "any"}),
        (ToolChoice("auto", parallel=False), {"type": "auto", "disable_parallel_tool_use": True}),
        (
            ToolChoice("named", ("get_order",), parallel=True),
            {"type": "tool", "name": "get_order", "disable_parallel_tool_use": False},
        ),
    ],
)
def test_tool_choice(choice: ToolChoice, sent: dict[str, Any]) -> None:
    body = _sent(_turn(tools=(TOOL, Tool("other")), tool_choice=choice))
    assert (body["tool_choice"], len(body["tools"])) == (sent, 2)


def test_allowed_tools_shorten_the_list() -> None:
    body = _sent(_turn(tools=(TOOL, Tool("other")), tool_choice=ToolChoice("required", ("other",))))
    assert ([tool["name"] for tool in body["tools"]], body["tool_choice"]) == (["other"], {"type": "any"})


def test_sampling_and_its_api_version() -> None:
    old = DIALECT.encode(_turn(sampling=Sampling(temperature=0.5, top_k=4, seed=1)), HAIKU, ANTHROPIC)
    assert (old.headers["anthropic-version"], old.dropped) == ("2023-06-01", ("seed",))
    assert {"temperature": 0.5, "top_k": 4}.items() <= json.loads(old.body).items()
    new = DIALECT.encode(_turn(sampling=Sampling(temperature=0.5)), OPUS, ANTHROPIC)
    assert (new.headers["anthropic-version"], new.dropped) == ("2026-10-21", ("temperature",))
    hot = DIALECT.encode(_turn(sampling=Sampling(temperature=1.5)), HAIKU, ANTHROPIC)
    assert (hot.dropped, "temperature" in json.loads(hot.body)) == (("temperature",), False)


def test_output_limit_is_always_sent() -> None:
    assert _sent(_turn())["max_tokens"] == 64_000
    assert _sent(_turn(max_output_tokens=7))["max_tokens"] == 7
    assert _sent(_turn(), msgspec.structs.replace(HAIKU, max_output=None))["max_tokens"] == 4096
    outgoing = DIALECT.encode(_turn(max_output_tokens=70_000), HAIKU, ANTHROPIC)
    assert (json.loads(outgoing.body)["max_tokens"], outgoing.dropped) == (64_000, ("max_output_tokens",))


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"logit_bias": {"1": 1.0}}, "logit_bias"),
        ({"output_format": OutputFormat("json_object")}, "response_format"),
        ({"stop": (" ",)}, "stop"),
        ({"extras": {"audio": {}}}, "audio"),
    ],
)
def test_what_changes_the_reply_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        _sent(_turn(**fields))
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("fields", "model", "sent", "dropped"),
    [
        ({"reasoning_effort": "low"}, HAIKU, {"thinking": {"type": "enabled", "budget_tokens": 2048}}, ()),
        ({"reasoning_budget_tokens": 5000}, HAIKU, {"thinking": {"type": "enabled", "budget_tokens": 5000}}, ()),
        (
            {"reasoning_effort": "high", "max_output_tokens": 4000},
            HAIKU,
            {"thinking": {"type": "enabled", "budget_tokens": 3999}},
            (),
        ),
        ({"reasoning_effort": "high", "max_output_tokens": 100}, HAIKU, {}, ("reasoning_effort",)),
        ({"reasoning_effort": "none"}, HAIKU, {}, ()),
        (
            {"reasoning_effort": "xhigh"},
            OPUS,
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}},
            (),
        ),
        (
            {"reasoning_effort": "minimal"},
            OPUS,
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
            ("reasoning_effort",),
        ),
        (
            {"reasoning_budget_tokens": 8000},
            OPUS,
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "medium"}},
            (),
        ),
        (
            {"reasoning_effort": "low", "sampling": Sampling(temperature=0.5)},
            HAIKU,
            {"thinking": {"type": "enabled", "budget_tokens": 2048}},
            ("temperature",),
        ),
        (
            {"extras": {"thinking": {"type": "adaptive", "display": "omitted"}}},
            OPUS,
            {"thinking": {"type": "adaptive", "display": "omitted"}},
            (),
        ),
        ({"extras": {"thinking": {"type": "adaptive"}}}, HAIKU, {}, ("thinking",)),
    ],
)
def test_reasoning(fields: dict[str, Any], model: Model, sent: dict[str, Any], dropped: tuple[str, ...]) -> None:
    outgoing = DIALECT.encode(_turn(**fields), model, ANTHROPIC)

    body = json.loads(outgoing.body)
    assert {key: body[key] for key in ("thinking", "output_config", "temperature") if key in body} == sent
    assert outgoing.dropped == dropped


def test_thinking_is_not_begun_inside_a_tool_loop() -> None:
    loop = msgspec.structs.replace(TOOL_TURN, messages=TOOL_TURN.messages[:4], reasoning_effort="low")
    outgoing = DIALECT.encode(loop, HAIKU, ANTHROPIC)
    assert ("thinking" in json.loads(outgoing.body), outgoing.dropped) == (False, ("reasoning_effort",))


def test_structured_output_is_cut_to_the_subset() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}, "required": ["a"]}
    sent = _sent(_turn(output_format=OutputFormat("json_schema", schema), reasoning_effort="low"), OPUS)
    assert sent["output_config"] == {
        "effort": "low",
        "format": {
            "type": "json_schema",
            "schema": {
                "type": "object",
                "properties": {"a": {"type": "integer", "description": "{minimum: 1}"}},
                "additionalProperties": False,
                "required": ["a"],
            },
        },
    }
    strict = _sent(_turn(tools=(Tool("f", "", schema, strict=True),)))["tools"][0]
    assert (strict["strict"], strict["input_schema"]["additionalProperties"]) == (True, False)


_RAW = b'{"max_tokens":9,"model":"auto","messages":[{"role":"user","content":"hi"}],"x":1.0}'


def test_a_relayed_body_changes_in_its_model_alone() -> None:
    outgoing = DIALECT.splice(_RAW, _turn(max_output_tokens=9), HAIKU, ANTHROPIC)
    assert outgoing.body == _RAW.replace(b'"auto"', b'"claude-haiku-4-5"')


def test_the_clients_version_and_betas_travel_with_the_relay() -> None:
    extras = {"anthropic-version": "2023-06-01", "anthropic-beta": "a,b"}
    headers = DIALECT.splice(_RAW, _turn(max_output_tokens=9, extras=extras), HAIKU, ANTHROPIC).headers
    assert (headers["anthropic-version"], headers["anthropic-beta"]) == ("2023-06-01", "a,b")
    spoiled = DIALECT.splice(_RAW, _turn(extras={"anthropic-beta": "a\r\nx: y"}), HAIKU, ANTHROPIC).headers
    assert "anthropic-beta" not in spoiled


@pytest.mark.parametrize(
    ("turn", "model"),
    [
        (_turn(sampling=Sampling(temperature=0.5)), OPUS),
        (_turn(reasoning_budget_tokens=2000), OPUS),
        (_turn(reasoning_effort="high"), HAIKU),
        (_turn(extras={"thinking": {"type": "adaptive"}}), HAIKU),
        (_turn(user("a"), system("b"), user("c")), HAIKU),
        (_turn(user("a"), Message("assistant", (Reasoning("google", "x", "s"), Text("b"))), user("c")), HAIKU),
    ],
)
def test_a_body_this_model_would_refuse_is_written_anew(turn: Turn, model: Model) -> None:
    assert DIALECT.splice(_RAW, turn, model, ANTHROPIC) == DIALECT.encode(turn, model, ANTHROPIC)
