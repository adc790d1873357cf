"""Histories that another model wrote, made such that the model under test takes them.

Gemini 3 refuses an open tool loop whose calls do not bring its own thought signature back (a 400). A recorded loop of another
model has none, so a replay would count that refusal against Gemini.
A word stands in for the signature of a history from elsewhere; the emulator takes it, the real API was not asked. It is used in
replays, benches and shadow checks only: what customers are served is never sent with it.
"""

from __future__ import annotations

from typing import Final

import msgspec

from pointsman.domain.message import Message, Part, ToolCall
from pointsman.domain.turn import Turn

STAND_IN: Final = "skip_thought_signature_validator"
_PROVIDER: Final = "google"
_FIRST: Final = 3
"""The generation from which on signatures are demanded."""


def portable(turn: Turn, model: str) -> Turn:
    """Return the turn as ``model`` can be sent it: the first call of each step of an open tool loop is signed for Gemini 3."""
    if not _demands_signatures(model) or not turn.in_tool_loop:
        return turn
    asked = max((n for n, message in enumerate(turn.messages) if message.role == "user"), default=-1)
    messages = [
        _signed(message, model) if n > asked and message.role == "assistant" else message
        for n, message in enumerate(turn.messages)
    ]
    return msgspec.structs.replace(turn, messages=tuple(messages))


def _demands_signatures(model: str) -> bool:
    provider, _, name = model.partition("/")
    generation = name.removeprefix("gemini-")[:1]
    return provider == _PROVIDER and generation.isdigit() and int(generation) >= _FIRST


def _signed(message: Message, model: str) -> Message:
    parts: list[Part] = list(message.parts)
    place = next((n for n, part in enumerate(parts) if isinstance(part, ToolCall)), None)
    if place is None:
        return message
    call = parts[place]
    if isinstance(call, ToolCall) and not (call.origin_state and call.origin in {model, _PROVIDER}):
        parts[place] = msgspec.structs.replace(call, origin=model, origin_state=STAND_IN)
    return msgspec.structs.replace(message, parts=tuple(parts))
