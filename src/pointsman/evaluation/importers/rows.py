"""What every format reads the same way: messages, ids, tools by name."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from pointsman.domain.chat_json import messages_from_openai
from pointsman.domain.message import Message, Text, Tool
from pointsman.errors import RequestError
from pointsman.evaluation.importers.seam import Row, ToolBook


def conversation_messages(data: Any, system: str | None) -> tuple[Message, ...]:
    """Decode messages and put ``system`` first where they bring no system message of their own.

    Raises:
        RequestError: they cannot be decoded, or hold no customer message.
    """
    if not isinstance(data, list):
        raise RequestError("messages is missing or not a list", param="messages")
    messages = messages_from_openai(data)
    if not any(message.role == "user" for message in messages):
        raise RequestError("no message of role user: there is nothing to route", param="messages")
    if system is not None and messages[0].role != "system":
        return (Message("system", (Text(system),)), *messages)
    return messages


def conversation_id(row: Row, messages: tuple[Message, ...]) -> str:
    """Return the row's id; where it has none, a stable one made from its messages."""
    given = row.get("id")
    if isinstance(given, str | int) and not isinstance(given, bool) and given != "":
        return str(given)
    return "sha-" + hashlib.sha256(msgspec.json.encode(messages)).hexdigest()[:12]


def named_tools(names: Any, book: ToolBook, prefix: str) -> tuple[Tool, ...]:
    """Look tools up by ``prefix:name``, then by name; a tool with no schema to be found keeps its name alone.

    Raises:
        RequestError: ``names`` is not a list of names.
    """
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise RequestError("tools is not a list of tool names", param="tools")
    return tuple(book.by_name.get(f"{prefix}:{name}") or book.by_name.get(name) or Tool(name) for name in names)
