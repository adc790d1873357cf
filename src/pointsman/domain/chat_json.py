"""Reads messages and tools written the way OpenAI Chat Completions writes them: files of history, recorded runs.

Lenient where recordings differ (unknown fields are passed over, ``arguments`` may be an object, ``content`` may be
missing), strict where guessing would change the meaning. Every error names the path of the field at fault.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from pointsman.domain.message import (
    Document,
    Image,
    Message,
    Part,
    Refusal,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from pointsman.errors import RequestError

# Python's names for what JSON calls otherwise; bool comes first because it is an int to Python.
_KINDS = ((bool, "true or false"), (int | float, "a number"), (dict, "an object"), (list, "a list"))
_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}


def messages_from_openai(data: Any, *, path: str = "messages") -> tuple[Message, ...]:
    """Return the neutral messages; results of one assistant message become one message, in call order.

    Raises:
        RequestError: ``data`` is not a list of messages; ``param`` and the text name the field.
    """
    if not isinstance(data, list):
        raise _wrong(path, "a list of messages", data)
    messages: list[Message] = []
    results: list[ToolResult] = []
    for index, raw in enumerate(data):
        where = f"{path}[{index}]"
        role = _role(raw, where)
        if role == "tool":
            results.append(_tool_result(raw, where))
            continue
        _flush(messages, results)
        messages.append(Message(role, _parts(raw, role, where)))
    _flush(messages, results)
    return tuple(messages)


def tools_from_openai(data: Any, *, path: str = "tools") -> tuple[Tool, ...]:
    """Return the tools of an OpenAI list: ``{"type": "function", "function": {...}}`` or the bare inner object.

    Raises:
        RequestError: ``data`` is not such a list; ``param`` and the text name the field.
    """
    if not isinstance(data, list):
        raise _wrong(path, "a list of tools", data)
    return tuple(_tool(raw, f"{path}[{index}]") for index, raw in enumerate(data))


def _role(raw: Any, where: str) -> Role:
    if not isinstance(raw, Mapping):
        raise _wrong(where, "a message (an object with role and content)", raw)
    name = raw.get("role")
    if not isinstance(name, str) or name not in _ROLES:
        known = ", ".join(_ROLES)
        raise RequestError(f"{where}.role is {_show(name)}; known roles: {known}", param=f"{where}.role")
    return _ROLES[name]


def _flush(messages: list[Message], results: list[ToolResult]) -> None:
    if not results:
        return
    calls = {}
    if messages and messages[-1].role == "assistant":
        calls = {part.id: n for n, part in enumerate(messages[-1].parts) if type(part) is ToolCall}
    results.sort(key=lambda result: calls.get(result.call_id, len(calls)))
    messages.append(Message("tool", tuple(results)))
    results.clear()


def _tool_result(raw: Mapping[str, Any], where: str) -> ToolResult:
    call_id = raw.get("tool_call_id")
    # The legacy `function` role has no id: its name stands in for one.
    call_id = raw.get("name") if call_id is None and raw["role"] == "function" else call_id
    if not isinstance(call_id, str) or not call_id:
        field = f"{where}.tool_call_id"
        raise RequestError(f"{field} is missing: which call does this result answer?", param=field)
    name = raw.get("name")
    content = _content(raw.get("content"), f"{where}.content")
    kept = tuple(part for part in content if isinstance(part, Text | Image | Document))
    return ToolResult(call_id, kept, name if isinstance(name, str) else "")


def _parts(raw: Mapping[str, Any], role: Role, where: str) -> tuple[Part, ...]:
    parts = list(_content(raw.get("content"), f"{where}.content"))
    if role != "assistant":
        if not parts and raw.get("content") is None:
            raise RequestError(f"{where}.content is missing", param=f"{where}.content")
        return tuple(parts)
    if isinstance(refusal := raw.get("refusal"), str) and refusal:
        parts.append(Refusal(refusal))
    calls = raw.get("tool_calls")
    if calls is not None:
        if not isinstance(calls, list):
            raise _wrong(f"{where}.tool_calls", "a list", calls)
        parts.extend(_call(call, f"{where}.tool_calls[{n}]") for n, call in enumerate(calls))
    legacy = raw.get("function_call")
    if legacy is not None:
        parts.append(_function(legacy, f"{where}.function_call", call_id=None))
    return tuple(parts)


def _call(raw: Any, where: str) -> ToolCall:
    if not isinstance(raw, Mapping):
        raise _wrong(where, "a tool call (an object)", raw)
    call_id = raw.get("id")
    if not isinstance(call_id, str) or not call_id:
        raise RequestError(f"{where}.id is missing", param=f"{where}.id")
    return _function(raw.get("function"), f"{where}.function", call_id=call_id)


def _function(raw: Any, where: str, *, call_id: str | None) -> ToolCall:
    if not isinstance(raw, Mapping):
        raise _wrong(where, "an object with name and arguments", raw)
    name = raw.get("name")
    if not isinstance(name, str) or not name:
        raise RequestError(f"{where}.name is missing", param=f"{where}.name")
    arguments = raw.get("arguments", "")
    if isinstance(arguments, Mapping):
        arguments = msgspec.json.encode(arguments).decode()
    if not isinstance(arguments, str):
        raise _wrong(f"{where}.arguments", "JSON text", arguments)
    return ToolCall(call_id or name, name, arguments)


def _content(raw: Any, where: str) -> tuple[Part, ...]:
    if raw is None:
        return ()
    if isinstance(raw, str):
        return (Text(raw),) if raw else ()
    if not isinstance(raw, list):
        raise _wrong(where, "text or a list of parts", raw)
    return tuple(_part(part, f"{where}[{index}]") for index, part in enumerate(raw))


def _part(raw: Any, where: str) -> Part:
    if isinstance(raw, str):
        return Text(raw)
    if not isinstance(raw, Mapping):
        raise _wrong(where, "a content part (an object with type)", raw)
    kind = raw.get("type")
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        known = ", ".join(_READERS)
        raise RequestError(f"{where}.type is {_show(kind)}; known parts: {known}", param=f"{where}.type")
    return reader(raw, where)


def _text_part(raw: Mapping[str, Any], where: str) -> Part:
    return Text(_string(raw.get("text"), f"{where}.text"))


def _refusal_part(raw: Mapping[str, Any], where: str) -> Part:
    return Refusal(_string(raw.get("refusal"), f"{where}.refusal"))


def _image_part(raw: Mapping[str, Any], where: str) -> Part:
    image = raw.get("image_url")
    image = {"url": image} if isinstance(image, str) else image
    if not isinstance(image, Mapping):
        raise _wrong(f"{where}.image_url", "an object with url", image)
    url = _string(image.get("url"), f"{where}.image_url.url")
    detail = image.get("detail")
    detail = detail if isinstance(detail, str) else None
    media_type, data = _data_url(url)
    return Image(url=url, detail=detail) if data is None else Image(media_type=media_type, data=data, detail=detail)


def _audio_part(raw: Mapping[str, Any], where: str) -> Part:
    audio = raw.get("input_audio")
    if not isinstance(audio, Mapping):
        raise _wrong(f"{where}.input_audio", "an object with data and format", audio)
    kind = _string(audio.get("format"), f"{where}.input_audio.format")
    return Document(f"audio/{kind}", data=_string(audio.get("data"), f"{where}.input_audio.data"))


def _file_part(raw: Mapping[str, Any], where: str) -> Part:
    file = raw.get("file")
    if not isinstance(file, Mapping):
        raise _wrong(f"{where}.file", "an object with file_data", file)
    name = file.get("filename")
    media_type, data = _data_url(_string(file.get("file_data"), f"{where}.file.file_data"))
    if data is None:
        field = f"{where}.file.file_data"
        raise RequestError(f"{field} is not a data URL (data:application/pdf;base64,...)", param=field)
    return Document(media_type or "application/pdf", data=data, name=name if isinstance(name, str) else None)


_READERS: dict[str, Callable[[Mapping[str, Any], str], Part]] = {
    "text": _text_part,
    "refusal": _refusal_part,
    "image_url": _image_part,
    "input_audio": _audio_part,
    "file": _file_part,
}


def _data_url(url: str) -> tuple[str | None, str | None]:
    if not url.startswith("data:"):
        return None, None
    head, comma, data = url[5:].partition(",")
    if not comma or not head.endswith(";base64"):
        return None, None
    return head.removesuffix(";base64").partition(";")[0] or None, data


def _tool(raw: Any, where: str) -> Tool:
    if not isinstance(raw, Mapping):
        raise _wrong(where, "a tool (an object)", raw)
    inner = raw.get("function", raw)
    where = f"{where}.function" if "function" in raw else where
    if not isinstance(inner, Mapping):
        raise _wrong(where, "an object with name and parameters", inner)
    name = _string(inner.get("name"), f"{where}.name")
    parameters = inner.get("parameters")
    if parameters is not None and not isinstance(parameters, Mapping):
        raise _wrong(f"{where}.parameters", "a JSON Schema (an object)", parameters)
    strict = inner.get("strict")
    description = inner.get("description")
    return Tool(
        name,
        description if isinstance(description, str) else "",
        dict(parameters or {}),
        strict if isinstance(strict, bool) else None,
    )


def _string(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise _wrong(where, "text", value)
    return value


def _wrong(where: str, wanted: str, value: Any) -> RequestError:
    return RequestError(f"{where} must be {wanted}, not {_show(value)}", param=where)


def _show(value: Any) -> str:
    if value is None:
        return "missing"
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else value[:37] + "...")  # noqa: PLR2004 - enough to recognise it
    return next((words for kind, words in _KINDS if isinstance(value, kind)), type(value).__name__)
