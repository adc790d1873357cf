"""Writes Anthropic Messages streams.

Blocks come one after another on the wire, while events of parallel tool calls may be mixed. The block at the head of the
line is written as it grows; later blocks wait, and are written when the head is known to be whole: text and thinking when
anything follows them, a tool call when its arguments are a whole JSON object (nothing but white space can follow that) or
the reply has ended.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Literal

import msgspec

from pointsman.domain.reply import (
    Event,
    ReasoningDelta,
    RefusalDelta,
    ReplyEnd,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    UsageReport,
)
from pointsman.domain.usage import Usage
from pointsman.errors import PointsmanError, StreamBroken
from pointsman.server.gateway.anthropic_words import delta_usage_json, stop_reason, thinks_here, usage_json
from pointsman.server.gateway.arguments import invalid, is_object
from pointsman.server.gateway.errors_table import anthropic_error_body

_json = msgspec.json.encode
_TEXT_DELTA = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"text_delta","text":'
)


def _frame(event: str, data: dict[str, Any]) -> bytes:
    return b"event: " + event.encode() + b"\ndata: " + _json({"type": event, **data}) + b"\n\n"


class _Block:
    """A block of the reply: how it opens, what of it waits to be written, and the arguments so far if it is a call."""

    __slots__ = ("_checked", "_whole", "arguments", "closed", "kind", "name", "opening", "waiting")

    def __init__(
        self, kind: Literal["text", "refusal", "thinking", "whole", "call"], opening: dict[str, Any], name: str = ""
    ) -> None:
        self.kind = kind
        self.opening = opening
        self.name = name
        self.waiting: list[dict[str, Any]] = []
        self.arguments: list[str] = []
        self.closed = False
        self._checked = 0
        self._whole = False

    def is_whole(self) -> bool:
        """True when nothing more of it can come, given that another block follows it."""
        if self.kind != "call":
            return True
        # Read the arguments again only when there are new ones: later calls ask for each of their own deltas.
        if self._checked != len(self.arguments):
            self._checked = len(self.arguments)
            self._whole = self.arguments[-1].rstrip().endswith("}") and is_object("".join(self.arguments))
        return self._whole


class AnthropicStream:
    """Encodes one stream."""

    keep_alive = b'event: ping\ndata: {"type":"ping"}\n\n'

    def __init__(self, model: str, reply_id: str) -> None:
        self._model = model
        self._reply_id = reply_id
        self._thinks = thinks_here(model)
        self._started = False
        self._line: deque[_Block] = deque()
        self._calls: dict[int, _Block] = {}
        self._index = -1
        self._head_open = False
        self._usage: Usage | None = None
        self._end: ReplyEnd | None = None

    def encode(self, events: list[Event]) -> bytes:
        """Return the events' frames."""
        if not events:
            return b""
        frames: list[bytes] = []
        for event in events:
            if type(event) is TextDelta:
                self._text(event.text, "text", frames)
            else:
                self._rare(event, frames)
        if not self._started:
            # After the loop: usage that came along with the first events is then already in message_start.
            frames.insert(0, self._message_start())
        return b"".join(frames)

    def _rare(self, event: Event, frames: list[bytes]) -> None:
        match event:
            case ToolCallDelta():
                self._arguments(event, frames)
            case ToolCallStart():
                opening = {"type": "tool_use", "id": event.id, "name": event.name, "input": {}}
                self._calls[event.index] = block = _Block("call", opening, event.name)
                self._push(block, frames)
            case ReasoningDelta():
                if self._thinks:
                    self._reasoning(event, frames)
            case RefusalDelta():
                self._text(event.text, "refusal", frames)
            case UsageReport():
                self._usage = event.usage
            case ReplyEnd():
                self._finish(event, frames)

    def _text(self, text: str, kind: Literal["text", "refusal"], frames: list[bytes]) -> None:
        if not text:
            return
        line = self._line
        if not line or line[-1].kind != kind:
            self._push(_Block(kind, {"type": "text", "text": ""}), frames)
        if self._head_open and len(line) == 1:
            frames.append(_TEXT_DELTA % self._index + _json(text) + b"}}\n\n")
        else:
            line[-1].waiting.append({"type": "text_delta", "text": text})

    def _reasoning(self, event: ReasoningDelta, frames: list[bytes]) -> None:
        if event.redacted:
            self._push(_Block("whole", {"type": "redacted_thinking", "data": event.state or ""}), frames)
            return
        if not self._line or self._line[-1].kind != "thinking" or self._line[-1].closed:
            self._push(_Block("thinking", {"type": "thinking", "thinking": "", "signature": ""}), frames)
        block = self._line[-1]
        if event.text:
            self._add(block, {"type": "thinking_delta", "thinking": event.text}, frames)
        if event.state is not None:
            self._add(block, {"type": "signature_delta", "signature": event.state}, frames)
            block.closed = True  # a signature ends its block: more thinking opens a new one

    def _arguments(self, event: ToolCallDelta, frames: list[bytes]) -> None:
        block = self._calls.get(event.index)
        if block is None:
            raise StreamBroken(f"arguments for tool call {event.index}, which was never opened")
        if block.closed:
            if event.arguments.strip():
                raise invalid(block.name)
            return
        block.arguments.append(event.arguments)
        if event.arguments:
            self._add(block, {"type": "input_json_delta", "partial_json": event.arguments}, frames)
        self._advance(frames, ended=False)

    def _push(self, block: _Block, frames: list[bytes]) -> None:
        self._line.append(block)
        self._advance(frames, ended=False)

    def _add(self, block: _Block, delta: dict[str, Any], frames: list[bytes]) -> None:
        if self._head_open and self._line[0] is block:
            frames.append(_frame("content_block_delta", {"index": self._index, "delta": delta}))
        else:
            block.waiting.append(delta)

    def _advance(self, frames: list[bytes], *, ended: bool) -> None:
        while self._line:
            head = self._line[0]
            if not self._head_open:
                self._open(head, frames)
            if not ended and (len(self._line) == 1 or not head.is_whole()):
                return
            head.closed = True
            frames.append(_frame("content_block_stop", {"index": self._index}))
            self._line.popleft()
            self._head_open = False

    def _open(self, block: _Block, frames: list[bytes]) -> None:
        self._index += 1
        self._head_open = True
        frames.append(_frame("content_block_start", {"index": self._index, "content_block": block.opening}))
        frames.extend(_frame("content_block_delta", {"index": self._index, "delta": delta}) for delta in block.waiting)
        block.waiting = []

    def _finish(self, end: ReplyEnd, frames: list[bytes]) -> None:
        if end.stop_reason != "max_tokens":  # a call cut off by the limit is no fault of the model's
            for block in self._calls.values():
                arguments = "".join(block.arguments)
                if arguments.strip() and not is_object(arguments):
                    raise invalid(block.name)
        self._advance(frames, ended=True)
        self._end = end

    def _message_start(self) -> bytes:
        self._started = True
        message: dict[str, Any] = {
            "id": self._reply_id,
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "stop_details": None,
            "usage": usage_json(self._usage),
        }
        return _frame("message_start", {"message": message})

    def terminal(self) -> bytes:
        """Return ``message_delta`` with stop reason and final usage, and ``message_stop``."""
        if self._end is None:
            raise StreamBroken("the stream has no end: it must not be passed on as complete")
        delta = {
            "stop_reason": stop_reason(self._end.stop_reason, called=bool(self._calls)),
            "stop_sequence": self._end.stop_sequence,
            "stop_details": None,
        }
        last = _frame("message_delta", {"delta": delta, "usage": delta_usage_json(self._usage)})
        return last + _frame("message_stop", {})

    def error(self, error: PointsmanError, request_id: str) -> bytes:
        """Return the error event; ``message_stop`` does not follow it."""
        return b"event: error\ndata: " + anthropic_error_body(error, request_id) + b"\n\n"
