"""The real model answers through the gateway: what it says is its own affair, how it is said, counted and kept is ours."""

from __future__ import annotations

import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import jsonschema  # type: ignore[import-untyped]  # it ships no annotations
import openai
import pytest

from pointsman.domain.record import TurnRecord
from pointsman.providers.local_server import CONTEXT, MAX_OUTPUT
from support.gateway import GatewayUnderTest

pytestmark = pytest.mark.local_model

MODEL = "local/smollm2-135m"
QUESTION: Any = [{"role": "user", "content": "What should I do when my parcel did not arrive?"}]


def kept(local: GatewayUnderTest, headers: Any) -> TurnRecord:
    """Return the stored record of the turn that these response headers name."""
    assert headers["x-pointsman-model"] == MODEL
    assert headers["x-pointsman-route"] in {"direct", "pinned"}
    record = local.router.store.turn(headers["x-pointsman-decision-id"])
    assert record is not None
    assert record.status == "ok"
    assert not record.simulated
    assert record.decision.model == record.steps[-1].model == MODEL
    assert record.cost_usd == 0
    assert local.router.catalog.get(MODEL).demo
    return record


def test_openai_whole_reply(openai_client: openai.OpenAI, local: GatewayUnderTest) -> None:
    raw = openai_client.chat.completions.with_raw_response.create(
        model="auto", messages=QUESTION, max_tokens=12, temperature=0
    )
    reply = raw.parse()
    record = kept(local, raw.headers)
    assert reply.choices[0].message.content
    assert reply.choices[0].finish_reason == "length"
    assert reply.usage is not None
    assert record.usage is not None
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (record.usage.prompt, 12)
    assert record.usage.output == 12
    assert record.ttft_ms is None
    assert raw.headers["x-pointsman-cost-usd"] == "0"


