"""Reads the messages of an OpenAI Chat Completions request."""

from __future__ import annotations

import msgspec

from pointsman.domain.message import (
    CacheMark,
    Document,
    Image,
    Message,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from pointsman.errors import UnsupportedParameter
from pointsman.server.gateway.body import bad
from pointsman.server.gateway.history import History
from pointsman.server.gateway.media import data_url, web_url

CLIENT = "client"
"""Origin of reasoning text that a client put into its history: no provider would accept it back as its own."""


class _Breakpoint(msgspec.Struct, frozen=True):
    mode: str = "explicit"
    ttl: str | None = None


class _TextPart(msgspec.Struct, frozen=True, tag_field="type", tag="text"):
    text: str
    prompt_cache_breakpoint: _Breakpoint | None = None


class _ImageUrl(msgspec.Struct, frozen=True):
    url: str
    detail: str | None = None


class _ImagePart(msgspec.Struct, frozen=True, tag_field="type", tag="image_url"):
    image_url: _ImageUrl
    prompt_cache_breakpoint: _Breakpoint | None = None


class _Audio(msgspec.Struct, frozen=True):
    data: str
    format: str


class _AudioPart(msgspec.Struct, frozen=True, tag_field="type", tag="input_audio"):
    input_audio: _Audio
    prompt_cache_breakpoint: _Breakpoint | None = None


class _File(msgspec.Struct, frozen=True):
    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class _FilePart(msgspec.Struct, frozen=True, tag_field="type", tag="file"):
    file: _File
    prompt_cache_breakpoint: _Breakpoint | None = None


class _RefusalPart(msgspec.Struct, frozen=True, tag_field="type", tag="refusal"):
    refusal: str


class _Function(msgspec.Struct, frozen=True):
    name: str
    arguments: str = ""


class _Call(msgspec.Struct, frozen=True):
    id: str
    type: str = "function"
    function: _Function | None = None


class _System(msgspec.Struct, frozen=True, tag_field="role", tag="system"):
    content: str | list[_TextPart]


class _Developer(msgspec.Struct, frozen=True, tag_field="role", tag="developer"):
    content: str | list[_TextPart]


class _User(msgspec.Struct, frozen=True, tag_field="role", tag="user"):
    content: str | list[_TextPart | _ImagePart | _AudioPart | _FilePart]


class _Assistant(msgspec.Struct, frozen=True, tag_field="role", tag="assistant"):
    content: str | list[_TextPart | _RefusalPart] | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None
    function_call: object = None
    audio: object = None
    reasoning_content: object = None


class _ToolMessage(msgspec.Struct, frozen=True, tag_field="role", tag="tool"):
    tool_call_id: str
    content: str | list[_TextPart]


class _FunctionMessage(msgspec.Struct, frozen=True, tag_field="role", tag="function"):
    content: object = None


MessageIn = _System | _Developer | _User | _Assistant | _ToolMessage | _FunctionMessage


def read_messages(messages: list[MessageIn]) -> tuple[Message, ...]:
    """Return the neutral messages.

    Raises:
        RequestError: calls and results do not match, or a part cannot be read.
        UnsupportedParameter: a legacy function message, or audio of an earlier reply.
    """
    if not messages:
        raise bad("messages", "at least one message is required")
    history = History(unique_ids=False)
    for number, message in enumerate(messages):
        if isinstance(message, _User):
            history.add("user", _user_parts(message.content, number), number)
        elif isinstance(message, _Assistant):
            history.add_assistant(_assistant_parts(message, number), number)
        elif isinstance(message, _ToolMessage):
            result = ToolResult(message.tool_call_id, _texts(message.content))
            history.add_result(result, f"messages.{number}", "tool_call_id")
        elif isinstance(message, _FunctionMessage):
            where = f"messages.{number}.role"
            raise UnsupportedParameter(
                f"{where}: 'function' messages are the legacy form; use role 'tool' with tool_call_id", param=where
            )
        else:
            history.add("system", _texts(message.content), number)
    return history.finish()


def _mark(breakpoint_: _Breakpoint | None) -> CacheMark | None:
    return None if breakpoint_ is None else CacheMark(breakpoint_.ttl)


def _texts(content: str | list[_TextPart]) -> tuple[Text, ...]:
    if type(content) is str:
        return (Text(content),)
    return tuple([Text(part.text, _mark(part.prompt_cache_breakpoint)) for part in content])  # type: ignore[union-attr]


def _user_parts(content: str | list[_TextPart | _ImagePart | _AudioPart | _FilePart], number: int) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (Text(content),)
    where = f"messages.{number}.content"
    if not content:
        raise bad(where, "at least one content part is required")
    parts: list[Part] = []
    for index, part in enumerate(content):
        mark = _mark(part.prompt_cache_breakpoint)
        match part:
            case _TextPart():
                parts.append(Text(part.text, mark))
            case _ImagePart():
                parts.append(_image(part.image_url, mark, f"{where}.{index}.image_url.url"))
            case _AudioPart():
                audio = part.input_audio
                parts.append(Document(f"audio/{audio.format}", data=audio.data, cache=mark))
            case _FilePart():
                parts.append(_document(part.file, mark, f"{where}.{index}.file"))
    return tuple(parts)


def _image(image: _ImageUrl, mark: CacheMark | None, where: str) -> Image:
    if image.url.startswith("data:"):
        media_type, data = data_url(image.url, where)
        return Image(media_type=media_type, data=data, detail=image.detail, cache=mark)
    return Image(url=web_url(image.url, where), detail=image.detail, cache=mark)


def _document(file: _File, mark: CacheMark | None, where: str) -> Document:
    if file.file_id is not None:
        raise UnsupportedParameter(
            f"{where}.file_id: an uploaded file lives at one vendor and cannot be routed; send it as file_data",
            param=f"{where}.file_id",
        )
    if file.file_data is None:
        raise bad(f"{where}.file_data", "this field is required")
    media_type, data = data_url(file.file_data, f"{where}.file_data")
    return Document(media_type, data=data, name=file.filename, cache=mark)


def _assistant_parts(message: _Assistant, number: int) -> tuple[Part, ...]:
    if message.function_call is not None or message.audio is not None:
        raise _legacy(message, f"messages.{number}")
    content, calls = message.content, message.tool_calls
    parts: list[Part] = []
    if isinstance(message.reasoning_content, str) and message.reasoning_content:
        parts.append(Reasoning(CLIENT, message.reasoning_content))
    if isinstance(content, str):
        if content or not calls:
            parts.append(Text(content))
    elif content:
        parts.extend([_text_or_refusal(piece) for piece in content])
    if message.refusal:
        parts.append(Refusal(message.refusal))
    if calls is not None:
        parts.extend([_call(call, number, index) for index, call in enumerate(calls)])
    if content is None and not calls and not message.refusal:
        raise bad(f"messages.{number}.content", "required unless the message has tool_calls or a refusal")
    return tuple(parts)


def _text_or_refusal(piece: _TextPart | _RefusalPart) -> Text | Refusal:
    if isinstance(piece, _RefusalPart):
        return Refusal(piece.refusal)
    return Text(piece.text, _mark(piece.prompt_cache_breakpoint))


def _call(call: _Call, number: int, index: int) -> ToolCall:
    if call.type == "function" and call.function is not None:
        return ToolCall(call.id, call.function.name, call.function.arguments)
    where = f"messages.{number}.tool_calls.{index}"
    if call.type != "function":
        raise UnsupportedParameter(
            f"{where}.type: {call.type!r} tool calls are not supported; use function tools", param=f"{where}.type"
        )
    raise bad(f"{where}.function", "this field is required")


def _legacy(message: _Assistant, where: str) -> UnsupportedParameter:
    if message.function_call is not None:
        return UnsupportedParameter(
            f"{where}.function_call: the legacy form is not supported; use tool_calls", param=f"{where}.function_call"
        )
    return UnsupportedParameter(
        f"{where}.audio: audio of an earlier reply lives at one vendor; send its transcript as content",
        param=f"{where}.audio",
    )
