"""What the dialects with strict turns share: where the system prompt ends, and parts that must be read to be sent."""

from __future__ import annotations

import base64
import binascii

import msgspec

from pointsman.domain.message import Document, Message, ToolCall
from pointsman.errors import RequestError

SYSTEM_MARK = "[System instruction] "
"""Opens a later system message that had to become a user turn: hoisting it would change its meaning and the cache."""

OPENING = "(The conversation begins.)"
"""Stands in for the user where a conversation begins with the assistant's greeting: the first turn must be the user's."""

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


def leading_system(messages: tuple[Message, ...]) -> int:
    """Return how many messages at the start are the system prompt.

    A conversation of instructions alone would be empty without them: its last one is asked as the user's turn.

    Raises:
        RequestError: there is no message at all.
    """
    if not messages:
        raise RequestError("messages is empty: send at least one user message", param="messages")
    leading = 0
    while leading < len(messages) and messages[leading].role == "system":
        leading += 1
    return leading - 1 if leading == len(messages) else leading


def object_arguments(call: ToolCall, param: str) -> msgspec.Raw:
    """Return the arguments as a JSON object, byte for byte: key order and number text stay as the model wrote them.

    Raises:
        RequestError: they are not a JSON object.
    """
    arguments = call.arguments.strip() or "{}"
    try:
        _OBJECT.decode(arguments)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise RequestError(
            f"the arguments of tool call {call.id!r} are not a JSON object, and this provider takes nothing else",
            param=param,
        ) from None
    return msgspec.Raw(arguments.encode())


def document_text(part: Document, param: str) -> str:
    """Return the words of a text document, whose data is base64 like all data.

    Raises:
        RequestError: it is not base64 of UTF-8 text.
    """
    try:
        return base64.b64decode(part.data or "", validate=True).decode()
    except (binascii.Error, ValueError):
        raise RequestError(
            f"the document {part.name or part.media_type!r} is not base64 of UTF-8 text", param=param
        ) from None
