"""Reads requests and replies written the way Anthropic Messages writes them. Lenient, as recordings differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from pointsman.domain.message import Document, Image, Message, Part, Reasoning, Text, Tool, ToolCall, ToolResult
from pointsman.errors import RequestError

_PROVIDER = "anthropic"


def messages_from_anthropic(data: Any, system: Any = None) -> tuple[Message, ...]:
    """Return the neutral messages; tool results become a message of their own, before what the customer said beside them.

    Raises:
        RequestError: ``data`` is not a list of messages; names the field.
    """
    if not isinstance(data, list):
        raise RequestError("messages is missing or not a list", param="messages")
    said = _texts(system, "system")
    messages = [Message("system", said)] if said else []
    for index, raw in enumerate(data):
        where = f"messages[{index}]"
        if not isinstance(raw, Mapping) or raw.get("role") not in ("user", "assistant"):
            raise RequestError(f"{where}.role must be user or assistant", param=f"{where}.role")
        parts = parts_from_anthropic(raw.get("content"), f"{where}.content")
        if raw["role"] == "assistant":
            messages.append(Message("assistant", parts))
            continue
        results = tuple(part for part in parts if type(part) is ToolResult)
        rest = tuple(part for part in parts if type(part) is not ToolResult)
        messages += [Message("tool", results)] if results else []
        messages += [Message("user", rest)] if rest else []
    return tuple(messages)


def parts_from_anthropic(content: Any, where: str) -> tuple[Part, ...]:
    """Return the parts of a message: text, or a list of blocks. Blocks of kinds unknown here are refused by name.

    Raises:
        RequestError: it is neither.
    """
    if isinstance(content, str):
        return (Text(content),) if content else ()
    if not isinstance(content, list):
        raise RequestError(f"{where} must be text or a list of blocks", param=where)
    return tuple(_part(block, f"{where}[{index}]") for index, block in enumerate(content))


def tools_from_anthropic(data: Any) -> tuple[Tool, ...]:
    """Return the client's tools; those the provider runs itself are left out.

    Raises:
        RequestError: ``data`` is not a list of tools.
    """
    if data is None:
        return ()
    if not isinstance(data, list) or not all(
        isinstance(one, Mapping) and isinstance(one.get("name"), str) for one in data
    ):
        raise RequestError("tools must be a list of tools with names", param="tools")
    return tuple(
        Tool(one["name"], str(one.get("description") or ""), dict(one["input_schema"]))
        for one in data
        if isinstance(one.get("input_schema"), Mapping)
    )


def _part(block: Any, where: str) -> Part:  # noqa: PLR0911 - one line per kind of block
    if not isinstance(block, Mapping):
        raise RequestError(f"{where} must be a block (an object with type)", param=where)
    match block.get("type"):
        case "text":
            return Text(_text(block.get("text"), f"{where}.text"))
        case "tool_use":
            arguments = msgspec.json.encode(block.get("input") or {}).decode()
            return ToolCall(_text(block.get("id"), f"{where}.id"), _text(block.get("name"), f"{where}.name"), arguments)
        case "tool_result":
            content = _texts(block.get("content"), f"{where}.content", media=True)
            call = _text(block.get("tool_use_id"), f"{where}.tool_use_id")
            return ToolResult(call, cast("Any", content), is_error=block.get("is_error") is True)
        case "thinking":
            return Reasoning(_PROVIDER, str(block.get("thinking") or ""), state=_or_none(block.get("signature")))
        case "redacted_thinking":
            return Reasoning(_PROVIDER, state=_or_none(block.get("data")), redacted=True)
        case "image":
            return _media(block, where)
        case "document":
            return _media(block, where)
        case kind:
            raise RequestError(f"{where}.type is {str(kind)[:40]!r}, which is not read here", param=f"{where}.type")


def _media(block: Mapping[str, Any], where: str) -> Image | Document:
    source = block.get("source")
    if not isinstance(source, Mapping):
        raise RequestError(f"{where}.source is missing", param=f"{where}.source")
    media, data, url = (_or_none(source.get(name)) for name in ("media_type", "data", "url"))
    if block["type"] == "image":
        return Image(media_type=media, data=data, url=url)
    return Document(media or "application/pdf", data=data, url=url, name=_or_none(block.get("title")))


def _texts(content: Any, where: str, *, media: bool = False) -> tuple[Part, ...]:
    if content is None:
        return ()
    parts = parts_from_anthropic(content, where)
    return parts if media else tuple(part for part in parts if type(part) is Text)


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise RequestError(f"{where} must be text", param=where)
    return value


def _or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None
