"""Every 400 of the real servers, one row each: a valid request, one change, the words of the refusal."""

from __future__ import annotations

from typing import Any

import pytest

from pointsman.emulator.app import Emulator
from support.emulated import KEYS, post

USER = {"role": "user", "content": "Hello"}
OPENAI_TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
CLAUDE_TOOL = {"name": "f", "input_schema": {"type": "object", "properties": {}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
USE = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
OPEN_SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


def said(*content: Any, role: str = "user") -> list[Any]:
    return [{"role": role, "content": list(content)}]


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words} | more


def marked(count: int, ttl: str = "5m") -> list[Any]:
    return [text(f"part {index}", cache_control={"type": "ephemeral", "ttl": ttl}) for index in range(count)]


OPENAI_ROWS: list[tuple[dict[str, Any], str, str | None, str | None]] = [
    ({"messages": []}, "empty array", "messages", "empty_array"),
    ({"messages": None}, "Missing required parameter: 'messages'", "messages", "missing_required_parameter"),
    ({"messages": [{"role": "boss", "content": "x"}]}, "Invalid value: 'boss'", "messages[0].role", "invalid_value"),
    ({"messages": [{"role": "user", "content": None}]}, "got null", "messages[0].content", "invalid_type"),
    ({"messages": said({"type": "video"})}, "Invalid value: 'video'", "messages[0].content[0].type", "invalid_value"),
    (
        {"messages": said(text("x"), {"type": "image_url", "image_url": {"url": "ftp://x"}})},
        "Expected a URL",
        None,
        None,
    ),
    ({"messages": [USER, {"role": "tool", "tool_call_id": "c1", "content": "x"}]}, "must be a response", None, None),
    (
        {"messages": [USER, {"role": "assistant", "tool_calls": [CALL]}, USER]},
        "did not have response messages: c1",
        None,
        None,
    ),
    (
        {"messages": [USER, {"role": "assistant", "tool_calls": [CALL]}]},
        "did not have response messages: c1",
        None,
        None,
    ),
    (
        {
            "messages": [
                USER,
                {"role": "assistant", "tool_calls": [CALL]},
                {"role": "tool", "tool_call_id": "c2", "content": "x"},
            ]
        },
        "'tool_call_id' of 'c2' not found",
        None,
        None,
    ),
    (
        {"messages": [USER, {"role": "assistant", "tool_calls": [CALL | {"id": "c" * 65}]}]},
        "string too long",
        "messages[1].tool_calls[0].id",
        "string_above_max_length",
    ),
    ({"wibble": 1}, "Unrecognized request argument supplied: wibble", "wibble", "unknown_parameter"),
    ({"temperature": 2.5}, "above maximum", "temperature", "decimal_above_max_value"),
    ({"stop": ["a", "b", "c", "d", "e"]}, "array too long", "stop", "array_above_max_length"),
    ({"top_logprobs": 3}, "only allowed when 'logprobs'", "top_logprobs", None),
    ({"stream_options": {"include_usage": True}}, "only allowed when 'stream'", "stream_options", None),
    ({"max_tokens": 20_000}, "max_tokens is too large", "max_tokens", "invalid_value"),
    ({"max_tokens": 9, "max_completion_tokens": 9}, "at the same time", None, None),
    ({"reasoning_effort": "low"}, "Unrecognized request argument", "reasoning_effort", "unsupported_parameter"),
    (
        {"model": "gpt-5-mini", "max_tokens": 9},
        "Use 'max_completion_tokens' instead",
        "max_tokens",
        "unsupported_parameter",
    ),
    ({"model": "gpt-5-mini", "temperature": 0.2}, "Only the default (1)", "temperature", "unsupported_value"),
    ({"model": "gpt-5-mini", "top_p": 0.5}, "'top_p' is not supported", "top_p", "unsupported_parameter"),
    (
        {"model": "gpt-5-mini", "reasoning_effort": "xhigh"},
        "does not support 'xhigh'",
        "reasoning_effort",
        "unsupported_value",
    ),
    (
        {"model": "gpt-5.6", "reasoning_effort": "minimal"},
        "does not support 'minimal'",
        "reasoning_effort",
        "unsupported_value",
    ),
    (
        {"model": "gpt-5.4", "tools": [OPENAI_TOOL], "reasoning_effort": "low"},
        "use /v1/responses",
        "reasoning_effort",
        None,
    ),
    ({"model": "gpt-5.6", "tools": [OPENAI_TOOL]}, "use /v1/responses", "reasoning_effort", None),
    ({"tools": []}, "empty array", "tools", "empty_array"),
    ({"tool_choice": "auto"}, "only allowed when 'tools'", "tool_choice", None),
    ({"parallel_tool_calls": False}, "only allowed when 'tools'", "parallel_tool_calls", None),
    (
        {"tools": [OPENAI_TOOL], "tool_choice": {"type": "function", "function": {"name": "g"}}},
        "'g' not found",
        "tool_choice",
        None,
    ),
    (
        {"tools": [{"type": "function", "function": {"name": "a b"}}]},
        "does not match pattern",
        "tools[0].function.name",
        None,
    ),
    (
        {"tools": [{"type": "function", "function": {"name": "f", "strict": True, "parameters": OPEN_SCHEMA}}]},
        "'additionalProperties' is required",
        "tools[0].function.parameters",
        "invalid_function_parameters",
    ),
    ({"response_format": {"type": "json_object"}}, "must contain the word 'json'", "messages", None),
    ({"response_format": {"type": "xml"}}, "Supported values are", "response_format.type", "invalid_value"),
    (
        {"response_format": {"type": "json_schema", "json_schema": {}}},
        "json_schema.name",
        None,
        "missing_required_parameter",
    ),
    (
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "r", "strict": True, "schema": OPEN_SCHEMA},
            }
        },
        "'additionalProperties' is required",
        "response_format",
        "invalid_json_schema",
    ),
    (
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "r", "strict": True, "schema": OPEN_SCHEMA | {"additionalProperties": False}},
            }
        },
        "Missing 'a'",
        "response_format",
        "invalid_json_schema",
    ),
    (
        {"messages": [{"role": "user", "content": "x" * 600_000}]},
        "maximum context length is 128000",
        "messages",
        "context_length_exceeded",
    ),
]


