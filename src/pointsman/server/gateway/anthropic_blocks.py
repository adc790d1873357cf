"""Reads the messages and system prompt of an Anthropic Messages request."""

from __future__ import annotations

import base64
from typing import Literal

import msgspec

from pointsman.domain.message import CacheMark, Document, Image, Message, Part, Reasoning, Text, ToolCall, ToolResult
from pointsman.errors import UnsupportedParameter
from pointsman.server.gateway.body import bad
from pointsman.server.gateway.history import History
from pointsman.server.gateway.media import web_url

ORIGIN = "anthropic"
"""Origin of thinking blocks that come with a client's history."""


class _CacheControl(msgspec.Struct, frozen=True):
    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] | None = None


class _Text(msgspec.Struct, frozen=True, tag_field="type", tag="text"):
    text: str
    cache_control: _CacheControl | None = None


class _Source(msgspec.Struct, frozen=True):
    type: str
    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    content: str | list[_Text] | None = None


class _Image(msgspec.Struct, frozen=True, tag_field="type", tag="image"):
    source: _Source
    cache_control: _CacheControl | None = None


class _Document(msgspec.Struct, frozen=True, tag_field="type", tag="document"):
    source: _Source
    title: str | None = None
    cache_control: _CacheControl | None = None


class _ToolUse(msgspec.Struct, frozen=True, tag_field="type", tag="tool_use"):
    id: str
    name: str
    input: msgspec.Raw
    cache_control: _CacheControl | None = None


class _ToolResult(msgspec.Struct, frozen=True, tag_field="type", tag="tool_result"):
    tool_use_id: str
    content: str | list[_Text | _Image | _Document] | None = None
    is_error: bool | None = None
    cache_control: _CacheControl | None = None


class _Thinking(msgspec.Struct, frozen=True, tag_field="type", tag="thinking"):
    thinking: str
    signature: str


class _Redacted(msgspec.Struct, frozen=True, tag_field="type", tag="redacted_thinking"):
    data: str


class _User(msgspec.Struct, frozen=True, tag_field="role", tag="user"):
    content: str | list[_Text | _Image | _Document | _ToolResult]


class _Assistant(msgspec.Struct, frozen=True, tag_field="role", tag="assistant"):
    content: str | list[_Text | _ToolUse | _Thinking | _Redacted]


class _System(msgspec.Struct, frozen=True, tag_field="role", tag="system"):
    content: str | list[_Text]


SystemIn = str | list[_Text]
CacheIn = _CacheControl

MessageIn = _User | _Assistant | _System
_PDF = "application/pdf"


def read_messages(system: SystemIn | None, messages: list[MessageIn]) -> tuple[Message, ...]:
    """Return the neutral messages, the top-level system prompt first.

    Raises:
        RequestError: calls and results do not match, or a block cannot be read.
        UnsupportedParameter: a block that only the vendor's servers can resolve (uploaded files).
    """
    if not messages:
        raise bad("messages", "at least one message is required")
    history = History(unique_ids=True)
    if system:
        history.add("system", _texts(system, "system"), 0)
    last = len(messages) - 1
    for number, message in enumerate(messages):
        content = message.content
        if not content and not (number == last and isinstance(message, _Assistant)):
            where = f"messages.{number}.content"
            raise bad(where, "messages must have non-empty content, except for a final assistant message")
        if isinstance(message, _User):
            _user(history, message.content, number)
        elif isinstance(message, _Assistant):
            history.add_assistant(_assistant(message.content, number), number)
        else:
            history.add("system", _texts(message.content, f"messages.{number}.content"), number)
    return history.finish()


def mark(control: _CacheControl | None) -> CacheMark | None:
    """Return the neutral cache mark."""
    return None if control is None else CacheMark(control.ttl)


def _text(block: _Text, where: str) -> Text:
    if not block.text or block.text.isspace():
        raise bad(where, "text content blocks must contain non-whitespace text")
    return Text(block.text, mark(block.cache_control))


def _texts(content: SystemIn, where: str) -> tuple[Text, ...]:
    if isinstance(content, str):
        return (Text(content),)
    return tuple([_text(block, f"{where}.{number}.text") for number, block in enumerate(content)])