def test_openai_stream(openai_client: openai.OpenAI, local: GatewayUnderTest) -> None:
    raw = openai_client.chat.completions.with_raw_response.create(
        model="auto",
        messages=QUESTION,
        max_tokens=12,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(raw.parse())
    record = kept(local, raw.headers)
    said = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert "".join(choice.delta.content or "" for choice in said)
    assert said[-1].finish_reason == "length"
    assert chunks[-1].usage is not None
    assert record.usage is not None
    assert chunks[-1].usage.completion_tokens == record.usage.output == 12
    assert chunks[-1].usage.prompt_tokens == record.usage.prompt
    assert record.ttft_ms is not None
    assert record.stream


def test_anthropic_whole_reply(anthropic_client: anthropic.Anthropic, local: GatewayUnderTest) -> None:
    raw = anthropic_client.messages.with_raw_response.create(model="auto", max_tokens=4, messages=QUESTION)
    reply = raw.parse()
    record = kept(local, raw.headers)
    assert reply.content[0].type == "text"
    assert reply.content[0].text
    assert reply.stop_reason == "max_tokens"
    assert record.usage is not None
    assert reply.usage.output_tokens == record.usage.output == 4
    assert reply.usage.input_tokens + (reply.usage.cache_read_input_tokens or 0) == record.usage.prompt
    assert record.ttft_ms is None


def test_anthropic_stream(anthropic_client: anthropic.Anthropic, local: GatewayUnderTest) -> None:
    with anthropic_client.messages.stream(model="auto", max_tokens=4, messages=QUESTION) as stream:
        pieces = list(stream.text_stream)
        reply = stream.get_final_message()
        headers = stream.response.headers
    record = kept(local, headers)
    assert reply.content[0].type == "text"
    assert reply.content[0].text == "".join(pieces)
    assert reply.stop_reason == "max_tokens"
    assert record.usage is not None
    assert reply.usage.output_tokens == record.usage.output == 4
    assert record.ttft_ms is not None


def test_a_repeated_beginning_is_read_from_the_cache(
    openai_client: openai.OpenAI, anthropic_client: anthropic.Anthropic, local: GatewayUnderTest
) -> None:
    start: Any = {"role": "user", "content": "My order has the number 4711. " * 12}
    request: Any = {"model": MODEL, "messages": [start], "max_tokens": 2}
    openai_client.chat.completions.create(**request)
    raw = openai_client.chat.completions.with_raw_response.create(**request)
    usage = raw.parse().usage
    assert usage is not None
    assert usage.prompt_tokens_details is not None
    assert 0 < (usage.prompt_tokens_details.cached_tokens or 0) < usage.prompt_tokens
    record = kept(local, raw.headers)
    assert record.usage is not None
    assert record.usage.cache_read == usage.prompt_tokens_details.cached_tokens
    again = anthropic_client.messages.create(**request).usage
    assert (again.cache_read_input_tokens or 0) > 0
    assert again.input_tokens + (again.cache_read_input_tokens or 0) == usage.prompt_tokens


@pytest.mark.parametrize("stream", [False, True])
def test_a_reply_that_ends_by_itself_says_so(
    openai_client: openai.OpenAI, anthropic_client: anthropic.Anthropic, stream: bool
) -> None:
    ends: Any = {
        "model": "auto",
        "messages": QUESTION,
        "max_tokens": 64,
        "temperature": 0,
        "stop": ["a", "e", "i", "o"],
    }
    if stream:
        finish = [c.choices[0].finish_reason for c in openai_client.chat.completions.create(**ends, stream=True)]
        assert finish[-1] == "stop"
    else:
        assert openai_client.chat.completions.create(**ends).choices[0].finish_reason == "stop"
    del ends["stop"], ends["temperature"]
    asked = {**ends, "stop_sequences": ["a", "e", "i", "o"], "stream": stream}
    if stream:
        events = list(anthropic_client.messages.create(**asked))
        assert [e.delta.stop_reason for e in events if e.type == "message_delta"] == ["end_turn"]
    else:
        assert anthropic_client.messages.create(**asked).stop_reason == "end_turn"


@pytest.mark.parametrize("text", ["word " * 2 * CONTEXT, "7 " * (CONTEXT + 500)], ids=["by-estimate", "by-the-server"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_prompt_too_long_is_a_400(
    openai_client: openai.OpenAI, anthropic_client: anthropic.Anthropic, text: str, stream: bool
) -> None:
    messages: Any = [{"role": "user", "content": text}]
    with pytest.raises(openai.BadRequestError, match=r"8,?192"):
        openai_client.chat.completions.create(model="auto", messages=messages, max_tokens=4, stream=stream)
    with pytest.raises(anthropic.BadRequestError, match=r"8,?192"):
        anthropic_client.messages.create(model="auto", messages=messages, max_tokens=4, stream=stream)


SCHEMA: Any = {
    "type": "object",
    "properties": {
        "intent": {"type": "string", "enum": ["refund", "order status", "other"]},
        "urgent": {"type": "boolean"},
        "stars": {"type": "integer", "minimum": 1, "maximum": 5},
    },
    "required": ["intent", "urgent", "stars"],
    "additionalProperties": False,
}
PATTERN: Any = {
    "type": "object",
    "properties": {"code": {"type": "string", "pattern": "^[A-Z]{2}$"}},
    "required": ["code"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("schema", [SCHEMA, PATTERN], ids=["compact", "wider-than-the-compact-grammar"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_json_schema_is_kept(openai_client: openai.OpenAI, schema: Any, stream: bool) -> None:
    request: Any = {
        "model": "auto",
        "messages": QUESTION,
        "max_tokens": 64,
        "temperature": 0,
        "response_format": {"type": "json_schema", "json_schema": {"name": "ticket", "schema": schema, "strict": True}},
    }
    if stream:
        chunks = list(openai_client.chat.completions.create(**request, stream=True))
        text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        finish = chunks[-1].choices[0].finish_reason
    else:
        choice = openai_client.chat.completions.create(**request).choices[0]
        text, finish = choice.message.content or "", choice.finish_reason
    jsonschema.validate(json.loads(text), schema)
    assert finish == "stop"


def test_any_json_object(openai_client: openai.OpenAI) -> None:
    reply = openai_client.chat.completions.create(
        model="auto", messages=QUESTION, max_tokens=64, temperature=0, response_format={"type": "json_object"}
    )
    assert (reply.choices[0].message.content or "").startswith("{")


def test_two_customers_at_once(openai_client: openai.OpenAI) -> None:
    def ask(number: int) -> str | None:
        messages: Any = [{"role": "user", "content": f"Count from {number} on."}]
        reply = openai_client.chat.completions.create(model="auto", messages=messages, max_tokens=16)
        return reply.choices[0].message.content

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, range(4)))


def test_a_client_that_leaves_frees_the_model(openai_client: openai.OpenAI, local: GatewayUnderTest) -> None:
    raw = openai_client.chat.completions.with_raw_response.create(
        model="auto",
        messages=[{"role": "user", "content": "Tell me a very long story."}],
        max_tokens=MAX_OUTPUT,
        stream=True,
        logit_bias=None,
    )
    stream = raw.parse()
    next(iter(stream))
    stream.close()
    while any(slot["is_processing"] for slot in slots(local)):
        pass
    # A slot that never worked has no next token.
    decoded = max(slot["next_token"][0]["n_decoded"] for slot in slots(local) if "next_token" in slot)
    record = None
    while record is None:
        record = local.router.store.turn(raw.headers["x-pointsman-decision-id"])
    assert record.status == "cancelled"
    assert decoded < MAX_OUTPUT


def slots(local: GatewayUnderTest) -> list[Any]:
    """Return what llama.cpp does just now."""
    status, _, body = ask_llama(local, "/slots")
    assert status == 200
    found: list[Any] = json.loads(body)
    return found


def ask_llama(local: GatewayUnderTest, path: str, *, key: bool = True) -> tuple[int, str, bytes]:
    """Ask the embedded server itself; return status, the allowed origin and the body."""
    endpoint = local.router.engine.dispatch.endpoints["local"]
    address = endpoint.base_url.removeprefix("http://").removesuffix("/v1")
    headers = {"origin": "http://elsewhere.example"}
    if key:
        headers["authorization"] = f"Bearer {endpoint.api_key}"
    connection = http.client.HTTPConnection(address, timeout=20)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.getheader("access-control-allow-origin") or "", answer.read()
    finally:
        connection.close()


def test_only_the_gateway_can_use_the_embedded_server(local: GatewayUnderTest) -> None:
    assert local.router.engine.dispatch.endpoints["local"].base_url.startswith("http://127.0.0.1:")
    assert ask_llama(local, "/slots", key=False)[0] == 401
    assert ask_llama(local, "/v1/models", key=False)[0] == 401
    assert ask_llama(local, "/")[0] == 404
    assert ask_llama(local, "/v1/models")[1] == ""


def test_each_conversation_has_the_context_of_the_catalogue(local: GatewayUnderTest) -> None:
    model = local.router.catalog.get(MODEL)
    assert {slot["n_ctx"] for slot in slots(local)} == {CONTEXT} == {model.context_window}
    assert model.max_output == MAX_OUTPUT