@pytest.mark.parametrize(("change", "words", "param", "code"), OPENAI_ROWS)
def test_openai_refuses(change: dict[str, Any], words: str, param: str | None, code: str | None) -> None:
    body = {"model": "gpt-4o", "messages": [USER]} | change
    answer = post(Emulator(), "/v1/chat/completions", body, KEYS["openai"])
    error = answer.json["error"]
    assert (answer.status, error["type"]) == (400, "invalid_request_error")
    assert words in error["message"]
    assert param is None or error["param"] == param
    assert code is None or error["code"] == code


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 0.2},
        {"model": "gpt-5.4", "reasoning_effort": "none", "temperature": 0.2},
        {"model": "gpt-5.4", "tools": [OPENAI_TOOL]},
        {"model": "gpt-5.6", "tools": [OPENAI_TOOL], "reasoning_effort": "none"},
        {"model": "gpt-5-mini", "tools": [OPENAI_TOOL], "reasoning_effort": "low", "max_completion_tokens": 99},
        {"response_format": {"type": "json_object"}, "messages": [{"role": "user", "content": "as JSON please"}]},
        {"model": "llama3.1:8b", "made_up_field": 1, "max_tokens": 9},
        {
            "messages": [
                USER,
                {"role": "assistant", "tool_calls": [CALL]},
                {"role": "tool", "tool_call_id": "c1", "content": ""},
            ]
        },
    ],
)
def test_openai_takes(change: dict[str, Any]) -> None:
    answer = post(Emulator(), "/v1/chat/completions", {"model": "gpt-4o", "messages": [USER]} | change, KEYS["openai"])
    assert answer.status == 200, answer.body


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"logprobs": True}, "logprobs"),
        ({"n": 2}, "at most 1"),
        ({"messages": [USER | {"name": "Ann"}]}, "'name' is unsupported"),
    ],
)
def test_groq_refuses_what_openai_takes(change: dict[str, Any], words: str) -> None:
    body = {"model": "llama-3.1-8b-instant", "messages": [USER]} | change
    answer = post(Emulator(), "/openai/v1/chat/completions", body, KEYS["openai"])
    assert answer.status == 400
    assert words in answer.json["error"]["message"]


