"""What a span of another program says of a model call, by the names of three conventions; shared by case files and live capture.

Read are OpenTelemetry's gen_ai names, new (``gen_ai.input.messages``) and old (``gen_ai.prompt.0.content``, span events), and
OpenInference's (``llm.input_messages.0.message.role``). The conventions are still in development; the names are kept here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from pointsman.errors import RequestError
from pointsman.evaluation.importers.cases_requests import json_value

SESSIONS: Final = (
    "gen_ai.conversation.id",
    "session.id",
    "langfuse.session.id",
    "traceloop.association.properties.session_id",
)
_MOST_DIGITS = 18
_MOST_ITEMS = 10_000
"""A larger index in an attribute's name is no list."""

Said = tuple[list[dict[str, Any]], dict[str, Any] | None, list[Any]]
"""Messages asked, the message answered, and the tools, in OpenAI's words."""


def said_in(flat: Mapping[str, Any]) -> Said | None:
    """Return what was said in a model call, None where the span does not tell.

    Raises:
        RequestError: what it tells is not in the shape of its convention.
    """
    found = _new_names(flat)
    if found is not None:
        return found
    data = _nested(flat)
    return _old_names(data) or _openinference(data)


def first_of(flat: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """Return the first attribute that is there."""
    return next((flat[name] for name in names if flat.get(name) is not None), None)


def token_count(flat: Mapping[str, Any], new: str, old: str) -> int | None:
    """Return a count of tokens: ``new`` and ``old`` are the words of today and of before (input and prompt)."""
    names = (
        f"gen_ai.usage.{new}_tokens",
        f"gen_ai.usage.{old}_tokens",
        f"llm.token_count.{old}",
        f"llm.usage.{old}_tokens",
    )
    value = first_of(flat, names)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return int(value) if isinstance(value, int) and value >= 0 else _digits(str(value))


def _digits(text: str) -> int | None:
    """Return the number that a text of plain digits is; None for any other, and for one that no count or index reaches."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None


def attributes_of(data: Any) -> dict[str, Any]:
    """Return attributes by dotted name, however they are written: OTLP's list, an object, or objects in objects."""
    if isinstance(data, list):
        return {str(one.get("key")): value_of(one.get("value")) for one in data if isinstance(one, Mapping)}
    flat: dict[str, Any] = {}
    if isinstance(data, Mapping):
        _flatten("", data, flat)
    return flat


def _flatten(prefix: str, data: Any, into: dict[str, Any]) -> None:
    if isinstance(data, Mapping) and data:
        for name, value in data.items():
            _flatten(f"{prefix}.{name}" if prefix else str(name), value, into)
    elif isinstance(data, list) and any(isinstance(one, Mapping) for one in data):
        for number, value in enumerate(data):
            _flatten(f"{prefix}.{number}", value, into)
    else:
        into[prefix] = data


def value_of(data: Any) -> Any:
    """Return an OTLP value as plain data."""
    if not isinstance(data, Mapping):
        return data
    for name in ("stringValue", "boolValue", "doubleValue"):
        if name in data:
            return data[name]
    if "intValue" in data:
        return int(data["intValue"])
    if "arrayValue" in data:
        return [value_of(one) for one in data["arrayValue"].get("values") or ()]
    if "kvlistValue" in data:
        return {str(one.get("key")): value_of(one.get("value")) for one in data["kvlistValue"].get("values") or ()}
    return None


def event_messages(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event's attributes that hold messages, by the names the span would use."""
    flat = attributes_of(event.get("attributes"))
    kept = ("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.tool.definitions")
    found = {name: flat[name] for name in kept if name in flat}
    for old in ("gen_ai.prompt", "gen_ai.completion"):
        if isinstance(flat.get(old), str):
            found[f"{old}.json"] = flat[old]
    return found


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    root: dict[str, Any] = {}
    for name, value in flat.items():
        at = root
        parts = name.split(".")
        for part in parts[:-1]:
            inner = at.setdefault(part, {})
            if not isinstance(inner, dict):
                inner = at[part] = {}
            at = inner
        if not isinstance(at.get(parts[-1]), dict):
            at[parts[-1]] = value
    return root


def _items(data: Any) -> list[Any]:
    """Return what stands under 0, 1, 2 ... of an object that was a list."""
    if isinstance(data, list):
        return data
    if not isinstance(data, dict):
        return []
    numbers = sorted(n for name in data if (n := _digits(name)) is not None and n < _MOST_ITEMS and str(n) == name)
    return [data[str(number)] for number in numbers]


def _new_names(flat: Mapping[str, Any]) -> Said | None:
    asked = json_value(flat.get("gen_ai.input.messages"))
    if not isinstance(asked, list):
        return None
    messages = [entry for one in asked for entry in _of_parts(one)]
    system = json_value(flat.get("gen_ai.system_instructions"))
    if isinstance(system, list) and system:
        messages = [{"role": "system", "content": _text(system)}, *messages]
    answered = json_value(flat.get("gen_ai.output.messages"))
    said = [entry for one in answered for entry in _of_parts(one)] if isinstance(answered, list) else []
    tools = json_value(flat.get("gen_ai.tool.definitions"))
    return messages, said[0] if said else None, tools if isinstance(tools, list) else []


def _of_parts(message: Any) -> Iterator[dict[str, Any]]:
    """Yield a message of the new convention in OpenAI's words; each tool's response is a message of its own."""
    if not isinstance(message, Mapping):
        raise RequestError("a message is not an object", param="gen_ai.input.messages")
    parts = [one for one in message.get("parts") or () if isinstance(one, Mapping)]
    for part in parts:
        if part.get("type") == "tool_call_response":
            result = part.get("response", part.get("result"))
            text = result if isinstance(result, str) else msgspec.json.encode(result).decode()
            yield {"role": "tool", "tool_call_id": part.get("id"), "content": text}
    calls = [
        _tool_call(one.get("id"), one.get("name"), one.get("arguments"), n)
        for n, one in enumerate(parts)
        if one.get("type") == "tool_call"
    ]
    text = _text(parts)
    if calls or text or not parts:
        entry: dict[str, Any] = {"role": message.get("role"), "content": text or message.get("content") or ""}
        yield entry | ({"tool_calls": calls} if calls else {})


def _text(parts: list[Any]) -> str:
    return "\n".join(
        str(one.get("content")) for one in parts if isinstance(one, Mapping) and one.get("type", "text") == "text"
    )


def _tool_call(key: Any, name: Any, arguments: Any, place: int) -> dict[str, Any]:
    text = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments or {}).decode()
    return {"id": key or f"call_{place}", "type": "function", "function": {"name": name, "arguments": text}}


def _old_names(data: Mapping[str, Any]) -> Said | None:
    gen_ai = data.get("gen_ai")
    if not isinstance(gen_ai, dict):
        return None
    prompt, completion = gen_ai.get("prompt"), gen_ai.get("completion")
    if isinstance(prompt, dict) and "json" in prompt:
        asked = json_value(prompt["json"])
        answered = json_value(completion.get("json")) if isinstance(completion, dict) else None
        said = answered[0] if isinstance(answered, list) and answered else None
        return (asked, said if isinstance(said, dict) else None, []) if isinstance(asked, list) else None
    asked = [_indexed(one) for one in _items(prompt)]
    if not asked:
        return None
    said = [_indexed(one) | {"role": "assistant"} for one in _items(completion)]
    llm = data.get("llm")
    functions = (
        _items(llm.get("request", {}).get("functions"))
        if isinstance(llm, dict) and isinstance(llm.get("request"), dict)
        else []
    )
    tools = [
        one | {"parameters": json_value(one.get("parameters")) or {}} for one in functions if isinstance(one, dict)
    ]
    return asked, said[0] if said else None, tools


def _indexed(one: Any) -> dict[str, Any]:
    if not isinstance(one, dict):
        raise RequestError("a message is not an object", param="gen_ai.prompt")
    calls = [
        _tool_call(call.get("id"), call.get("name"), call.get("arguments"), n)
        for n, call in enumerate(_items(one.get("tool_calls")))
    ]
    content = json_value(one.get("content"))
    entry: dict[str, Any] = {
        "role": one.get("role") or "user",
        "content": content if isinstance(content, list | str) else str(content or ""),
    }
    if one.get("tool_call_id"):
        entry["tool_call_id"] = one["tool_call_id"]
    return entry | ({"tool_calls": calls} if calls else {})


def _openinference(data: Mapping[str, Any]) -> Said | None:
    llm = data.get("llm")
    if not isinstance(llm, dict):
        return None
    asked = [_message(one) for one in _items(llm.get("input_messages"))]
    if not asked:
        return None
    said = [_message(one) for one in _items(llm.get("output_messages"))]
    schemas = [
        json_value((one.get("tool") or {}).get("json_schema"))
        for one in _items(llm.get("tools"))
        if isinstance(one, dict)
    ]
    return asked, said[0] if said else None, [one for one in schemas if isinstance(one, dict)]


def _message(one: Any) -> dict[str, Any]:
    message = one.get("message", one) if isinstance(one, dict) else None
    if not isinstance(message, dict):
        raise RequestError("a message is not an object", param="llm.input_messages")
    calls = []
    for n, item in enumerate(_items(message.get("tool_calls"))):
        call = item.get("tool_call", item)
        function = call.get("function") or {}
        calls.append(_tool_call(call.get("id"), function.get("name"), function.get("arguments"), n))
    content = message.get("content")
    if content is None:
        parts = [
            part.get("message_content", part) for part in _items(message.get("contents")) if isinstance(part, dict)
        ]
        content = "\n".join(str(part.get("text")) for part in parts if part.get("text"))
    entry: dict[str, Any] = {"role": message.get("role") or "user", "content": content}
    if message.get("tool_call_id"):
        entry["tool_call_id"] = message["tool_call_id"]
    return entry | ({"tool_calls": calls} if calls else {})
