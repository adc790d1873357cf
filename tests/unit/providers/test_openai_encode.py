"""What is sent to OpenAI and to hosts that follow it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from inline_snapshot import snapshot

from pointsman.catalog.models import Model
from pointsman.domain.message import (
    Document,
    Image,
    Message,
    OutputFormat,
    Reasoning,
    Refusal,
    Text,
    Tool,
    ToolChoice,
    ToolResult,
)
from pointsman.domain.turn import Sampling, Turn
from pointsman.errors import RequestError, UnsupportedParameter
from pointsman.providers.hosts import HOSTS, endpoint
from pointsman.providers.openai_chat import OpenAIChat
from support.providers import (
    GPT,
    GPT_REASONING,
    LLAMA,
    OPENAI,
    TOOL,
    TOOL_TURN,
    assistant,
    system,
    user,
)

DIALECT = OpenAIChat()


def _sent(turn: Turn, model: Model = GPT, host: str = "openai") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DIALECT.encode(turn, model, _at(host)).body)
    return found


def _at(host: str) -> Any:
    return endpoint(host, host, base_url="http://127.0.0.1:1", api_key="k")


def _turn(**fields: Any) -> Turn:
    return Turn((user("hi"),), **fields)


def test_a_turn_with_parallel_calls() -> None:
    outgoing = DIALECT.encode(TOOL_TURN, GPT, OPENAI)

    assert outgoing.path == "/v1/chat/completions"
    assert outgoing.headers == {"content-type": "application/json", "authorization": "Bearer sk-test-openai"}
    assert "sk-test" not in repr(outgoing)
    assert json.loads(outgoing.body) == snapshot(
        {
            "model": "gpt-4o",
            "tools": [
                {
                    "type": "function",
                    "function": {
                        "name": "get_order",
                        "description": "Looks up an order.",
                        "parameters": {"type": "object", "properties": {"id": {"type": "string"}}},
                    },
                }
            ],
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Where are orders 1 and 2?"},
                {
                    "role": "assistant",
                    "content": "Let me look.",
                    "tool_calls": [
                        {
                            "id": "call_1",
                            "type": "function",
                            "function": {"name": "get_order", "arguments": '{"id":"1","price":1.10}'},
                        },
                        {
                            "id": "call_2",
                            "type": "function",
                            "function": {"name": "get_order", "arguments": '{"id":"2"}'},
                        },
                    ],
                },
                {"role": "tool", "tool_call_id": "call_1", "content": "shipped"},
                {"role": "tool", "tool_call_id": "call_2", "content": "[tool error] lost"},
                {"role": "user", "content": "And now?"},
            ],
        }
    )


def test_a_streamed_turn_asks_for_usage() -> None:
    sent = _sent(_turn(stream=True))

    assert sent["stream"] is True
    assert sent["stream_options"] == {"include_usage": True}
    shy = {"shy": msgspec.structs.replace(HOSTS["openai-compatible"], usage_option=False)}
    where = msgspec.structs.replace(_at("vllm"), host="shy")
    assert b"stream_options" not in OpenAIChat(shy).encode(_turn(stream=True), LLAMA, where).body


def test_a_longer_conversation_begins_with_the_same_bytes() -> None:
    longer = msgspec.structs.replace(TOOL_TURN, messages=(*TOOL_TURN.messages, assistant("Sorry."), user("Refund it.")))
    short, long = (DIALECT.encode(turn, GPT, OPENAI).body for turn in (TOOL_TURN, longer))

    assert long.startswith(short.removesuffix(b"]}"))
    assert DIALECT.encode(TOOL_TURN, GPT, OPENAI).body == short


def test_pictures_and_files() -> None:
    parts = (
        Text("what is this?"),
        Image("image/png", "YWJj", detail="low"),
        Image(url="https://example.org/a.png"),
        Document("application/pdf", "YWJj", name="a.pdf"),
        Document("text/plain", "SGVsbG8="),
    )
    assert _sent(Turn((Message("user", parts),)))["messages"][0]["content"] == snapshot(
        [
            {"type": "text", "text": "what is this?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,YWJj", "detail": "low"}},
            {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,YWJj"}},
            {"type": "text", "text": "Hello"},
        ]
    )


def test_a_picture_in_a_tool_result_follows_as_user_message() -> None:
    result = ToolResult("call_1", (Text("see"), Image("image/png", "YWJj")))
    sent = _sent(Turn((*TOOL_TURN.messages[:3], Message("tool", (result,))), tools=(TOOL,)))

    assert sent["messages"][-2:] == snapshot(
        [
            {
                "role": "tool",
                "tool_call_id": "call_1",
                "content": """\