CLAUDE_ROWS: list[tuple[dict[str, Any], str]] = [
    ({"max_tokens": None}, "max_tokens: Field required"),
    ({"max_tokens": 64_001}, "64001 > 64000"),
    ({"wibble": 1}, "wibble: Extra inputs are not permitted"),
    ({"temperature": 0.2}, "temperature: Extra inputs are not permitted"),
    ({"top_k": 3}, "top_k: Extra inputs are not permitted"),
    ({"messages": []}, "at least one message"),
    ({"messages": [*said(text("x"), role="assistant"), USER]}, 'first message must use the "user" role'),
    ({"messages": said(text(""))}, "text content blocks must be non-empty"),
    ({"messages": said(text(" \n"))}, "must contain non-whitespace"),
    ({"messages": [{"role": "user", "content": ""}]}, "non-empty content"),
    ({"system": [text("")]}, "system: text content blocks must be non-empty"),
    ({"messages": [USER, {"role": "system", "content": "x"}]}, "not supported for this model"),
    (
        {"model": "claude-opus-4-8", "messages": [{"role": "system", "content": "x"}, USER]},
        "must directly follow a 'user'",
    ),
    (
        {"messages": [USER, *said(USE, role="assistant"), USER], "tools": [CLAUDE_TOOL]},
        "without `tool_result` blocks immediately after: t1",
    ),
    (
        {"messages": [USER, *said(USE, role="assistant")], "tools": [CLAUDE_TOOL], "model": "claude-3-5-haiku"},
        "immediately after: t1",
    ),
    (
        {
            "messages": [
                USER,
                *said(USE, role="assistant"),
                *said(text("x"), {"type": "tool_result", "tool_use_id": "t1"}),
            ],
            "tools": [CLAUDE_TOOL],
        },
        "immediately after: t1",
    ),
    (
        {
            "messages": [USER, *said(USE, role="assistant"), *said({"type": "tool_result", "tool_use_id": "t2"})],
            "tools": [CLAUDE_TOOL],
        },
        "unexpected `tool_use_id` found in `tool_result` blocks: t2",
    ),
    (
        {"messages": [USER, *said(USE, role="assistant"), *said({"type": "tool_result", "tool_use_id": "t1"})]},
        "must define `tools`",
    ),
    ({"messages": [USER, {"role": "assistant", "content": "It is "}]}, "cannot end with trailing whitespace"),
    (
        {"model": "claude-opus-4-8", "messages": [USER, {"role": "assistant", "content": "It is"}]},
        "does not support assistant message prefill",
    ),
    ({"messages": [USER, *said({"type": "document"}, role="assistant"), USER]}, "'document' blocks are not permitted"),
    ({"messages": said(text("x", citations=[]))}, "citations: Extra inputs"),
    (
        {
            "messages": [
                USER,
                *said({"type": "thinking", "thinking": "hm", "signature": "forged"}, text("x"), role="assistant"),
                USER,
            ]
        },
        "Invalid `signature`",
    ),
    (
        {"messages": said({"type": "image", "source": {"type": "base64", "media_type": "image/bmp", "data": "YQ"}})},
        "media_type",
    ),
    ({"thinking": {"type": "adaptive"}}, "is not supported for this model"),
    (
        {"model": "claude-opus-4-8", "thinking": {"type": "enabled", "budget_tokens": 2000}, "max_tokens": 4000},
        "is not supported for this model",
    ),
    ({"thinking": {"type": "enabled", "budget_tokens": 100}}, "greater than or equal to 1024"),
    (
        {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 1024},
        "must be greater than `thinking.budget_tokens`",
    ),
    (
        {
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "max_tokens": 4000,
            "tools": [CLAUDE_TOOL],
            "tool_choice": {"type": "any"},
        },
        "forces tool use",
    ),
    ({"output_config": {"effort": "low"}}, "does not support the effort parameter"),
    ({"model": "claude-sonnet-4-6", "output_config": {"effort": "xhigh"}}, "effort level 'xhigh'"),
    (
        {"output_config": {"format": {"type": "json_schema", "schema": OPEN_SCHEMA}}},
        "'additionalProperties' must be explicitly set to false",
    ),
    (
        {"output_config": {"format": {"type": "json_schema", "schema": {"type": "integer", "minimum": 3}}}},
        "property 'minimum' is not supported",
    ),
    (
        {
            "model": "claude-3-5-haiku",
            "output_config": {"format": {"type": "json_schema", "schema": {"type": "string"}}},
        },
        "structured outputs",
    ),
    ({"tools": [{"name": "a b", "input_schema": {"type": "object"}}]}, "should match pattern"),
    ({"tools": [{"name": "f"}]}, "input_schema: Field required"),
    ({"tools": [{"name": "f", "input_schema": {}}]}, "input_schema.type: Field required"),
    ({"tools": [CLAUDE_TOOL, CLAUDE_TOOL]}, "must be unique"),
    ({"tool_choice": {"type": "auto"}}, "only be specified while providing `tools`"),
    ({"tools": [CLAUDE_TOOL], "tool_choice": {"type": "tool", "name": "g"}}, "'g' not found"),
    ({"stop_sequences": [" "]}, "non-whitespace"),
    ({"metadata": {"team": "x"}}, "metadata.team: Extra inputs"),
    ({"system": marked(5)}, "A maximum of 4 blocks with cache_control may be provided. Found 5."),
    ({"system": marked(1, "2h")}, "Input should be '5m' or '1h'"),
    ({"system": [*marked(1), *marked(1, "1h")]}, "must not come after a ttl='5m'"),
    ({"messages": [{"role": "user", "content": "x" * 900_000}]}, "prompt is too long"),
]