def _user(history: History, content: str | list[_Text | _Image | _Document | _ToolResult], number: int) -> None:
    if isinstance(content, str):
        if content.isspace():
            raise bad(f"messages.{number}.content", "text content blocks must contain non-whitespace text")
        history.add("user", (Text(content),), number)
        return
    rest: list[Part] = []
    for index, block in enumerate(content):
        at = f"messages.{number}.content.{index}"
        if not isinstance(block, _ToolResult):
            rest.append(_block(block, at))
            continue
        if rest:
            raise bad(at, "tool_result blocks must come before all other blocks of the message")
        result = ToolResult(
            block.tool_use_id,
            _result_content(block.content, f"{at}.content"),
            is_error=bool(block.is_error),
            cache=mark(block.cache_control),
        )
        history.add_result(result, at, "tool_use_id")
    if rest:
        history.add("user", tuple(rest), number)


def _result_content(
    content: str | list[_Text | _Image | _Document] | None, where: str
) -> tuple[Text | Image | Document, ...]:
    if not content:
        return ()
    if isinstance(content, str):
        return (Text(content),)
    return tuple([_block(block, f"{where}.{number}") for number, block in enumerate(content)])


def _block(block: _Text | _Image | _Document, where: str) -> Text | Image | Document:
    if isinstance(block, _Text):
        return _text(block, f"{where}.text")
    if isinstance(block, _Image):
        return _image(block, f"{where}.source")
    return _document(block, f"{where}.source")


def _image(block: _Image, where: str) -> Image:
    source, cache = block.source, mark(block.cache_control)
    if source.type == "base64":
        return Image(_given(source.media_type, where, "media_type"), _given(source.data, where, "data"), cache=cache)
    if source.type == "url":
        return Image(url=web_url(_given(source.url, where, "url"), f"{where}.url"), cache=cache)
    raise _bad_source(source, where)


def _document(block: _Document, where: str) -> Document:
    source, cache = block.source, mark(block.cache_control)
    if source.type == "base64":
        data = _given(source.data, where, "data")
        return Document(source.media_type or _PDF, data, name=block.title, cache=cache)
    if source.type == "url":
        url = web_url(_given(source.url, where, "url"), f"{where}.url")
        return Document(_PDF, url=url, name=block.title, cache=cache)
    if source.type in {"text", "content"}:
        text = _given(source.data, where, "data") if source.type == "text" else _joined(source, where)
        data = base64.b64encode(text.encode()).decode()  # neutral documents hold base64, whatever they are
        return Document("text/plain", data, name=block.title, cache=cache)
    raise _bad_source(source, where)


def _joined(source: _Source, where: str) -> str:
    content = source.content
    if content is None:
        raise bad(f"{where}.content", "this field is required")
    return content if isinstance(content, str) else "\n\n".join(block.text for block in content)


def _bad_source(source: _Source, where: str) -> Exception:
    if source.type == "file":
        return UnsupportedParameter(
            f"{where}.type: an uploaded file lives at one vendor and cannot be routed; send it as base64 or url",
            param=f"{where}.type",
        )
    return bad(f"{where}.type", f"{source.type!r} is not a source of this block")


def _given(value: str | None, where: str, name: str) -> str:
    if not value:
        raise bad(f"{where}.{name}", "this field is required")
    return value


def _assistant(content: str | list[_Text | _ToolUse | _Thinking | _Redacted], number: int) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (Text(content),) if content else ()
    parts: list[Part] = []
    for index, block in enumerate(content):
        at = f"messages.{number}.content.{index}"
        match block:
            case _Text():
                parts.append(_text(block, f"{at}.text"))
            case _ToolUse():
                arguments = bytes(block.input)
                if not arguments.startswith(b"{"):
                    raise bad(f"{at}.input", "expected an object")
                parts.append(ToolCall(block.id, block.name, arguments.decode(), cache=mark(block.cache_control)))
            case _Thinking():
                parts.append(Reasoning(ORIGIN, block.thinking, block.signature))
            case _Redacted():
                parts.append(Reasoning(ORIGIN, state=block.data, redacted=True))
    return tuple(parts)
