"""Puts the events of a stream together into a whole reply, and takes a whole reply apart again."""

from __future__ import annotations

from pointsman.domain.message import Reasoning, Refusal, Text, ToolCall
from pointsman.domain.reply import (
    Event,
    ReasoningDelta,
    RefusalDelta,
    Reply,
    ReplyEnd,
    ReplyStart,
    StopReason,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    UsageReport,
)
from pointsman.domain.usage import Usage

CONTENT = (TextDelta, ToolCallStart, ToolCallDelta, RefusalDelta)
"""Events a customer would notice: after one of these nothing may be tried again elsewhere."""

Part = Text | ToolCall | Reasoning | Refusal


def has_content(events: list[Event]) -> bool:
    """Return True when one of ``events`` carries something the client can show."""
    return any(type(event) in CONTENT for event in events)


class Assembler:
    """Collects events in the order they come. ``origin`` is the model id that reasoning belongs to."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._id = ""
        self._model = ""
        # Runs of text of one kind, in order; a tool call stands as its index into _calls.
        self._runs: list[tuple[str, list[str], str | None]] = []
        self._calls: dict[int, tuple[ToolCallStart, list[str]]] = {}
        self.usage: Usage | None = None
        self.end: ReplyEnd | None = None
        self.output_chars = 0

    def add(self, events: list[Event]) -> None:
        """Take the next events."""
        for event in events:
            kind = type(event)
            if kind is TextDelta:
                self._run("text", event.text)  # type: ignore[union-attr]
            elif kind is ToolCallDelta:
                self._calls[event.index][1].append(event.arguments)  # type: ignore[union-attr]
                self.output_chars += len(event.arguments)  # type: ignore[union-attr]
            else:
                self._add_rare(event)

    def _add_rare(self, event: Event) -> None:
        match event:
            case ToolCallStart():
                self._calls[event.index] = (event, [])
                self._runs.append(("call", [], str(event.index)))
            case RefusalDelta():
                self._run("refusal", event.text)
            case ReasoningDelta():
                self._reasoning(event)
            case UsageReport():
                self.usage = event.usage
            case ReplyStart():
                self._id, self._model = event.id, event.model
            case ReplyEnd():
                self.end = event

    def _run(self, kind: str, text: str) -> None:
        self.output_chars += len(text)
        if self._runs and self._runs[-1][0] == kind:
            self._runs[-1][1].append(text)
        else:
            self._runs.append((kind, [text], None))

    def _reasoning(self, event: ReasoningDelta) -> None:
        if event.redacted:
            self._runs.append(("redacted", [event.text], event.state))
            return
        self._run("reasoning", event.text)
        if event.state is not None:
            kind, texts, _ = self._runs[-1]
            # A state closes its part: the next reasoning text starts a new one.
            self._runs[-1] = (kind + ".", texts, event.state)

    def parts(self) -> tuple[Part, ...]:
        """Return what has come so far as parts."""
        return tuple(self._part(kind, "".join(texts), state) for kind, texts, state in self._runs)

    def _part(self, kind: str, text: str, state: str | None) -> Part:
        if kind == "text":
            return Text(text)
        if kind == "call":
            start, arguments = self._calls[int(state or 0)]
            return ToolCall(start.id, start.name, "".join(arguments) or "{}", self._origin, start.origin_state)
        if kind == "refusal":
            return Refusal(text)
        return Reasoning(self._origin, text, state, redacted=kind == "redacted")

    def reply(self, request_id: str | None = None) -> Reply:
        """Return the reply so far; its stop reason is ``max_tokens`` only when the provider said so."""
        stop: StopReason = self.end.stop_reason if self.end else "end_turn"
        sequence = self.end.stop_sequence if self.end else None
        return Reply(self._id, self._model, self.parts(), stop, self.usage, sequence, request_id)


def events_of(reply: Reply) -> list[Event]:
    """Return the events of a reply that came whole, for a client that asked for a stream."""
    events: list[Event] = [ReplyStart(reply.id, reply.model)]
    index = 0
    for part in reply.parts:
        match part:
            case Text():
                events.append(TextDelta(part.text))
            case Refusal():
                events.append(RefusalDelta(part.text))
            case Reasoning():
                events.append(ReasoningDelta(part.text, part.state, part.redacted))
            case ToolCall():
                events.append(ToolCallStart(index, part.id, part.name, part.origin_state))
                events.append(ToolCallDelta(index, part.arguments))
                index += 1
    if reply.usage is not None:
        events.append(UsageReport(reply.usage))
    events.append(ReplyEnd(reply.stop_reason, reply.stop_sequence))
    return events
