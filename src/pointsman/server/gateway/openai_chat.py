"""The OpenAI Chat Completions dialect as clients speak it (``POST /v1/chat/completions``).

Choices that are ours, since the dialect has no place for the thing:

* Reasoning text of any model is left out: the official shape has no field for it. It is in the record.
* Opaque provider state (Anthropic signatures, Gemini thought signatures) cannot travel through this dialect; it is left out.
* Unknown usage is ``"usage": null``; an unknown detail is null, never 0.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from pointsman.domain.message import Refusal, Text, ToolCall
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.errors import PointsmanError
from pointsman.server.gateway.codec import HttpError, Inbound
from pointsman.server.gateway.errors_table import openai_error
from pointsman.server.gateway.openai_chat_stream import OpenAIStream
from pointsman.server.gateway.openai_request import read_request
from pointsman.server.gateway.openai_words import finish_reason, usage_json


class OpenAIChatInbound:
    """Reads and writes the dialect. ``now`` gives Unix time in seconds, for ``created``."""

    name = "openai_chat"
    keep_alive = OpenAIStream.keep_alive

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now

    def decode_request(self, body: bytes, headers: Mapping[str, str]) -> Inbound:
        """Read a request; see ``InboundDialect``."""
        del headers  # this dialect keeps everything in the body
        return read_request(body)

    def encode_reply(self, reply: Reply, turn: Turn, model: str) -> bytes:
        """Write a ``chat.completion`` object."""
        del turn
        text = [part.text for part in reply.parts if type(part) is Text]
        refusal = [part.text for part in reply.parts if type(part) is Refusal]
        calls = [_call(part) for part in reply.parts if type(part) is ToolCall]
        message: dict[str, Any] = {
            "role": "assistant",
            "content": "".join(text) if text or not (calls or refusal) else None,
            "refusal": "".join(refusal) if refusal else None,
        }
        if calls:
            message["tool_calls"] = calls
        choice = {
            "index": 0,
            "finish_reason": finish_reason(reply.stop_reason, called=bool(calls)),
            "logprobs": None,
            "message": message,
        }
        return msgspec.json.encode(
            {
                "id": reply.id,
                "object": "chat.completion",
                "created": int(self._now()) if reply.created is None else reply.created,
                "model": model,
                "system_fingerprint": None,
                "choices": [choice],
                "usage": None if reply.usage is None else usage_json(reply.usage),
            }
        )

    def encoder(self, turn: Turn, model: str, reply_id: str) -> OpenAIStream:
        """Return an encoder for one stream of ``chat.completion.chunk`` objects."""
        return OpenAIStream(model, reply_id, int(self._now()), include_usage=turn.include_usage)

    def encode_error(self, error: PointsmanError, request_id: str) -> HttpError:
        """Write an error answer."""
        return openai_error(error, request_id)


def _call(call: ToolCall) -> dict[str, Any]:
    # Clients parse this text themselves, as the dialect warns them to: what a model wrote passes as it is.
    function = {"name": call.name, "arguments": call.arguments or "{}"}
    return {"id": call.id, "type": "function", "function": function}
