"""OpenAI Chat Completions streams, read chunk by chunk; and the relay filter for clients who did not ask for usage."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from pointsman.domain.reply import (
    Event,
    ReasoningDelta,
    RefusalDelta,
    ReplyEnd,
    ReplyStart,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    UsageReport,
)
from pointsman.providers import openai_chat_wire as wire
from pointsman.providers.sse import DecodeError, SseDecoder, frame_data
from pointsman.providers.tool_names import client_name, made_up_id

_EMPTY_CHOICES = re.compile(rb'"choices"\s*:\s*(?:\[\s*\]|null)')
_FRAME = re.compile(rb".*?(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))|.+\Z", re.DOTALL)


class _OpenCall:
    """A tool call whose pieces are still coming."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.id: str | None = None
        self.name = ""
        self.started = False
        self.waiting: list[str] = []
        self.has_arguments = False


class OpenAIChatDecoder(SseDecoder):
    """Reads the first choice of a stream.

    The reply ends with ``[DONE]``. Everything from the chunk with ``finish_reason`` on is held back, since a client may take
    that chunk for the end. Servers differ, so: a stream that ends cleanly after a ``finish_reason`` but without ``[DONE]`` is
    complete; ``[DONE]`` without any ``finish_reason`` is complete if something was said (Ollama may leave it null); a stream with
    neither, or with ``[DONE]`` after nothing at all, is broken.
    """

    def __init__(self, headers: Mapping[str, str], decode_error: DecodeError) -> None:
        super().__init__(headers, decode_error)
        self._reply_id: str | None = None
        self._calls: list[_OpenCall] = []
        self._by_index: dict[int, _OpenCall] = {}
        self._finish_reason: str | None = None
        self._said = False
        self._spoke = False
        self._refused = False

    def _read(self, start: int, payload: bytes, events: list[Event]) -> None:
        if payload.startswith(b"[DONE]"):
            self._terminator(start, events)
            return
        try:
            chunk = wire.CHUNK.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._broken(f"the provider's stream is not the OpenAI dialect: {error}") from None
        if chunk.error is not None:
            raise self._decode_error(200, self._headers, payload)
        if self._reply_id is None:
            self._reply_id = str(chunk.id or "")
            events.append(ReplyStart(self._reply_id, chunk.model or ""))
        if chunk.choices:
            for choice in chunk.choices:
                if choice.index == 0:
                    self._choice(start, choice, events)
                elif choice.finish_reason is None:
                    self._release()
        if chunk.usage is not None or chunk.x_groq is not None:
            self._usage(chunk, events)

    def _terminator(self, start: int, events: list[Event]) -> None:
        self._hold(start)
        if self._finish_reason is None and not self._said:
            raise self._broken("the provider's stream said [DONE] before saying anything")
        self._end(events)

    def _choice(self, start: int, choice: wire.Choice, events: list[Event]) -> None:
        delta = choice.delta or choice.message
        if delta is not None:
            self._delta(delta, events)
        if choice.finish_reason is not None:
            self._finish_reason = choice.finish_reason
            self._hold(start)

    def _delta(self, delta: wire.Body, events: list[Event]) -> None:
        content = delta.content
        if content:
            text = content if type(content) is str else wire.text_of(content)
            if text:
                self._said = self._spoke = True
                events.append(TextDelta(text))
        if delta.reasoning_content or delta.reasoning:
            thought = wire.reasoning_of(delta)
            if thought:
                self._said = True
                events.append(ReasoningDelta(thought))
        if delta.refusal:
            self._said = self._refused = True
            events.append(RefusalDelta(delta.refusal))
        if delta.tool_calls:
            self._said = True
            for position, piece in enumerate(delta.tool_calls):
                self._call_piece(piece, position, events)

    def _call_piece(self, piece: wire.Call, position: int, events: list[Event]) -> None:
        call = self._call_for(piece, position)
        function = piece.function
        if piece.id and call.id is None:
            call.id = piece.id
        if function is not None and function.name and not call.started:
            call.name += function.name
        text = "" if function is None else wire.arguments_of(function.arguments)
        if not call.started and call.name:
            call.started = True
            call_id = call.id or made_up_id(self._reply_id or "", call.number)
            events.append(ToolCallStart(call.number, call_id, client_name(call.name)))
            text = "".join(call.waiting) + text
        if text and call.started:
            call.has_arguments = True
            events.append(ToolCallDelta(call.number, text))
        elif text:
            call.waiting.append(text)

    def _call_for(self, piece: wire.Call, position: int) -> _OpenCall:
        """Find the call a piece belongs to: by index, else by id, else the last one; a new id opens a new call."""
        if piece.index is not None:
            known = self._by_index.get(piece.index)
            # Some servers number every call 0: a second id with a name is a second call.
            if known is not None and not (piece.id and known.id and piece.id != known.id and _names(piece)):
                return known
        elif piece.id:
            same = next((call for call in self._calls if call.id == piece.id), None)
            if same is not None:
                return same
        elif self._calls and not _names(piece):
            return self._calls[-1]
        call = _OpenCall(len(self._calls))
        self._calls.append(call)
        self._by_index[position if piece.index is None else piece.index] = call
        return call

    def _usage(self, chunk: wire.Chunk, events: list[Event]) -> None:
        found = chunk.usage
        if chunk.x_groq is not None:
            if chunk.x_groq.error is not None:
                body = msgspec.json.encode({"error": chunk.x_groq.error})
                raise self._decode_error(200, self._headers, body)
            found = found or chunk.x_groq.usage
        if found is not None:
            usage = wire.usage(found)
            if usage is not None:
                events.append(UsageReport(usage))

    def _finish(self, events: list[Event]) -> None:
        if self._finish_reason is None:
            raise self._broken("the provider's stream ended without finish_reason and without [DONE]")
        self._end(events)

    def _end(self, events: list[Event]) -> None:
        for call in self._calls:
            if not call.started:
                raise self._broken("the provider's stream left a tool call without a name")
            if not call.has_arguments:
                events.append(ToolCallDelta(call.number, "{}"))
        refused = self._refused and not self._spoke
        events.append(ReplyEnd(wire.stop_reason(self._finish_reason, calls=bool(self._calls), refused=refused)))
        self.done = True


def _names(piece: wire.Call) -> bool:
    return piece.function is not None and bool(piece.function.name)


def without_usage_chunk(frames: bytes) -> bytes:
    """Return whole frames without the usage chunk (the one with no choices), for a client who did not ask for it.

    Pure, and without state: give it what the decoder no longer holds back, which always ends with a frame.
    """
    if _EMPTY_CHOICES.search(frames) is None:
        return frames
    return b"".join(match[0] for match in _FRAME.finditer(frames) if not _only_usage(match[0]))


def _only_usage(frame: bytes) -> bool:
    payload = frame_data(frame)
    if payload is None or b'"usage"' not in payload:
        return False
    try:
        chunk = wire.CHUNK.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return not chunk.choices and chunk.usage is not None and chunk.error is None
