"""Takes calls of a tool that only we know out of a reply, whole or as it streams: the client never offered it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from pointsman.domain.message import ToolCall
from pointsman.domain.reply import Event, Reply, ReplyEnd, ToolCallDelta, ToolCallStart


class WithoutTool:
    """One reply without the calls of ``name``; the others are numbered anew. ``met`` is told of the first one taken out."""

    def __init__(self, name: str, met: Callable[[], None]) -> None:
        self._name = name
        self._met = met
        self._seen = False
        self._places: dict[int, int] = {}

    def events(self, events: list[Event]) -> list[Event]:
        """See ``work.Sieve``."""
        return [kept for event in events if (kept := self._kept(event)) is not None]

    def _kept(self, event: Event) -> Event | None:
        match event:
            case ToolCallStart() if event.name == self._name:
                self._see()
                return None
            case ToolCallStart():
                self._places[event.index] = len(self._places)
                return msgspec.structs.replace(event, index=self._places[event.index])
            case ToolCallDelta():
                place = self._places.get(event.index)
                return None if place is None else msgspec.structs.replace(event, index=place)
            case ReplyEnd() if event.stop_reason == "tool_use" and self._seen and not self._places:
                return msgspec.structs.replace(event, stop_reason="end_turn")
            case _:
                return event

    def reply(self, reply: Reply) -> Reply:
        """See ``work.Sieve``."""
        parts = tuple(part for part in reply.parts if not (isinstance(part, ToolCall) and part.name == self._name))
        if len(parts) == len(reply.parts):
            return reply
        calls = any(isinstance(part, ToolCall) for part in parts)
        stop = "end_turn" if reply.stop_reason == "tool_use" and not calls else reply.stop_reason
        return msgspec.structs.replace(reply, parts=parts, stop_reason=stop)

    def _see(self) -> None:
        if not self._seen:
            self._seen = True
            self._met()