see
(the attachment follows in the next user message)\
""",
            },
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,YWJj"}}]},
        ]
    )


def test_texts_are_joined_for_hosts_without_parts() -> None:
    turn = Turn((Message("system", (Text("a"), Text("b"))), user("hi")))

    assert _sent(turn)["messages"][0]["content"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert _sent(turn, LLAMA, "vllm")["messages"][0]["content"] == "a\nb"


def test_reasoning_of_others_is_left_behind_and_refusals_are_kept() -> None:
    spoken = Message("assistant", (Reasoning("anthropic", "hm", "sig"), Refusal("No.")))
    turn = Turn((user("a"), spoken, user("b")))

    assert _sent(turn)["messages"][1] == {"role": "assistant", "content": None, "refusal": "No."}
    assert _sent(turn, LLAMA, "groq")["messages"][1] == {"role": "assistant", "content": "No."}
    only_thought = Message("assistant", (Reasoning("anthropic", "hm", "sig"),))
    assert _sent(Turn((user("a"), only_thought, user("b"))))["messages"][1] == {"role": "assistant", "content": ""}


def test_output_limit_name_follows_the_host() -> None:
    turn = _turn(max_output_tokens=9)

    assert _sent(turn)["max_completion_tokens"] == 9
    for host in ("together", "ollama", "vllm", "llamacpp", "openai-compatible"):
        assert _sent(turn, LLAMA, host)["max_tokens"] == 9


def test_output_limit_is_lowered_to_what_the_model_gives() -> None:
    outgoing = DIALECT.encode(_turn(max_output_tokens=99_999), GPT, OPENAI)

    assert json.loads(outgoing.body)["max_completion_tokens"] == 16_384
    assert outgoing.dropped == ("max_output_tokens",)


def test_sampling_is_dropped_where_unknown_and_listed() -> None:
    turn = _turn(sampling=Sampling(temperature=0.2, top_p=0.9, top_k=5, seed=1, presence_penalty=0.1))

    outgoing = DIALECT.encode(turn, GPT, OPENAI)
    assert outgoing.dropped == ("top_k",)
    assert {"temperature": 0.2, "top_p": 0.9, "seed": 1, "presence_penalty": 0.1}.items() <= json.loads(
        outgoing.body
    ).items()
    assert DIALECT.encode(turn, GPT_REASONING, OPENAI).dropped == (
        "temperature",
        "top_p",
        "top_k",
        "seed",
        "presence_penalty",
    )
    assert DIALECT.encode(turn, LLAMA, _at("vllm")).dropped == ()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"logit_bias": {"1": 2.0}}, "logit_bias"),
        ({"stop": ("a", "b", "c", "d", "e")}, "stop"),
        ({"output_format": OutputFormat("json_object")}, "response_format"),
        ({"tools": (TOOL,)}, "tools"),
        ({"extras": {"web_search_options": {}}}, "web_search_options"),
    ],
)
def test_what_changes_the_reply_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    simple = msgspec.structs.replace(LLAMA, tools=False)
    with pytest.raises(UnsupportedParameter) as caught:
        _sent(_turn(**fields), simple, "groq")
    assert caught.value.param == param


def test_pictures_are_refused_by_models_without_eyes() -> None:
    blind = msgspec.structs.replace(GPT, modalities=("text",))
    with pytest.raises(UnsupportedParameter, match="image") as caught:
        _sent(Turn((user("a"), Message("user", (Image("image/png", "YWJj"),)))), blind)
    assert caught.value.param == "messages.1.content"
    with pytest.raises(UnsupportedParameter, match="data: URL"):
        _sent(Turn((Message("user", (Image(url="https://example.org/a.png"),)),)), LLAMA, "ollama")


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (ToolChoice("auto"), {"tool_choice": "auto"}),
        (ToolChoice("none"), {"tool_choice": "none"}),
        (ToolChoice("required", parallel=False), {"tool_choice": "required", "parallel_tool_calls": False}),
        (ToolChoice("named", ("get_order",)), {"tool_choice": {"type": "function", "function": {"name": "get_order"}}}),
        (
            ToolChoice("auto", ("get_order",)),
            {
                "tool_choice": {
                    "type": "allowed_tools",
                    "allowed_tools": {
                        "mode": "auto",
                        "tools": [{"type": "function", "function": {"name": "get_order"}}],
                    },
                }
            },
        ),
    ],
)
def test_tool_choice(choice: ToolChoice, sent: dict[str, Any]) -> None:
    body = _sent(_turn(tools=(TOOL, Tool("other")), tool_choice=choice))

    assert {key: body[key] for key in ("tool_choice", "parallel_tool_calls") if key in body} == sent
    assert len(body["tools"]) == 2


def test_tool_choice_of_lesser_hosts() -> None:
    tools = (TOOL, Tool("other"))
    allowed = _sent(_turn(tools=tools, tool_choice=ToolChoice("required", ("other",))), LLAMA, "vllm")
    assert (allowed["tool_choice"], [tool["function"]["name"] for tool in allowed["tools"]]) == ("required", ["other"])
    assert "tools" not in _sent(_turn(tools=tools, tool_choice=ToolChoice("none")), LLAMA, "ollama")
    assert "tool_choice" not in _sent(_turn(tools=tools, tool_choice=ToolChoice("auto")), LLAMA, "ollama")
    assert "tool_choice" not in _sent(_turn(tool_choice=ToolChoice("none")), LLAMA, "vllm")
    with pytest.raises(UnsupportedParameter) as caught:
        _sent(_turn(tools=tools, tool_choice=ToolChoice("required")), LLAMA, "ollama")
    assert caught.value.param == "tool_choice"
    with pytest.raises(UnsupportedParameter) as caught:
        _sent(_turn(tools=tools, tool_choice=ToolChoice("auto", parallel=False)), LLAMA, "ollama")
    assert caught.value.param == "parallel_tool_calls"


def test_strict_is_kept_only_where_the_schema_is() -> None:
    closed = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    loose = {"type": "object", "properties": {"a": {"type": "string", "default": "x"}}}
    strict = _turn(output_format=OutputFormat("json_schema", closed, "reply", strict=True))
    assert _sent(strict)["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "reply", "schema": closed, "strict": True},
    }
    outgoing = DIALECT.encode(_turn(output_format=OutputFormat("json_schema", loose, strict=True)), GPT, OPENAI)
    assert json.loads(outgoing.body)["response_format"]["json_schema"]["strict"] is False
    assert outgoing.dropped == ("output_format.strict",)
    outgoing = DIALECT.encode(_turn(tools=(Tool("f", "", loose, strict=True),)), GPT, OPENAI)
    assert outgoing.dropped == ("tools.strict",)


def test_reasoning_with_tools_is_never_silently_removed() -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        _sent(_turn(tools=(TOOL,), reasoning_effort="high"), GPT_REASONING)
    assert caught.value.param == "reasoning_effort"
    # Its default would turn reasoning on and the request would be refused.
    assert _sent(_turn(tools=(TOOL,)), GPT_REASONING)["reasoning_effort"] == "none"
    assert _sent(_turn(reasoning_effort="high"), GPT_REASONING)["reasoning_effort"] == "high"
    outgoing = DIALECT.encode(_turn(reasoning_effort="max"), GPT_REASONING, OPENAI)
    assert (json.loads(outgoing.body)["reasoning_effort"], outgoing.dropped) == ("high", ("reasoning_effort",))
    assert DIALECT.encode(_turn(reasoning_effort="high"), GPT, OPENAI).dropped == ("reasoning_effort",)


def test_extra_fields_go_where_they_are_understood() -> None:
    turn = _turn(extras={"verbosity": "low", "service_tier": "flex", "store": False, "frobnicate": 1})

    outgoing = DIALECT.encode(turn, GPT, OPENAI)
    assert json.loads(outgoing.body) | {"verbosity": "low", "service_tier": "flex", "store": False} == json.loads(
        outgoing.body
    )
    assert outgoing.dropped == ("frobnicate",)
    assert DIALECT.encode(turn, LLAMA, _at("vllm")).dropped == ("verbosity", "frobnicate")


@pytest.mark.parametrize(
    ("host", "base_url", "path"),
    [
        ("openai", "https://api.openai.com", "/v1/chat/completions"),
        ("openai", "https://api.openai.com/v1", "/chat/completions"),
        ("groq", "https://api.groq.com", "/openai/v1/chat/completions"),
        ("groq", "http://127.0.0.1:1/openai/v1", "/chat/completions"),
        ("openai-compatible", "https://llm.example/api/paas/v4", "/chat/completions"),
        ("vllm", "http://127.0.0.1:8000/", "/v1/chat/completions"),
    ],
)
def test_where_it_is_sent(host: str, base_url: str, path: str) -> None:
    assert DIALECT.encode(_turn(), GPT, endpoint("p", host, base_url=base_url)).path == path


def test_odd_names_and_ids_are_made_fit() -> None:
    turn = Turn((user("x"),), tools=(Tool("mcp/orders.get"),))
    assert _sent(turn)["tools"][0]["function"]["name"] == "mcp_pm2f_orders_pm2e_get"
    with pytest.raises(RequestError, match="two tools"):
        _sent(_turn(tools=(TOOL, TOOL)))


_RAW = b'{"model":"auto","messages":[{"role":"user","content":"hi"}]%s}'


@pytest.mark.parametrize(
    ("extra", "turn", "model", "host", "sent"),
    [
        (b'"temperature":1', {"sampling": Sampling(temperature=1)}, GPT_REASONING, "openai", {}),
        (b'"max_tokens":5', {"max_output_tokens": 5}, GPT_REASONING, "openai", {"max_completion_tokens": 5}),
        (b'"max_tokens":5', {"max_output_tokens": 5}, GPT, "openai", {"max_tokens": 5}),
        (b'"max_completion_tokens":5', {"max_output_tokens": 5}, LLAMA, "ollama", {"max_tokens": 5}),
        (b'"max_completion_tokens":5', {"max_output_tokens": 5}, LLAMA, "vllm", {"max_completion_tokens": 5}),
        (
            b'"reasoning_effort":"max"',
            {"reasoning_effort": "max"},
            GPT_REASONING,
            "openai",
            {"reasoning_effort": "high"},
        ),
    ],
)
def test_a_relayed_body_is_rewritten_only_where_it_would_be_refused(
    extra: bytes, turn: dict[str, Any], model: Model, host: str, sent: dict[str, Any]
) -> None:
    outgoing = DIALECT.splice(_RAW % (b"," + extra), _turn(**turn), model, _at(host))

    body = json.loads(outgoing.body)
    assert {key: value for key, value in body.items() if key not in {"model", "messages"}} == sent
    assert body["model"] == model.name


def test_a_relay_passes_several_choices_on() -> None:
    able = msgspec.structs.replace(GPT, multiple_choices=True, logprobs=True)
    raw = _RAW % b',"n":2,"logprobs":true'

    assert json.loads(DIALECT.splice(raw, _turn(n=2, logprobs=True), able, OPENAI).body)["n"] == 2
    with pytest.raises(UnsupportedParameter):
        DIALECT.splice(raw, _turn(n=2), GPT, OPENAI)


def test_later_system_messages_stay_where_they_are() -> None:
    roles = [message["role"] for message in _sent(Turn((system("a"), user("b"), system("c"), user("d"))))["messages"]]
    assert roles == ["system", "user", "system", "user"]
