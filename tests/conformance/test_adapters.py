"""One suite for every adapter, against the emulator on a real port: what is asked, what comes back, how it fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec
import pytest

from pointsman.catalog.models import Model
from pointsman.domain.message import Message, OutputFormat, Text, ToolCall, ToolChoice
from pointsman.domain.reply import (
    Event,
    ReasoningDelta,
    Reply,
    ReplyEnd,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    UsageReport,
)
from pointsman.domain.turn import Turn
from pointsman.domain.usage import Usage
from pointsman.emulator.app import Emulator
from pointsman.emulator.script import Fault, Quirks, Rule, SaidCall, Say, Script, UsageSaid, When
from pointsman.emulator.serving import Handle, serve_in_thread
from pointsman.errors import ProviderError, StreamBroken
from pointsman.providers.hosts import HOSTS, endpoint
from pointsman.providers.lean_transport import LeanTransport
from pointsman.providers.registry import dialect
from support.providers import FLASH, GPT, HAIKU, LLAMA, TOOL, TOOL_TURN, system, user


class Adapter(NamedTuple):
    """A model on a host."""

    host: str
    model: Model


def _on(provider: str) -> Model:
    return msgspec.structs.replace(LLAMA, id=f"{provider}/llama", provider=provider, structured_output="json_schema")


ADAPTERS = [
    Adapter("openai", GPT),
    Adapter("anthropic", HAIKU),
    Adapter("google", FLASH),
    *[Adapter(host, _on(host)) for host in ("groq", "together", "ollama", "vllm", "llamacpp", "openai-compatible")],
]
THREE = ADAPTERS[:3]

SAID_USAGE = UsageSaid(uncached=50, cache_read=7, cache_write=0, output=9, reasoning=4)

EIGHT = Say(text="one two three four five six seven eight")
TWO_CALLS = (SaidCall("get_order", {"id": "1"}), SaidCall("get_order", {"id": "2"}))
ODD = Quirks(crlf=True, comments=True, extra_fields=True, split_bytes=3)
BARE = Quirks(no_space=True, usage="missing", pings=True, unknown_events=True)

RULES = (
    Rule("call", When(contains="parallel"), Say(text="Looking.", calls=TWO_CALLS)),
    Rule("usage", When(contains="counted"), Say(text="Counted.", usage=SAID_USAGE)),
    Rule("json", When(contains="as json"), Say(json={"ok": True})),
    Rule("long", When(contains="too long"), Say(text="cut off here", stop="max_tokens")),
    Rule("limited", When(contains="limited"), fault=Fault("status", status=429, retry_after_s=7)),
    Rule("busy", When(contains="busy"), fault=Fault("status", status=503)),
    Rule("error", When(contains="error later"), EIGHT, fault=Fault("error", after_deltas=1)),
    Rule("end", When(contains="early end"), EIGHT, fault=Fault("end", after_deltas=1)),
    Rule("cut", When(contains="cut"), EIGHT, fault=Fault("cut", after_deltas=1)),
    Rule("bad", When(contains="bad json"), EIGHT, fault=Fault("bad_json", after_deltas=1)),
    Rule("odd", When(contains="odd wire"), Say(text="Grüße 👋 to you"), quirks=ODD),
    Rule("bare", When(contains="bare wire"), Say(text="Hello"), quirks=BARE),
    Rule("name", When(contains="odd name"), Say(calls=(SaidCall("mcp_pm2e_find", {}),))),
)


@pytest.fixture(scope="module")
def emulator() -> Iterator[Handle]:
    with serve_in_thread(Emulator(Script(rules=RULES, any_model=True))) as handle:
        yield handle


class Exchange(NamedTuple):
    """What went out and what came back; ``failure`` instead of a reply."""

    sent: dict[str, Any]
    headers: dict[str, str]
    reply: Reply | None
    events: list[Event]
    failure: ProviderError | None


def _ask(emulator: Handle, adapter: Adapter, turn: Turn, *, relay: bytes | None = None) -> Exchange:
    return asyncio.run(_exchange(emulator, adapter, turn, relay))


async def _exchange(emulator: Handle, adapter: Adapter, turn: Turn, relay: bytes | None) -> Exchange:
    where = endpoint(adapter.model.provider, adapter.host, base_url=emulator.base_url, api_key="k")
    spoken = dialect(where.dialect)
    outgoing = (
        spoken.encode(turn, adapter.model, where) if relay is None else spoken.splice(relay, turn, adapter.model, where)
    )
    transport = LeanTransport()
    events: list[Event] = []
    reply: Reply | None = None
    failure: ProviderError | None = None
    try:
        answer = await transport.send(where, outgoing, connect_s=5, head_s=5)
        try:
            if answer.status != 200:
                failure = spoken.decode_error(answer.status, answer.headers, await answer.read())
            elif turn.stream:
                decoder = spoken.decoder(answer.headers)
                async for chunk in answer.chunks():
                    events += decoder.feed(chunk)
                events += decoder.close()
            else:
                reply = spoken.decode_reply(await answer.read(), answer.headers)
        finally:
            answer.close()
    except ProviderError as error:
        failure = error
    finally:
        await transport.aclose()
    recorded = emulator.requests[-1]
    assert recorded.raw == outgoing.body
    return Exchange(recorded.body, recorded.headers, reply, events, failure)


def _text(events: list[Event]) -> str:
    return "".join(event.text for event in events if type(event) is TextDelta)


def _usage(events: list[Event]) -> Usage | None:
    return next((event.usage for event in reversed(events) if type(event) is UsageReport), None)


each = pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.host)
each_dialect = pytest.mark.parametrize("adapter", THREE, ids=lambda adapter: adapter.host)


@each
def test_whole_and_streamed_say_the_same(emulator: Handle, adapter: Adapter) -> None:
    whole = _ask(emulator, adapter, Turn((user("too long"),)))
    streamed = _ask(emulator, adapter, Turn((user("too long"),), stream=True))

    assert whole.failure is None
    assert streamed.failure is None
    assert whole.reply is not None
    assert (whole.reply.text, whole.reply.stop_reason) == ("cut off here", "max_tokens")
    assert (_text(streamed.events), streamed.events[-1]) == ("cut off here", ReplyEnd("max_tokens"))
    assert whole.reply.usage == _usage(streamed.events)
    assert whole.reply.usage is not None


@each
def test_parallel_calls_there_and_back(emulator: Handle, adapter: Adapter) -> None:
    turn = Turn((system("s"), user("parallel")), tools=(TOOL,), stream=True)
    found = _ask(emulator, adapter, turn)

    assert found.failure is None
    starts = [event for event in found.events if type(event) is ToolCallStart]
    given = {start.index: "" for start in starts}
    for event in found.events:
        if type(event) is ToolCallDelta:
            given[event.index] += event.arguments
    assert [start.name for start in starts] == ["get_order", "get_order"]
    assert [json.loads(text) for text in given.values()] == [{"id": "1"}, {"id": "2"}]
    assert found.events[-1] == ReplyEnd("tool_use")
    whole = _ask(emulator, adapter, msgspec.structs.replace(turn, stream=False)).reply
    assert whole is not None
    assert [call.name for call in whole.tool_calls] == ["get_order", "get_order"]

    # The emulator checks histories as the real servers do: every call answered, in the right place.
    after = _ask(emulator, adapter, msgspec.structs.replace(TOOL_TURN, messages=TOOL_TURN.messages[:4]))
    assert after.failure is None
    spoken = _ask(emulator, adapter, TOOL_TURN)
    assert spoken.failure is None


@each
def test_an_odd_wire_is_read(emulator: Handle, adapter: Adapter) -> None:
    odd = _ask(emulator, adapter, Turn((user("odd wire"),), stream=True))
    assert (odd.failure, _text(odd.events)) == (None, "Grüße 👋 to you")
    bare = _ask(emulator, adapter, Turn((user("bare wire"),), stream=True))
    assert (bare.failure, _text(bare.events)) == (None, "Hello")


@each
def test_a_stream_that_breaks_is_never_a_clean_end(emulator: Handle, adapter: Adapter) -> None:
    for words in ("error later", "early end", "cut", "bad json"):
        found = _ask(emulator, adapter, Turn((user(words),), stream=True))
        assert isinstance(found.failure, ProviderError), words
        assert not any(type(event) is ReplyEnd for event in found.events), words
        if words == "early end":
            assert isinstance(found.failure, StreamBroken)


@each
def test_refusals_tell_when_to_come_back(emulator: Handle, adapter: Adapter) -> None:
    limited = _ask(emulator, adapter, Turn((user("limited"),))).failure
    assert limited is not None
    assert (limited.kind, limited.retry, limited.retry_after) == ("rate_limit", "same", 7.0)
    busy = _ask(emulator, adapter, Turn((user("busy"),), stream=True)).failure
    assert busy is not None
    assert (busy.kind, busy.retry, busy.upstream_status) == ("overloaded", "same", 503)


@each_dialect
def test_usage_is_exact(emulator: Handle, adapter: Adapter) -> None:
    for stream in (False, True):
        found = _ask(emulator, adapter, Turn((user("counted"),), stream=stream))
        usage = _usage(found.events) if found.reply is None else found.reply.usage
        assert usage is not None
        assert (usage.input_uncached, usage.cache_read, usage.cache_write or 0) == (50, 7, 0)
        assert (usage.output, usage.reasoning, usage.prompt) == (9, 4, 57)


@each_dialect
def test_structured_output_is_asked_for(emulator: Handle, adapter: Adapter) -> None:
    schema = {
        "type": "object",
        "properties": {"ok": {"type": "boolean"}},
        "required": ["ok"],
        "additionalProperties": False,
    }
    found = _ask(
        emulator, adapter, Turn((user("as json"),), output_format=OutputFormat("json_schema", schema, strict=True))
    )

    assert found.failure is None
    assert found.reply is not None
    assert json.loads(found.reply.text) == {"ok": True}
    asked: dict[str, Callable[[dict[str, Any]], Any]] = {
        "openai": lambda body: body["response_format"]["json_schema"]["schema"],
        "anthropic": lambda body: body["output_config"]["format"]["schema"],
        "google": lambda body: body["generationConfig"]["responseJsonSchema"],
    }
    assert asked[adapter.host](found.sent) == schema


@pytest.mark.parametrize("adapter", THREE[1:], ids=lambda adapter: adapter.host)
def test_reasoning_is_asked_for_and_counted(emulator: Handle, adapter: Adapter) -> None:
    found = _ask(emulator, adapter, Turn((user("think"),), reasoning_effort="low", stream=True))

    assert found.failure is None
    usage = _usage(found.events)
    assert usage is not None
    assert (usage.reasoning or 0) > 0
    if adapter.host == "anthropic":
        assert any(type(event) is ReasoningDelta and event.state for event in found.events)


@each_dialect
def test_tool_choice_is_understood(emulator: Handle, adapter: Adapter) -> None:
    for choice in (ToolChoice("required"), ToolChoice("named", ("get_order",))):
        found = _ask(emulator, adapter, Turn((user("anything"),), tools=(TOOL,), tool_choice=choice))
        assert found.failure is None
        assert found.reply is not None
        assert [call.name for call in found.reply.tool_calls] == ["get_order"]
    silent = _ask(emulator, adapter, Turn((user("anything"),), tools=(TOOL,), tool_choice=ToolChoice("none")))
    assert silent.reply is not None
    assert silent.reply.tool_calls == ()


@each_dialect
def test_odd_tool_names_and_ids_survive(emulator: Handle, adapter: Adapter) -> None:
    tools = (msgspec.structs.replace(TOOL, name="mcp.find"),)
    found = _ask(emulator, adapter, Turn((user("odd name"),), tools=tools))
    assert found.reply is not None
    (call,) = found.reply.tool_calls
    assert call.name == "mcp.find"
    history = (
        user("odd name"),
        Message("assistant", (ToolCall("chatcmpl-tool:" + "x" * 50, "mcp.find", "{}"),)),
        Message(
            "tool", (msgspec.structs.replace(TOOL_TURN.messages[3].parts[0], call_id="chatcmpl-tool:" + "x" * 50),)
        ),
    )  # type: ignore[arg-type, unused-ignore]
    assert _ask(emulator, adapter, Turn(history, tools=tools)).failure is None


@each_dialect
def test_awkward_conversations_are_taken(emulator: Handle, adapter: Adapter) -> None:
    greeting = Message("assistant", (Text("Hello!"),))
    for messages in (
        (greeting, user("hi")),
        (user("a"), user("b")),
        (system("only")),
        (user("a"), system("mid"), user("b")),
        (user("a"), Message("assistant", (Text(""),)), user("b")),
    ):
        turn = Turn(messages if isinstance(messages, tuple) else (messages,))
        assert _ask(emulator, adapter, turn).failure is None


def test_a_relayed_request_arrives_as_the_client_wrote_it(emulator: Handle) -> None:
    raw = b'{ "stream": true, "messages": [{"role":"user","content":"hi 1.0"}], "model": "auto"}'
    found = _ask(emulator, ADAPTERS[0], Turn((user("hi 1.0"),), stream=True), relay=raw)
    assert found.failure is None
    assert _usage(found.events) is not None
    raw = b'{ "messages": [{"role":"user","content":"hi 1.0"}], "model": "auto", "max_tokens": 9}'
    found = _ask(emulator, ADAPTERS[1], Turn((user("hi 1.0"),), max_output_tokens=9), relay=raw)
    assert found.failure is None
    assert found.sent["model"] == "claude-haiku-4-5"


def test_every_host_is_in_this_suite() -> None:
    assert {adapter.host for adapter in ADAPTERS} == set(HOSTS)