@pytest.mark.parametrize(("change", "words"), CLAUDE_ROWS)
def test_anthropic_refuses(change: dict[str, Any], words: str) -> None:
    body: dict[str, Any] = {"model": "claude-haiku-4-5", "max_tokens": 500, "messages": [USER]} | change
    answer = post(
        Emulator(), "/v1/messages", {key: value for key, value in body.items() if value is not None}, KEYS["anthropic"]
    )
    assert (answer.status, answer.json["error"]["type"]) == (400, "invalid_request_error")
    assert words in answer.json["error"]["message"]
    assert answer.json["request_id"] == answer.headers["request-id"]


@pytest.mark.parametrize(
    ("change", "version"),
    [
        ({"temperature": 0.2}, "2023-06-01"),
        ({"messages": [USER, USER]}, "2026-10-21"),
        ({"messages": [USER, {"role": "assistant", "content": "It is"}]}, "2026-10-21"),
        ({"model": "claude-opus-4-8", "messages": [USER, {"role": "system", "content": "x"}]}, "2026-10-21"),
        (
            {"model": "claude-opus-4-8", "thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}},
            "2026-10-21",
        ),
        ({"system": marked(4)}, "2026-10-21"),
        ({"max_tokens": 0}, "2026-10-21"),
    ],
)
def test_anthropic_takes(change: dict[str, Any], version: str) -> None:
    body = {"model": "claude-haiku-4-5", "max_tokens": 500, "messages": [USER]} | change
    answer = post(Emulator(), "/v1/messages", body, KEYS["anthropic"] | {"anthropic-version": version})
    assert answer.status == 200, answer.body


def test_opus_4_7_refuses_temperature_under_the_old_version_too() -> None:
    body = {"model": "claude-opus-4-7", "max_tokens": 9, "messages": [USER], "temperature": 1}
    answer = post(Emulator(), "/v1/messages", body, KEYS["anthropic"] | {"anthropic-version": "2023-06-01"})
    assert "deprecated for this model" in answer.json["error"]["message"]


@pytest.mark.parametrize(("version", "words"), [(None, "header is required"), ("2025-01-01", "not a valid version")])
def test_anthropic_wants_a_known_version(version: str | None, words: str) -> None:
    headers = {"x-api-key": "k"} | ({"anthropic-version": version} if version else {})
    answer = post(
        Emulator(), "/v1/messages", {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": [USER]}, headers
    )
    assert answer.status == 400
    assert words in answer.json["error"]["message"]


ASKED = {"role": "user", "parts": [{"text": "Where is it?"}]}
FCALL: dict[str, Any] = {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]}
FRESP: dict[str, Any] = {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "o"}}}]}
DECLARED = [{"functionDeclarations": [{"name": "f"}]}]

