"""A reply, whole or as the events of its stream.

The events of one reply come in this order: ``ReplyStart``, then deltas (a tool call's ``ToolCallStart`` before its
``ToolCallDelta``; calls are numbered from 0 by ``index``), ``UsageReport`` at any time (the last one counts), and at the
end exactly one ``ReplyEnd``. A stream that breaks has no ``ReplyEnd``: its decoder raises ``StreamBroken`` or a
``ProviderError`` instead.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from pointsman.domain.message import Reasoning, Refusal, Text, ToolCall
from pointsman.domain.usage import Usage

StopReason = Literal["end_turn", "stop_sequence", "max_tokens", "tool_use", "refusal", "pause"]


class Reply(msgspec.Struct, frozen=True):
    """A whole reply. ``usage`` is None where the provider reported none. ``model`` is the name the provider gave."""

    id: str
    model: str
    parts: tuple[Text | ToolCall | Reasoning | Refusal, ...]
    stop_reason: StopReason
    usage: Usage | None = None
    stop_sequence: str | None = None
    request_id: str | None = None
    created: int | None = None

    @property
    def text(self) -> str:
        """The plain text of the reply."""
        return "".join(part.text for part in self.parts if type(part) is Text)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls of the reply, in order."""
        return tuple(part for part in self.parts if type(part) is ToolCall)


class ReplyStart(msgspec.Struct, frozen=True):
    """The provider began to answer."""

    id: str
    model: str


class TextDelta(msgspec.Struct, frozen=True):
    """More text."""

    text: str


class RefusalDelta(msgspec.Struct, frozen=True):
    """More text of a refusal."""

    text: str


class ReasoningDelta(msgspec.Struct, frozen=True):
    """More reasoning text; with ``state`` the opaque state that closes this reasoning part."""

    text: str = ""
    state: str | None = None
    redacted: bool = False


class ToolCallStart(msgspec.Struct, frozen=True):
    """A tool call opens."""

    index: int
    id: str
    name: str
    origin_state: str | None = None


class ToolCallDelta(msgspec.Struct, frozen=True):
    """More JSON text of the arguments of call ``index``."""

    index: int
    arguments: str


class UsageReport(msgspec.Struct, frozen=True):
    """Usage as known so far; a later report replaces an earlier one."""

    usage: Usage


class ReplyEnd(msgspec.Struct, frozen=True):
    """The reply is complete."""

    stop_reason: StopReason
    stop_sequence: str | None = None


Event = ReplyStart | TextDelta | RefusalDelta | ReasoningDelta | ToolCallStart | ToolCallDelta | UsageReport | ReplyEnd
