"""Writes OpenAI Chat Completions streams.

The finish chunk belongs to the terminal frames: a client that stops reading there has a whole reply, so it must not see
that chunk before the record is committed.
"""

from __future__ import annotations

import msgspec

from pointsman.domain.reply import (
    Event,
    RefusalDelta,
    ReplyEnd,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    UsageReport,
)
from pointsman.domain.usage import Usage
from pointsman.errors import PointsmanError, StreamBroken
from pointsman.server.gateway.errors_table import openai_error_body
from pointsman.server.gateway.openai_words import finish_reason, usage_json

_json = msgspec.json.encode


class OpenAIStream:
    """Encodes one stream; every chunk has the same id, creation time and model."""

    keep_alive = b": keep-alive\n\n"

    def __init__(self, model: str, reply_id: str, created: int, *, include_usage: bool) -> None:
        head = {"id": reply_id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._head = b"data: " + _json(head)[:-1]
        self._open = self._head + b',"system_fingerprint":null,"choices":[{"index":0,"delta":'
        self._tail = b'],"usage":null}\n\n' if include_usage else b"]}\n\n"
        self._close = b',"logprobs":null,"finish_reason":null}' + self._tail
        self._include_usage = include_usage
        self._started = False
        self._usage: Usage | None = None
        self._end: ReplyEnd | None = None
        self._called: dict[int, bool] = {}

    def encode(self, events: list[Event]) -> bytes:
        """Return the chunks for these events."""
        frames: list[bytes] = []
        for event in events:
            kind = type(event)
            if kind is TextDelta:
                if event.text:  # type: ignore[union-attr]
                    frames.append(self._delta(b'{"content":' + _json(event.text) + b"}"))  # type: ignore[union-attr]
            elif kind is ToolCallDelta:
                if event.arguments:  # type: ignore[union-attr]
                    frames.append(self._arguments(event.index, event.arguments))  # type: ignore[union-attr]
            else:
                self._rare(event, frames)
        if frames and not self._started:
            self._started = True
            frames.insert(0, self._role(text=frames[0].startswith(self._open + b'{"content"')))
        return b"".join(frames)

    def _rare(self, event: Event, frames: list[bytes]) -> None:
        match event:
            case ToolCallStart():
                self._called[event.index] = False
                function = {"name": event.name, "arguments": ""}
                call = {"index": event.index, "id": event.id, "type": "function", "function": function}
                frames.append(self._delta(_json({"tool_calls": [call]})))
            case RefusalDelta():
                if event.text:
                    frames.append(self._delta(_json({"refusal": event.text})))
            case UsageReport():
                self._usage = event.usage
            case ReplyEnd():
                # A call without arguments is "{}" in this dialect, never "".
                frames.extend([self._arguments(index, "{}") for index, any_ in self._called.items() if not any_])
                finish_reason(event.stop_reason, called=bool(self._called))  # raises here, before the record is written
                self._end = event

    def _role(self, *, text: bool) -> bytes:
        # Sent with the first content, since only then it is known whether there is text: real servers write null before calls.
        return self._delta(b'{"role":"assistant","content":""}' if text else b'{"role":"assistant","content":null}')

    def _delta(self, delta: bytes) -> bytes:
        return self._open + delta + self._close

    def _arguments(self, index: int, text: str) -> bytes:
        self._called[index] = True
        return self._delta(_json({"tool_calls": [{"index": index, "function": {"arguments": text}}]}))

    def terminal(self) -> bytes:
        """Return the finish chunk, the usage chunk if the client asked for it and it is known, and the end mark."""
        if self._end is None:
            raise StreamBroken("the stream has no end: it must not be passed on as complete")
        reason = finish_reason(self._end.stop_reason, called=bool(self._called)).encode()
        frames = self._open + b'{},"logprobs":null,"finish_reason":"' + reason + b'"}' + self._tail
        if not self._started:
            frames = self._role(text=True) + frames
        if self._include_usage and self._usage is not None:
            usage = _json(usage_json(self._usage))
            frames += self._head + b',"system_fingerprint":null,"choices":[],"usage":' + usage + b"}\n\n"
        return frames + b"data: [DONE]\n\n"

    def error(self, error: PointsmanError, request_id: str) -> bytes:
        """Return the error frame; no end mark follows it."""
        return b"data: " + openai_error_body(error, request_id) + b"\n\n"