GEMINI_ROWS: list[tuple[str, dict[str, Any], str]] = [
    ("gemini-2.5-flash", {"contents": []}, "contents is not specified"),
    ("gemini-2.5-flash", {"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}, "valid role: user, model"),
    ("gemini-2.5-flash", {"contents": [{"role": "user", "parts": []}]}, "must not be empty"),
    ("gemini-2.5-flash", {"contents": [{"role": "user", "parts": [{}]}]}, "required oneof field 'data'"),
    ("gemini-2.5-flash", {"wibble": 1}, 'Unknown name "wibble"'),
    ("gemini-2.5-flash", {"generationConfig": {"wibble": 1}}, "Unknown name \"wibble\" at 'generation_config'"),
    ("gemini-2.5-flash", {"contents": [ASKED, FCALL, ASKED]}, "number of function response parts"),
    (
        "gemini-2.5-flash",
        {"contents": [ASKED, FCALL, FRESP | {"parts": FRESP["parts"] * 2}]},
        "number of function response parts",
    ),
    ("gemini-2.5-flash", {"contents": [FCALL, FRESP]}, "comes immediately after a user turn"),
    ("gemini-2.5-flash", {"contents": [ASKED, FRESP]}, "immediately after a function call turn"),
    (
        "gemini-2.5-flash",
        {"contents": [ASKED, FCALL, {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": "o"}}]}]},
        "google.protobuf.Struct",
    ),
    (
        "gemini-2.5-flash",
        {"contents": [ASKED, FCALL, {"role": "user", "parts": [{"functionResponse": {"response": {}}}]}]},
        "Name cannot be empty",
    ),
    ("gemini-3.5-flash", {"contents": [ASKED, FCALL, FRESP]}, "missing a thought_signature"),
    (
        "gemini-3.5-flash",
        {"contents": [ASKED, {"role": "model", "parts": [FCALL["parts"][0] | {"thoughtSignature": "bm8="}]}, FRESP]},
        "Corrupted thought signature",
    ),
    (
        "gemini-3.5-flash",
        {"generationConfig": {"thinkingConfig": {"thinkingBudget": 9, "thinkingLevel": "LOW"}}},
        "only set one",
    ),
    (
        "gemini-2.5-flash",
        {"generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW"}}},
        "Thinking level is not supported",
    ),
    ("gemini-2.5-pro", {"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}}, "Budget 0 is invalid"),
    ("gemini-2.5-flash", {"generationConfig": {"temperature": 3}}, "must be in the range"),
    ("gemini-2.5-flash", {"generationConfig": {"maxOutputTokens": 70_000}}, "supported range is from 1"),
    (
        "gemini-2.5-flash",
        {"generationConfig": {"responseSchema": {"type": "STRING"}}},
        "only supported with response_mime_type",
    ),
    (
        "gemini-2.5-flash",
        {"tools": DECLARED, "generationConfig": {"responseMimeType": "application/json"}},
        "Function calling with a response mime type",
    ),
    ("gemini-2.5-flash", {"tools": [{"functionDeclarations": [{"name": "9x"}]}]}, "Invalid function name"),
    ("gemini-2.5-flash", {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}, "without function_declarations"),
    (
        "gemini-2.5-flash",
        {"tools": DECLARED, "toolConfig": {"functionCallingConfig": {"allowedFunctionNames": ["f"]}}},
        "only be set when mode is ANY",
    ),
    ("gemini-2.5-flash", {"cachedContent": "cachedContents/1", "tools": DECLARED}, "CachedContent can not be used"),
    (
        "gemini-2.5-flash",
        {"contents": [{"role": "user", "parts": [{"fileData": {"fileUri": "https://example.com/a.png"}}]}]},
        "Cannot fetch content",
    ),
    (
        "gemini-2.5-flash",
        {"contents": [{"role": "user", "parts": [{"text": "x" * 4_300_000}]}]},
        "exceeds the maximum number of tokens",
    ),
]


@pytest.mark.parametrize(("model", "change", "words"), GEMINI_ROWS)
def test_gemini_refuses(model: str, change: dict[str, Any], words: str) -> None:
    answer = post(Emulator(), f"/v1/models/{model}:generateContent", {"contents": [ASKED]} | change, KEYS["gemini"])
    assert (answer.status, answer.json["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert words in answer.json["error"]["message"]


def test_gemini_takes_both_cases_of_field_names() -> None:
    body = {
        "contents": [
            {"role": "user", "parts": [{"inline_data": {"mime_type": "image/png", "data": "YQ=="}}, {"text": "x"}]}
        ],
        "system_instruction": {"parts": [{"text": "be kind"}]},
        "tools": [{"function_declarations": [{"name": "f", "parameters_json_schema": {"type": "object"}}]}],
        "generation_config": {"max_output_tokens": 9, "thinking_config": {"thinking_budget": 0}},
    }
    assert post(Emulator(), "/v1beta/models/gemini-2.5-flash:generateContent", body, KEYS["gemini"]).status == 200


def test_the_signature_must_be_of_the_same_model() -> None:
    contents: list[Any] = [{"role": "user", "parts": [{"text": "Where is order 12345?"}]}]
    tools = [
        {
            "functionDeclarations": [
                {"name": "get_order", "parameters": {"properties": {"order_id": {"type": "STRING"}}}}
            ]
        }
    ]
    first = post(
        Emulator(),
        "/v1/models/gemini-3.5-flash:generateContent",
        {"contents": contents, "tools": tools},
        KEYS["gemini"],
    )
    contents += [first.json["candidates"][0]["content"]]
    contents += [
        {"role": "user", "parts": [{"functionResponse": {"name": "get_order", "response": {"output": "sent"}}}]}
    ]

    def status(model: str) -> int:
        return post(Emulator(), f"/v1/models/{model}:generateContent", {"contents": contents}, KEYS["gemini"]).status

    assert (status("gemini-3.5-flash"), status("gemini-3.1-pro-preview")) == (200, 400)


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "words"),
    [
        ("/v1/chat/completions", {"model": "gpt-9", "messages": [USER]}, KEYS["openai"], 404, "does not exist"),
        (
            "/v1/messages",
            {"model": "claude-9", "max_tokens": 1, "messages": [USER]},
            KEYS["anthropic"],
            404,
            "model: claude-9",
        ),
        (
            "/v1/models/gemini-9:generateContent",
            {"contents": [ASKED]},
            KEYS["gemini"],
            404,
            "is not found for API version",
        ),
        ("/v1/chat/completions", {"model": "gpt-4o", "messages": [USER]}, {}, 401, "didn't provide an API key"),
        ("/v1/chat/completions", {"model": "gpt-4o"}, {"authorization": "Bearer invalid-1"}, 401, "Incorrect API key"),
        ("/v1/messages", {}, {"anthropic-version": "2026-10-21"}, 401, "x-api-key"),
        ("/v1/messages", {}, {"authorization": "Bearer invalid"}, 401, "invalid x-api-key"),
        ("/v1/models/gemini-2.5-flash:generateContent", {}, {}, 403, "unregistered callers"),
        ("/v1/models/gemini-2.5-flash:generateContent", {}, {"x-goog-api-key": "invalid"}, 400, "API key not valid"),
        ("/v1/chat/completions", b"{nope", KEYS["openai"], 400, "parse the JSON"),
        ("/v1/chat/completions", [1], KEYS["openai"], 400, "must be a JSON object"),
        (
            "/v1/messages",
            {"model": "claude-haiku-4-5", "max_tokens": 1, "messages": 5},
            KEYS["anthropic"],
            400,
            "messages",
        ),
        ("/v1/nowhere", {}, KEYS["openai"], 404, "Invalid URL"),
    ],
)
def test_models_keys_and_paths(path: str, body: Any, headers: dict[str, str], status: int, words: str) -> None:
    answer = post(Emulator(), path, body, headers)
    assert answer.status == status
    assert words in answer.body.decode()


def test_a_local_server_wants_no_key() -> None:
    assert post(Emulator(), "/v1/chat/completions", {"model": "llama3.1:8b", "messages": [USER]}).status == 200


def test_a_request_larger_than_the_server_takes_is_413() -> None:
    body = {
        "model": "claude-haiku-4-5",
        "max_tokens": 1,
        "messages": [{"role": "user", "content": "x" * (32 * 1024 * 1024)}],
    }
    answer = post(Emulator(), "/v1/messages", body, KEYS["anthropic"])
    assert (answer.status, answer.json["error"]["type"]) == (413, "request_too_large")
