"""The official SDKs, unmodified, against the emulator on a real port."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import types
from pydantic import BaseModel

from pointsman.emulator.script import Fault, Rule, Script
from pointsman.emulator.serving import Handle

Serve = Callable[..., Handle]
SCHEMA = {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]}


class Ticket(BaseModel):
    intent: str
    urgent: bool


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI", "ANTHROPIC", "GEMINI", "GOOGLE", "GOOGLE_GEMINI"):
        for kind in ("API_KEY", "BASE_URL", "AUTH_TOKEN", "PROFILE"):
            monkeypatch.delenv(f"{name}_{kind}", raising=False)


@pytest.fixture
def gpt(serve: Serve) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="k", base_url=serve().base_url + "/v1", max_retries=0) as client:
        yield client


@pytest.fixture
def claude(serve: Serve) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(api_key="k", base_url=serve().base_url, max_retries=0) as client:
        yield client


@pytest.fixture(params=["v1", "v1beta"])
def gemini(serve: Serve, request: pytest.FixtureRequest) -> Iterator[genai.Client]:
    options = types.HttpOptions(base_url=serve().base_url, api_version=request.param)
    client = genai.Client(api_key="k", http_options=options)
    yield client
    client.close()


def test_openai_tool_loop(gpt: openai.OpenAI) -> None:
    tools: Any = [{"type": "function", "function": {"name": "get_order", "description": "order", "parameters": SCHEMA}}]
    messages: list[Any] = [{"role": "user", "content": "Where are orders 10023 and 10024?"}]
    first = gpt.chat.completions.create(model="gpt-4o", messages=messages, tools=tools)
    calls = first.choices[0].message.tool_calls or []
    assert [call.function.arguments for call in calls if call.type == "function"] == [
        '{"order_id":"10023"}',
        '{"order_id":"10024"}',
    ]
    messages.append(first.choices[0].message)
    messages += [{"role": "tool", "tool_call_id": call.id, "content": '{"status": "shipped"}'} for call in calls]
    second = gpt.chat.completions.create(model="gpt-4o", messages=messages, tools=tools)
    assert (second.choices[0].message.content or "").count("status is shipped") == 2


def test_openai_stream_helper_and_parse(gpt: openai.OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "How do I return shoes?"}]
    with gpt.chat.completions.stream(
        model="gpt-5.4", messages=messages, stream_options={"include_usage": True}
    ) as stream:
        final = stream.get_final_completion()
    assert "within 30 days" in (final.choices[0].message.content or "")
    assert final.usage is not None
    assert final.usage.total_tokens == final.usage.prompt_tokens + final.usage.completion_tokens
    parsed = gpt.chat.completions.parse(model="gpt-4o", messages=messages, response_format=Ticket)
    assert isinstance(parsed.choices[0].message.parsed, Ticket)
    assert "gpt-5.4" in [model.id for model in gpt.models.list()]


def test_openai_errors(gpt: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        gpt.chat.completions.create(model="gpt-9", messages=[{"role": "user", "content": "Hi"}])
    with pytest.raises(openai.BadRequestError) as caught:
        gpt.chat.completions.create(model="gpt-5-mini", messages=[{"role": "user", "content": "Hi"}], max_tokens=5)
    assert (caught.value.param, caught.value.code) == ("max_tokens", "unsupported_parameter")
    with pytest.raises(openai.AuthenticationError):
        gpt.with_options(api_key="invalid").chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": "Hi"}]
        )


def test_openai_on_groqs_path(serve: Serve) -> None:
    handle = serve()
    with openai.OpenAI(api_key="k", base_url=handle.base_url + "/openai/v1", max_retries=0) as client:
        reply = client.chat.completions.create(
            model="llama-3.1-8b-instant", messages=[{"role": "user", "content": "Hi"}]
        )
    assert reply.choices[0].finish_reason == "stop"
    record = handle.requests[0]
    assert (record.path, record.body["model"], record.status) == (
        "/openai/v1/chat/completions",
        "llama-3.1-8b-instant",
        200,
    )


def test_anthropic_tool_loop_with_thinking(claude: anthropic.Anthropic) -> None:
    tools: Any = [{"name": "get_order", "description": "order", "input_schema": SCHEMA}]
    messages: list[Any] = [{"role": "user", "content": "Where is order 10023?"}]
    common: Any = {"model": "claude-opus-4-8", "max_tokens": 900, "tools": tools, "thinking": {"type": "adaptive"}}
    with claude.messages.stream(messages=messages, **common) as stream:
        first = stream.get_final_message()
    assert [block.type for block in first.content] == ["thinking", "tool_use"]
    use = first.content[-1]
    assert use.type == "tool_use"
    assert use.input == {"order_id": "10023"}
    messages.append({"role": "assistant", "content": first.content})
    messages.append(
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": use.id, "content": '{"status": "shipped"}'}],
        }
    )
    second = claude.messages.create(messages=messages, **common)
    assert "status is shipped" in second.content[-1].to_json()


def test_anthropic_both_versions(claude: anthropic.Anthropic) -> None:
    asked: Any = {"model": "claude-haiku-4-5", "max_tokens": 99, "messages": [{"role": "user", "content": "Hi"}]}
    with pytest.raises(anthropic.BadRequestError, match="Extra inputs are not permitted"):
        claude.messages.create(**asked, extra_body={"temperature": 0.2})
    old = claude.messages.create(
        **asked, extra_body={"temperature": 0.2}, extra_headers={"anthropic-version": "2023-06-01"}
    )
    assert old.stop_reason == "end_turn"
    assert (
        claude.messages.count_tokens(model="claude-haiku-4-5", messages=asked["messages"]).input_tokens
        == old.usage.input_tokens
    )
    assert [model.id for model in claude.models.list(limit=3)][:2] == ["claude-haiku-4-5", "claude-sonnet-4-6"]


def test_anthropic_cache_and_structured_output(claude: anthropic.Anthropic) -> None:
    system: Any = [{"type": "text", "text": "Be kind. " * 3000, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    asked: Any = {"model": "claude-haiku-4-5", "max_tokens": 99, "system": system}
    asked["messages"] = [{"role": "user", "content": "Hi"}]
    first, second = claude.messages.create(**asked), claude.messages.create(**asked)
    assert first.usage.cache_creation is not None
    assert first.usage.cache_creation.ephemeral_1h_input_tokens == second.usage.cache_read_input_tokens
    parsed = claude.messages.parse(
        model="claude-haiku-4-5", max_tokens=99, messages=asked["messages"], output_format=Ticket
    )
    assert isinstance(parsed.parsed_output, Ticket)


def test_gemini_tool_loop_keeps_its_signature(gemini: genai.Client) -> None:
    declared = types.FunctionDeclaration(name="get_order", description="order", parameters_json_schema=SCHEMA)
    config = types.GenerateContentConfig(
        system_instruction="Be kind", tools=[types.Tool(function_declarations=[declared])]
    )
    contents: list[Any] = [types.Content(role="user", parts=[types.Part(text="Where is order 10023?")])]
    first = gemini.models.generate_content(model="gemini-3.5-flash", contents=contents, config=config)
    assert first.candidates
    assert first.function_calls
    assert first.function_calls[0].args == {"order_id": "10023"}
    answer = types.Part.from_function_response(name="get_order", response={"output": '{"status": "shipped"}'})
    contents += [first.candidates[0].content, types.Content(role="user", parts=[answer])]
    second = gemini.models.generate_content(model="gemini-3.5-flash", contents=contents, config=config)
    assert "status is shipped" in (second.text or "")


def test_gemini_stream_schema_count_and_list(gemini: genai.Client) -> None:
    frames = list(gemini.models.generate_content_stream(model="gemini-2.5-flash", contents="How do I return shoes?"))
    assert "within 30 days" in "".join(frame.text or "" for frame in frames)
    usage = frames[-1].usage_metadata
    assert usage is not None
    assert usage.total_token_count == (usage.prompt_token_count or 0) + (usage.candidates_token_count or 0) + (
        usage.thoughts_token_count or 0
    )
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=Ticket)
    reply = gemini.models.generate_content(model="gemini-2.5-flash", contents="Refund!", config=config)
    assert isinstance(reply.parsed, Ticket)
    assert (gemini.models.count_tokens(model="gemini-2.5-flash", contents="Hello").total_tokens or 0) > 0
    assert "models/gemini-2.5-flash" in [model.name for model in gemini.models.list()]


def test_gemini_errors_have_status_and_code(serve: Serve) -> None:
    script = Script(rules=(Rule(fault=Fault(kind="status", status=503, message="Down.")),))
    options = types.HttpOptions(base_url=serve(script).base_url)
    client = genai.Client(api_key="k", http_options=options)
    with pytest.raises(genai.errors.ServerError) as caught:
        client.models.generate_content(model="gemini-2.5-flash", contents="Hi")
    assert (caught.value.code, caught.value.status) == (503, "UNAVAILABLE")
    client.close()


def test_sdk_retries_succeed_when_the_fault_is_for_the_first_calls_only(serve: Serve) -> None:
    fault = Fault(kind="status", status=529, headers={"retry-after-ms": "1"})
    handle = serve(Script(rules=(Rule(times=2, fault=fault),)))
    with anthropic.Anthropic(api_key="k", base_url=handle.base_url, max_retries=2) as client:
        reply = client.messages.create(
            model="claude-haiku-4-5", max_tokens=9, messages=[{"role": "user", "content": "Hi"}]
        )
    assert reply.type == "message"
    assert [record.status for record in handle.requests] == [529, 529, 200]
