"""Models, endpoints and turns for the provider tests, and what every stream test needs."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from pointsman.catalog.models import Model, Reasoning
from pointsman.domain.message import Message, Text, Tool, ToolCall, ToolResult
from pointsman.domain.reply import Event
from pointsman.domain.turn import Turn
from pointsman.providers.hosts import endpoint
from pointsman.providers.seam import Dialect, StreamDecoder

GPT = Model(
    "openai/gpt-4o",
    "openai",
    "gpt-4o",
    "mid",
    max_output=16_384,
    modalities=("text", "image", "pdf"),
    tools=True,
    structured_output="json_schema",
)
GPT_REASONING = msgspec.structs.replace(
    GPT,
    id="openai/gpt-5.5",
    name="gpt-5.5",
    sampling=(),
    reasoning=Reasoning("effort", ("none", "low", "medium", "high"), default_on=True, with_tools=False),
)
HAIKU = Model(
    "anthropic/claude-haiku-4-5",
    "anthropic",
    "claude-haiku-4-5",
    "small",
    max_output=64_000,
    modalities=("text", "image", "pdf"),
    tools=True,
    structured_output="json_schema",
    reasoning=Reasoning("budget"),
)
OPUS = msgspec.structs.replace(
    HAIKU,
    id="anthropic/claude-opus-4-8",
    name="claude-opus-4-8",
    tier="flagship",
    reasoning=Reasoning("adaptive", ("low", "medium", "high", "xhigh", "max")),
    sampling=(),
    system_turns=True,
    prefill=False,
)
FLASH = Model(
    "google/gemini-2.5-flash",
    "google",
    "gemini-2.5-flash",
    "small",
    max_output=65_536,
    modalities=("text", "image", "pdf", "audio"),
    tools=True,
    structured_output="json_schema",
    reasoning=Reasoning("budget", default_on=True),
)
LLAMA = Model("local/llama", "local", "llama", "small", tools=True, modalities=("text", "image"))

OPENAI = endpoint("openai", "openai", api_key="sk-test-openai")
ANTHROPIC = endpoint("anthropic", "anthropic", api_key="sk-ant-test")
GOOGLE = endpoint("google", "google", api_key="AIza-test")


def user(text: str) -> Message:
    """A user message of plain text."""
    return Message("user", (Text(text),))


def system(text: str) -> Message:
    """A system message of plain text."""
    return Message("system", (Text(text),))


def assistant(text: str) -> Message:
    """An assistant message of plain text."""
    return Message("assistant", (Text(text),))


TOOL = Tool("get_order", "Looks up an order.", {"type": "object", "properties": {"id": {"type": "string"}}})

TOOL_TURN = Turn(
    (
        system("Be brief."),
        user("Where are orders 1 and 2?"),
        Message(
            "assistant",
            (
                Text("Let me look."),
                ToolCall("call_1", "get_order", '{"id":"1","price":1.10}'),
                ToolCall("call_2", "get_order", '{"id":"2"}'),
            ),
        ),
        Message(
            "tool", (ToolResult("call_1", (Text("shipped"),)), ToolResult("call_2", (Text("lost"),), is_error=True))
        ),
        user("And now?"),
    ),
    tools=(TOOL,),
)


def read_all(decoder: StreamDecoder, pieces: Iterable[bytes]) -> list[Event]:
    """Feed a stream in pieces, then close it."""
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return events + decoder.close()


def read_stream(dialect: Dialect, stream: bytes) -> list[Event]:
    """Feed a stream as one piece, then close it."""
    return read_all(dialect.decoder({}), [stream])


def sse(*frames: str, end: str = "\n\n") -> bytes:
    """Write data-only frames."""
    return "".join(f"data: {frame}{end}" for frame in frames).encode()
