"""Gemini streams, read frame by frame. Calls arrive whole: one opening, one piece of arguments."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pointsman.domain.reply import (
    Event,
    ReasoningDelta,
    ReplyEnd,
    ReplyStart,
    StopReason,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    UsageReport,
)
from pointsman.providers import gemini_wire as wire
from pointsman.providers.sse import DecodeError, SseDecoder
from pointsman.providers.tool_names import client_name, made_up_id


class GeminiDecoder(SseDecoder):
    """Reads the first candidate of a stream. There is no terminator: the frame with ``finishReason`` is the last.

    A usage frame that follows in the same read still counts.
    """

    def __init__(self, headers: Mapping[str, str], decode_error: DecodeError) -> None:
        super().__init__(headers, decode_error)
        self._reply_id = ""
        self._started = False
        self._call_count = 0
        self._stop: StopReason | None = None
        self._usage: wire.WireUsage | None = None

    def _read(self, start: int, payload: bytes, events: list[Event]) -> None:
        try:
            frame = wire.RESPONSE.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._broken(f"the provider's stream is not the Gemini dialect: {error}") from None
        if frame.error is not None:
            raise self._decode_error(200, self._headers, payload)
        if not self._started:
            self._started = True
            self._reply_id = frame.response_id or ""
            events.append(ReplyStart(self._reply_id, frame.model_version or ""))
        self._report(frame.usage_metadata, events)
        if frame.prompt_feedback is not None and frame.prompt_feedback.block_reason and not frame.candidates:
            self._stop = "refusal"
            self._hold(start)
        for candidate in frame.candidates or ():
            if candidate.index == 0:
                self._candidate(start, candidate, events)

    def _candidate(self, start: int, candidate: wire.Candidate, events: list[Event]) -> None:
        if candidate.content is not None:
            for part in candidate.content.parts or ():
                self._part(part, events)
        if candidate.finish_reason is not None:
            self._stop = wire.stop_reason(candidate.finish_reason, calls=self._call_count > 0)
            self._hold(start)

    def _part(self, part: wire.WirePart, events: list[Event]) -> None:
        if part.function_call is not None:
            number, self._call_count = self._call_count, self._call_count + 1
            call = part.function_call
            call_id = call.id or made_up_id(self._reply_id, number)
            events.append(ToolCallStart(number, call_id, client_name(call.name), part.thought_signature))
            events.append(ToolCallDelta(number, wire.arguments_of(call)))
        elif part.thought:
            events.append(ReasoningDelta(part.text or "", part.thought_signature))
        else:
            if part.text:
                events.append(TextDelta(part.text))
            if part.thought_signature:
                events.append(ReasoningDelta(state=part.thought_signature))

    def _report(self, said: wire.WireUsage | None, events: list[Event]) -> None:
        # Every frame repeats it; only news are passed on.
        if said is not None and said != self._usage:
            self._usage = said
            usage = wire.usage(said)
            if usage is not None:
                events.append(UsageReport(usage))

    def _settle(self, events: list[Event]) -> None:
        if self._stop is not None and not self.done:
            events.append(ReplyEnd(self._stop))
            self.done = True

    def _finish(self, events: list[Event]) -> None:
        del events
        raise self._broken("the provider's stream ended without finishReason")
