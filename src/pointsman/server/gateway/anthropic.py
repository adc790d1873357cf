"""The Anthropic Messages dialect as clients speak it (``POST /v1/messages``).

Choices that are ours, since the dialect has no place for the thing:

* Reasoning of models of other providers is left out, since its text has no signature of Anthropic. It is in the record.
* Opaque state of other providers (Gemini thought signatures, OpenAI encrypted content) cannot travel; it is left out.
* A refusal in words of its own (OpenAI) becomes a text block.
* A tool call cut off by ``max_tokens`` in a whole reply is left out: its input is no object. The stop reason says it all.
* For unknown usage see ``anthropic_words``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from pointsman.domain.message import Reasoning, Refusal, Text, ToolCall
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.errors import PointsmanError
from pointsman.server.gateway.anthropic_request import read_request
from pointsman.server.gateway.anthropic_stream import AnthropicStream
from pointsman.server.gateway.anthropic_words import stop_reason, thinks_here, usage_json
from pointsman.server.gateway.arguments import as_object, is_object
from pointsman.server.gateway.codec import HttpError, Inbound
from pointsman.server.gateway.errors_table import anthropic_error


class AnthropicInbound:
    """Reads and writes the dialect."""

    name = "anthropic"
    keep_alive = AnthropicStream.keep_alive

    def decode_request(self, body: bytes, headers: Mapping[str, str]) -> Inbound:
        """Read a request; see ``InboundDialect``."""
        return read_request(body, headers)

    def decode_count(self, body: bytes, headers: Mapping[str, str]) -> Inbound:
        """Read a request of ``/v1/messages/count_tokens``: as a message, but ``max_tokens`` may be missing.

        Raises:
            RequestError: as ``decode_request``.
        """
        return read_request(body, headers, counting=True)

    def encode_count(self, input_tokens: int) -> bytes:
        """Write the answer of ``/v1/messages/count_tokens``."""
        return msgspec.json.encode({"input_tokens": input_tokens})

    def encode_reply(self, reply: Reply, turn: Turn, model: str) -> bytes:
        """Write a ``message`` object."""
        del turn
        content = [block for part in reply.parts if (block := _block(part, reply)) is not None]
        called = any(block["type"] == "tool_use" for block in content)
        return msgspec.json.encode(
            {
                "id": reply.id,
                "type": "message",
                "role": "assistant",
                "model": model,
                "content": content,
                "stop_reason": stop_reason(reply.stop_reason, called=called),
                "stop_sequence": reply.stop_sequence,
                "stop_details": None,
                "usage": usage_json(reply.usage),
            }
        )

    def encoder(self, turn: Turn, model: str, reply_id: str) -> AnthropicStream:
        """Return an encoder for one stream of message events."""
        del turn
        return AnthropicStream(model, reply_id)

    def encode_error(self, error: PointsmanError, request_id: str) -> HttpError:
        """Write an error answer."""
        return anthropic_error(error, request_id)


def _block(part: Text | ToolCall | Reasoning | Refusal, reply: Reply) -> dict[str, Any] | None:
    if isinstance(part, Text | Refusal):
        # Real servers send no empty block, and refuse one that comes back with the history.
        return {"type": "text", "text": part.text} if part.text else None
    if isinstance(part, ToolCall):
        if reply.stop_reason == "max_tokens" and part.arguments and not is_object(part.arguments):
            return None
        input_ = as_object(part.name, part.arguments)
        return {"type": "tool_use", "id": part.id, "name": part.name, "input": input_}
    if not thinks_here(part.origin):
        return None
    if part.redacted:
        return {"type": "redacted_thinking", "data": part.state or ""}
    return {"type": "thinking", "thinking": part.text, "signature": part.state or ""}
