"""The bundled conversations of `pointsman demo`: what the customer says, what the tools return, what the models answer."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import Any, Literal

import msgspec
import yaml

from pointsman.domain.message import JsonObject, Message, Text, Tool, ToolCall, ToolResult
from pointsman.domain.turn import Channel
from pointsman.evaluation.conversation import Conversation


class DemoCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tool call the agent makes, and what the demo's tool returns."""

    name: str
    arguments: JsonObject
    result: Any


class DemoTurn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One turn. ``calls`` run one after the other; an inner list is asked for at once.

    ``schema``: the reply must be JSON of this shape; ``bad_reply`` is what the model writes first. ``image`` adds the
    bundled photo. ``fault`` ``outage``: the provider asked first is down for this turn.
    """

    say: str
    reply: str
    calls: tuple[DemoCall | tuple[DemoCall, ...], ...] = ()
    image: bool = False
    schema: JsonObject | None = None
    bad_reply: str | None = None
    fault: Literal["outage"] | None = None

    @property
    def said(self) -> str:
        """The customer's words without the line end that YAML blocks leave."""
        return self.say.strip()

    @property
    def steps(self) -> tuple[tuple[DemoCall, ...], ...]:
        """The calls of each model reply that comes before the last one."""
        return tuple(step if isinstance(step, tuple) else (step,) for step in self.calls)


class DemoConversation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One conversation and the wire dialect the demo's agent speaks in it."""

    id: str
    about: str
    turns: tuple[DemoTurn, ...]
    dialect: Literal["openai", "anthropic"] = "openai"
    channel: Channel = "chat"
    stream: bool = False


class DemoFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The agent (system prompt and tools) and its conversations."""

    system: str
    tools: tuple[Tool, ...]
    conversations: tuple[DemoConversation, ...]

    @property
    def turns(self) -> int:
        """How many customer turns there are in all."""
        return sum(len(conversation.turns) for conversation in self.conversations)


def load_demo() -> DemoFile:
    """Read the bundled file."""
    text = files("pointsman.evaluation").joinpath("data/demo_conversations.yaml").read_text(encoding="utf-8")
    return msgspec.convert(yaml.safe_load(text), DemoFile)


def recorded(demo: DemoFile) -> Iterator[Conversation]:
    """Yield the conversations as recordings, with the replies as written: for a replay without any server."""
    for one in demo.conversations:
        messages = [Message("system", (Text(demo.system),))]
        for number, turn in enumerate(one.turns):
            messages += _turn_messages(turn, number)
        yield Conversation(one.id, "demo", tuple(messages), demo.tools, one.channel)


def _turn_messages(turn: DemoTurn, number: int) -> Iterator[Message]:
    yield Message("user", (Text(turn.said),))
    for step_number, step in enumerate(turn.steps):
        ids = [f"call_{number}_{step_number}_{n}" for n in range(len(step))]
        pairs = list(zip(ids, step, strict=True))
        yield Message(
            "assistant",
            tuple(ToolCall(key, call.name, msgspec.json.encode(call.arguments).decode()) for key, call in pairs),
        )
        yield Message("tool", tuple(ToolResult(key, (Text(result_text(call)),), call.name) for key, call in pairs))
    yield Message("assistant", (Text(turn.reply),))


def result_text(call: DemoCall) -> str:
    """Return a tool's result as the text an agent would send back."""
    return msgspec.json.encode(call.result).decode()
