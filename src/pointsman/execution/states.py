"""Opaque provider state that a client's dialect cannot carry, kept here by tool-call id and put back on the next step.

Gemini 3 refuses a tool loop whose calls come back without their thought signature, and an Anthropic model that thought before
a call wants its signed thinking back. The OpenAI dialect has no place for either. So what a reply carried is remembered for
as long as the loop may run, and restored into the history before a model is chosen. It goes only back to its origin: the
provider dialects see to that.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from pointsman.domain.message import Message, Part, Reasoning, ToolCall
from pointsman.domain.reply import Reply
from pointsman.execution.ask import Ask

_Known = tuple[ToolCall, tuple[Reasoning, ...]]


class ReplyStates:
    """State by client key and call id; the oldest leave when there are more than ``limit``."""

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = limit
        self._known: OrderedDict[tuple[str | None, str], _Known] = OrderedDict()

    def keep(self, ask: Ask, reply: Reply, model: str) -> None:
        """Remember the state of a reply of ``model`` that calls tools."""
        thoughts = tuple(
            msgspec.structs.replace(part, origin=model)
            for part in reply.parts
            if isinstance(part, Reasoning) and part.state is not None
        )
        for call in reply.tool_calls:
            if thoughts or call.origin_state is not None:
                self._known[ask.key_id, call.id] = (msgspec.structs.replace(call, origin=model), thoughts)
                thoughts = ()  # it stands before the first call of the message, once
        while len(self._known) > self._limit:
            self._known.popitem(last=False)

    def restore(self, ask: Ask) -> Ask:
        """Return ``ask`` with the state put back that the client could not carry."""
        if not self._known or not any(message.role == "tool" for message in ask.turn.messages):
            return ask
        messages = tuple(self._restored(ask.key_id, message) for message in ask.turn.messages)
        if messages == ask.turn.messages:
            return ask
        return msgspec.structs.replace(ask, turn=msgspec.structs.replace(ask.turn, messages=messages))

    def _restored(self, key_id: str | None, message: Message) -> Message:
        if message.role != "assistant":
            return message
        carries_thoughts = any(isinstance(part, Reasoning) for part in message.parts)
        thoughts: tuple[Reasoning, ...] = ()
        parts: list[Part] = []
        for part in message.parts:
            known = self._known.get((key_id, part.id)) if isinstance(part, ToolCall) else None
            if known is None or not isinstance(part, ToolCall):
                parts.append(part)
                continue
            call, before = known
            thoughts += before
            state = part.origin_state or call.origin_state
            parts.append(msgspec.structs.replace(part, origin=part.origin or call.origin, origin_state=state))
        return Message(message.role, (*(() if carries_thoughts else thoughts), *parts))
