"""Anthropic Messages streams, read event by event."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pointsman.domain.reply import (
    Event,
    ReasoningDelta,
    ReplyEnd,
    ReplyStart,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    UsageReport,
)
from pointsman.providers import anthropic_wire as wire
from pointsman.providers.sse import DecodeError, SseDecoder
from pointsman.providers.tool_names import client_name, made_up_id


class _OpenCall:
    """A tool call whose block is open; ``given`` is input that came whole in the opening."""

    def __init__(self, number: int, given: str) -> None:
        self.number = number
        self.given = given
        self.has_arguments = False


class AnthropicDecoder(SseDecoder):
    """Reads one stream. It is complete with ``message_stop`` and broken without.

    Everything from the ``message_delta`` with a stop reason on is held back, since a client may take it for the end.
    """

    def __init__(self, headers: Mapping[str, str], decode_error: DecodeError) -> None:
        super().__init__(headers, decode_error)
        self._reply_id = ""
        self._started = False
        self._calls: dict[int, _OpenCall] = {}
        self._call_count = 0
        self._usage: wire.WireUsage | None = None
        self._stop_reason: str | None = None
        self._stop_sequence: str | None = None

    def _read(self, start: int, payload: bytes, events: list[Event]) -> None:
        try:
            event = wire.EVENT.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._broken(f"the provider's stream is not the Anthropic dialect: {error}") from None
        # The most frequent event first: a relayed stream pays this for every frame.
        if event.type == "content_block_delta":
            if event.delta is not None:
                self._delta(event.index, event.delta, events)
        elif event.type == "error" or (not event.type and b'"error"' in payload):
            raise self._decode_error(200, self._headers, payload)
        else:
            self._milestone(start, event, events)

    def _milestone(self, start: int, event: wire.StreamEvent, events: list[Event]) -> None:
        match event.type:
            case "message_start":
                self._start(event.message, events)
            case "content_block_start" if event.content_block is not None:
                self._open(event.index, event.content_block, events)
            case "content_block_stop":
                self._close_call(event.index, events)
            case "message_delta":
                self._message_delta(start, event, events)
            case "message_stop":
                self._stop(start, events)
            case _:  # ping, and events younger than this version
                pass

    def _start(self, message: wire.WireMessage | None, events: list[Event]) -> None:
        if message is None or self._started:
            return
        self._started = True
        self._reply_id = message.id
        events.append(ReplyStart(message.id, message.model))
        self._report(message.usage, events)

    def _open(self, index: int, block: wire.Block, events: list[Event]) -> None:
        if block.type == "tool_use":
            call = _OpenCall(self._call_count, wire.input_text(block.input))
            self._call_count += 1
            self._calls[index] = call
            call_id = block.id or made_up_id(self._reply_id, call.number)
            events.append(ToolCallStart(call.number, call_id, client_name(block.name or "")))
        elif block.type == "redacted_thinking":
            events.append(ReasoningDelta(state=block.data, redacted=True))
        elif block.type == "thinking" and (block.thinking or block.signature):
            events.append(ReasoningDelta(block.thinking or "", block.signature or None))
        elif block.type == "text" and block.text:
            events.append(TextDelta(block.text))

    def _delta(self, index: int, delta: wire.Delta, events: list[Event]) -> None:
        if delta.text:
            events.append(TextDelta(delta.text))
        elif delta.partial_json:
            call = self._calls.get(index)
            if call is not None:
                call.has_arguments = True
                events.append(ToolCallDelta(call.number, delta.partial_json))
        elif delta.thinking:
            events.append(ReasoningDelta(delta.thinking))
        elif delta.signature:
            events.append(ReasoningDelta(state=delta.signature))

    def _close_call(self, index: int, events: list[Event]) -> None:
        call = self._calls.pop(index, None)
        if call is not None and not call.has_arguments:
            events.append(ToolCallDelta(call.number, call.given or "{}"))

    def _message_delta(self, start: int, event: wire.StreamEvent, events: list[Event]) -> None:
        if event.delta is not None and event.delta.stop_reason is not None:
            self._stop_reason = event.delta.stop_reason
            self._stop_sequence = event.delta.stop_sequence
            self._hold(start)
        self._report(event.usage, events)

    def _stop(self, start: int, events: list[Event]) -> None:
        if not self._started:
            raise self._broken("the provider's stream ended before it began")
        self._hold(start)
        for index in list(self._calls):
            self._close_call(index, events)
        reason = wire.stop_reason(self._stop_reason, calls=self._call_count > 0)
        events.append(ReplyEnd(reason, self._stop_sequence))
        self.done = True

    def _report(self, said: wire.WireUsage | None, events: list[Event]) -> None:
        if said is None:
            return
        self._usage = wire.merged(self._usage, said)
        usage = wire.usage(self._usage)
        if usage is not None:
            events.append(UsageReport(usage))

    def _finish(self, events: list[Event]) -> None:
        del events
        raise self._broken("the provider's stream ended without message_stop")
