"""What is sent to Gemini."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from inline_snapshot import snapshot

from pointsman.catalog.models import Model
from pointsman.catalog.models import Reasoning as Ability
from pointsman.domain.message import (
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
from pointsman.providers.gemini import Gemini
from pointsman.providers.hosts import endpoint
from support.providers import FLASH, GOOGLE, TOOL, TOOL_TURN, assistant, system, user

DIALECT = Gemini()
LEVEL = msgspec.structs.replace(
    FLASH,
    id="google/gemini-3.5-flash",
    name="gemini-3.5-flash",
    reasoning=Ability("level", ("low", "medium", "high"), default_on=True),
)


def _sent(turn: Turn, model: Model = FLASH) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DIALECT.encode(turn, model, GOOGLE).body)
    return found


def _turn(*messages: Message, **fields: Any) -> Turn:
    return Turn(messages or (user("hi"),), **fields)


def test_a_turn_with_parallel_calls() -> None:
    outgoing = DIALECT.encode(TOOL_TURN, FLASH, GOOGLE)

    assert outgoing.path == "/v1beta/models/gemini-2.5-flash:generateContent"
    assert outgoing.headers == {"content-type": "application/json", "x-goog-api-key": "AIza-test"}
    assert b'"args":{"id":"1","price":1.10}' in outgoing.body
    assert json.loads(outgoing.body) == snapshot(
        {
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "tools": [
                {
                    "functionDeclarations": [
                        {
                            "name": "get_order",
                            "description": "Looks up an order.",
                            "parametersJsonSchema": {"type": "object", "properties": {"id": {"type": "string"}}},
                        }
                    ]
                }
            ],
            "contents": [
                {"role": "user", "parts": [{"text": "Where are orders 1 and 2?"}]},
                {
                    "role": "model",
                    "parts": [
                        {"text": "Let me look."},
                        {"functionCall": {"id": "call_1", "name": "get_order", "args": {"id": "1", "price": 1.1}}},
                        {"functionCall": {"id": "call_2", "name": "get_order", "args": {"id": "2"}}},
                    ],
                },
                {
                    "role": "user",
                    "parts": [
                        {"functionResponse": {"id": "call_1", "name": "get_order", "response": {"output": "shipped"}}},
                        {"functionResponse": {"id": "call_2", "name": "get_order", "response": {"error": "lost"}}},
                        {"text": "And now?"},
                    ],
                },
            ],
        }
    )


@pytest.mark.parametrize(
    ("base_url", "stream", "path"),
    [
        ("https://g.example", True, "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"),
        ("https://g.example/v1", False, "/models/gemini-2.5-flash:generateContent"),
        ("https://gw.example/google", False, "/v1beta/models/gemini-2.5-flash:generateContent"),
    ],
)
def test_where_it_is_sent(base_url: str, stream: bool, path: str) -> None:
    assert DIALECT.encode(_turn(stream=stream), FLASH, endpoint("g", "google", base_url=base_url)).path == path


def test_a_longer_conversation_begins_with_the_same_bytes() -> None:
    longer = msgspec.structs.replace(TOOL_TURN, messages=(*TOOL_TURN.messages, assistant("Sorry."), user("Refund it.")))
    short, long = (DIALECT.encode(turn, FLASH, GOOGLE).body for turn in (TOOL_TURN, longer))
    assert long.startswith(short.removesuffix(b"]}"))


def test_results_stand_in_the_order_of_their_calls() -> None:
    swapped = Message("tool", tuple(reversed(TOOL_TURN.messages[3].parts)))
    turn = msgspec.structs.replace(TOOL_TURN, messages=(*TOOL_TURN.messages[:3], swapped))
    assert [part["functionResponse"]["id"] for part in _sent(turn)["contents"][2]["parts"]] == ["call_1", "call_2"]


def test_a_result_without_call_is_an_error() -> None:
    with pytest.raises(RequestError, match="answers no call"):
        _sent(_turn(user("a"), Message("tool", (ToolResult("x", ()),))))


def test_signatures_go_only_to_their_origin() -> None:
    def called(origin: str) -> dict[str, Any]:
        call = ToolCall("c", "get_order", "{}", origin=origin, origin_state="c2ln")
        turn = _turn(user("a"), Message("assistant", (call,)), Message("tool", (ToolResult("c", (Text("r"),)),)))
        part: dict[str, Any] = _sent(turn)["contents"][1]["parts"][0]
        return part

    assert called("google")["thoughtSignature"] == "c2ln"
    assert called("google/gemini-2.5-flash")["thoughtSignature"] == "c2ln"
    assert "thoughtSignature" not in called("google/gemini-3.5-flash")
    assert "thoughtSignature" not in called("anthropic")
    kept = Message("assistant", (Text("b"), Reasoning("google", "hm", "c2ln"), Reasoning("anthropic", "x", "s")))
    assert _sent(_turn(user("a"), kept, user("c")))["contents"][1]["parts"] == [
        {"text": "b"},
        {"text": "", "thoughtSignature": "c2ln"},
    ]


def test_system_and_first_turn() -> None:
    sent = _sent(_turn(system("a"), assistant("Hello!"), user("b"), system("c")))
    assert sent["systemInstruction"] == {"parts": [{"text": "a"}]}
    assert [content["role"] for content in sent["contents"]] == ["user", "model", "user"]
    assert sent["contents"][2]["parts"] == [{"text": "b"}, {"text": "[System instruction] c"}]


def test_pictures() -> None:
    sent = _sent(_turn(Message("user", (Image("image/png", "YWJj"),))))
    assert sent["contents"][0]["parts"] == [{"inlineData": {"mimeType": "image/png", "data": "YWJj"}}]
    with pytest.raises(UnsupportedParameter, match="data: URL"):
        _sent(_turn(Message("user", (Image(url="https://example.org/a.png"),))))


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (ToolChoice("auto"), {"mode": "AUTO"}),
        (ToolChoice("none"), {"mode": "NONE"}),
        (ToolChoice("required"), {"mode": "ANY"}),
        (ToolChoice("named", ("get_order",)), {"mode": "ANY", "allowedFunctionNames": ["get_order"]}),
        (ToolChoice("required", ("get_order",)), {"mode": "ANY", "allowedFunctionNames": ["get_order"]}),
    ],
)
def test_tool_choice(choice: ToolChoice, sent: dict[str, Any]) -> None:
    assert _sent(_turn(tools=(TOOL, Tool("other")), tool_choice=choice))["toolConfig"] == {
        "functionCallingConfig": sent
    }


def test_one_call_at_a_time_cannot_be_promised() -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        _sent(_turn(tools=(TOOL,), tool_choice=ToolChoice("auto", parallel=False)))
    assert caught.value.param == "parallel_tool_calls"


def test_generation_config() -> None:
    turn = _turn(
        sampling=Sampling(0.1, 0.2, 3, 4, 0.5, 0.6),
        max_output_tokens=7,
        stop=("a",),
        output_format=OutputFormat("json_schema", {"type": "object"}),
        extras={"labels": {}, "odd": 1},
    )
    outgoing = DIALECT.encode(turn, FLASH, GOOGLE)
    assert outgoing.dropped == ("odd",)
    assert json.loads(outgoing.body)["generationConfig"] == snapshot(
        {
            "temperature": 0.1,
            "topP": 0.2,
            "topK": 3,
            "seed": 4,
            "presencePenalty": 0.5,
            "frequencyPenalty": 0.6,
            "maxOutputTokens": 7,
            "stopSequences": ["a"],
            "responseMimeType": "application/json",
            "responseJsonSchema": {"type": "object"},
        }
    )


@pytest.mark.parametrize(
    ("fields", "model", "sent", "dropped"),
    [
        ({}, FLASH, None, ()),
        ({"reasoning_effort": "none"}, FLASH, {"thinkingBudget": 0}, ()),
        ({"reasoning_effort": "medium"}, FLASH, {"thinkingBudget": 8192}, ()),
        ({"reasoning_budget_tokens": 50_000}, FLASH, {"thinkingBudget": 24_576}, ("reasoning_budget_tokens",)),
        ({"reasoning_effort": "high"}, LEVEL, {"thinkingLevel": "HIGH"}, ()),
        ({"reasoning_effort": "none"}, LEVEL, {"thinkingLevel": "LOW"}, ("reasoning_effort",)),
        ({"reasoning_budget_tokens": 1500}, LEVEL, {"thinkingLevel": "LOW"}, ()),
    ],
)
def test_reasoning(fields: dict[str, Any], model: Model, sent: dict[str, Any] | None, dropped: tuple[str, ...]) -> None:
    outgoing = DIALECT.encode(_turn(**fields), model, GOOGLE)
    assert json.loads(outgoing.body).get("generationConfig", {}).get("thinkingConfig") == sent
    assert outgoing.dropped == dropped


def test_what_changes_the_reply_is_refused_by_name() -> None:
    for fields, param in (({"n": 2}, "n"), ({"logprobs": True}, "logprobs"), ({"stop": tuple("abcdef")}, "stop")):
        with pytest.raises(UnsupportedParameter) as caught:
            _sent(_turn(**fields))
        assert caught.value.param == param


def test_a_relayed_body_is_not_touched() -> None:
    body = b'{ "contents" : [] }'
    outgoing = DIALECT.splice(body, _turn(), FLASH, GOOGLE)
    assert (outgoing.body, outgoing.path) == (body, "/v1beta/models/gemini-2.5-flash:generateContent")
