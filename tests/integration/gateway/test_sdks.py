"""Unmodified OpenAI and Anthropic SDKs against the gateway, whatever provider serves the turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from support.gateway import GatewayUnderTest, gateway

SERVED_BY = [
    "anthropic/claude-haiku-4-5",
    "openai/gpt-4o-mini",
    "google/gemini-2.5-flash",
    "google/gemini-3.5-flash",
    "groq/openai/gpt-oss-20b",
]
ORDER_TOOL = {
    "name": "lookup_order",
    "description": "Look up an order by its id.",
    "parameters": {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]},
}
OPENAI_TOOL: Any = {"type": "function", "function": ORDER_TOOL}
ANTHROPIC_TOOL: Any = {
    "name": ORDER_TOOL["name"],
    "description": ORDER_TOOL["description"],
    "input_schema": ORDER_TOOL["parameters"],
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayUnderTest]:
    folder: Path = tmp_path_factory.mktemp("store")
    with gateway(folder / "turns.db") as running:
        yield running


@pytest.fixture
def openai_client(served: GatewayUnderTest) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="k", base_url=served.openai_url, max_retries=0) as client:
        yield client


@pytest.fixture
def anthropic_client(served: GatewayUnderTest) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(api_key="k", base_url=served.base_url, max_retries=0) as client:
        yield client


def test_auto_routes_and_says_what_was_chosen(openai_client: openai.OpenAI, served: GatewayUnderTest) -> None:
    raw = openai_client.chat.completions.with_raw_response.create(
        model="auto", messages=[{"role": "user", "content": "What are your opening hours?"}]
    )
    assert raw.headers["x-pointsman-route"] == "direct"
    assert raw.headers["x-pointsman-model"] == "anthropic/claude-haiku-4-5"
    assert float(raw.headers["x-pointsman-cost-usd"]) > 0
    record = served.router.store.turn(raw.headers["x-pointsman-decision-id"])
    assert record is not None
    assert record.simulated
    assert record.usage is not None
    assert raw.parse().usage.prompt_tokens == record.usage.prompt  # type: ignore[union-attr]


@pytest.mark.parametrize("model", SERVED_BY)
@pytest.mark.parametrize("stream", [False, True])
def test_openai_sdk_with_any_provider(openai_client: openai.OpenAI, model: str, stream: bool) -> None:
    messages: Any = [{"role": "user", "content": "What is your refund policy?"}]
    if not stream:
        reply = openai_client.chat.completions.create(model=model, messages=messages)
        assert reply.choices[0].message.content
        assert reply.choices[0].finish_reason == "stop"
        assert reply.usage is not None
        return
    chunks = list(
        openai_client.chat.completions.create(
            model=model, messages=messages, stream=True, stream_options={"include_usage": True}
        )
    )
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert chunks[-1].usage is not None
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"


@pytest.mark.parametrize("model", SERVED_BY)
@pytest.mark.parametrize("stream", [False, True])
def test_anthropic_sdk_with_any_provider(anthropic_client: anthropic.Anthropic, model: str, stream: bool) -> None:
    messages: Any = [{"role": "user", "content": "What is your refund policy?"}]
    if stream:
        with anthropic_client.messages.stream(model=model, max_tokens=200, messages=messages) as streamed:
            reply = streamed.get_final_message()
    else:
        reply = anthropic_client.messages.create(model=model, max_tokens=200, messages=messages)  # type: ignore[assignment]
    assert reply.content[0].type == "text"
    assert reply.stop_reason == "end_turn"
    assert reply.usage.output_tokens > 0
    assert reply.usage.input_tokens > 0


@pytest.mark.parametrize("model", SERVED_BY)
@pytest.mark.parametrize("stream", [False, True])
def test_openai_tool_loop_with_any_provider(openai_client: openai.OpenAI, model: str, stream: bool) -> None:
    messages: Any = [{"role": "user", "content": "Where is my order A-1001?"}]
    request: Any = {"model": model, "messages": messages, "tools": [OPENAI_TOOL], "tool_choice": "required"}
    if stream:
        with openai_client.chat.completions.stream(**request) as streamed:
            message = streamed.get_final_completion().choices[0].message
    else:
        message = openai_client.chat.completions.create(**request).choices[0].message
    assert message.tool_calls
    assert message.tool_calls[0].function.name == "lookup_order"
    assert "order_id" in message.tool_calls[0].function.arguments
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": '{"status": "shipped"}'} for call in message.tool_calls
    ]
    assistant = message.model_dump(exclude_none=True, exclude={"parsed"})
    for call in assistant["tool_calls"]:
        call["function"].pop("parsed_arguments", None)
    history: Any = [*messages, assistant, *results]
    final = openai_client.chat.completions.create(model=model, messages=history, tools=[OPENAI_TOOL])
    assert final.choices[0].message.content


@pytest.mark.parametrize("model", SERVED_BY)
def test_anthropic_tool_loop_with_any_provider(anthropic_client: anthropic.Anthropic, model: str) -> None:
    messages: Any = [{"role": "user", "content": "Where is my order A-1001?"}]
    request: Any = {"model": model, "max_tokens": 300, "tools": [ANTHROPIC_TOOL]}
    with anthropic_client.messages.stream(messages=messages, tool_choice={"type": "any"}, **request) as streamed:
        reply = streamed.get_final_message()
    calls = [block for block in reply.content if block.type == "tool_use"]
    assert reply.stop_reason == "tool_use"
    assert calls[0].name == "lookup_order"
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": "shipped"} for call in calls]
    answered: Any = [{"role": "assistant", "content": reply.content}, {"role": "user", "content": results}]
    final = anthropic_client.messages.create(messages=[*messages, *answered], **request)
    assert final.content[0].type == "text"


def test_old_anthropic_clients_may_set_temperature(anthropic_client: anthropic.Anthropic) -> None:
    reply = anthropic_client.messages.create(
        model="anthropic/claude-haiku-4-5",
        max_tokens=50,
        messages=[{"role": "user", "content": "hello"}],
        extra_headers={"anthropic-version": "2023-06-01"},
        extra_body={"temperature": 0.2},
    )
    assert reply.content


def test_models_are_listed_in_the_dialect_of_the_client(
    openai_client: openai.OpenAI, anthropic_client: anthropic.Anthropic
) -> None:
    assert "anthropic/claude-haiku-4-5" in {model.id for model in openai_client.models.list()}
    assert "auto" in {model.id for model in openai_client.models.list()}
    assert "anthropic/claude-haiku-4-5" in {model.id for model in anthropic_client.models.list()}


def test_count_tokens_asks_the_provider_where_it_can(anthropic_client: anthropic.Anthropic) -> None:
    counted = anthropic_client.messages.with_raw_response.count_tokens(
        model="anthropic/claude-haiku-4-5", messages=[{"role": "user", "content": "How many tokens is this?"}]
    )
    assert counted.parse().input_tokens > 0
    assert "x-pointsman-estimated" not in counted.headers


def test_an_unknown_model_is_a_404_in_the_clients_words(
    openai_client: openai.OpenAI, anthropic_client: anthropic.Anthropic
) -> None:
    with pytest.raises(openai.NotFoundError, match="not in the catalogue"):
        openai_client.chat.completions.create(model="gpt-99", messages=[{"role": "user", "content": "hi"}])
    with pytest.raises(anthropic.NotFoundError, match="not in the catalogue"):
        anthropic_client.messages.create(model="gpt-99", max_tokens=5, messages=[{"role": "user", "content": "hi"}])
