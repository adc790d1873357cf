"""Traces as cases: OTLP in JSON and spans exported by Phoenix. Every model call among the spans is a case.

Read are OpenTelemetry's gen_ai names, new (``gen_ai.input.messages``) and old (``gen_ai.prompt.0.content``, span events), and
OpenInference's (``llm.input_messages.0.message.role``). The conventions are still in development; the names are kept here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from pointsman.errors import RequestError
from pointsman.evaluation.importers.case_seam import Found, Wanted
from pointsman.evaluation.importers.cases_exports import request_found
from pointsman.evaluation.importers.cases_requests import json_value
from pointsman.evaluation.importers.seam import Row

_SESSIONS = (
    "gen_ai.conversation.id",
    "session.id",
    "langfuse.session.id",
    "traceloop.association.properties.session_id",
)
_NS_PER_MS = 1e6
_MOST_ITEMS = 10_000
"""A larger index in an attribute's name is no list."""


class Traces:
    """Reads export requests (``resourceSpans``), single spans, and Phoenix's rows."""

    name = "otlp"

    def recognises(self, row: Row) -> bool:
        """Tell by the envelope, or by the parts of a span."""
        if "resourceSpans" in row or "resource_spans" in row:
            return True
        return "attributes" in row and any(name in row for name in ("spanId", "span_id", "context", "span_kind"))

    def companions(self, row: Row) -> Mapping[str, str]:  # noqa: ARG002 - traces bring everything
        """Name no other file."""
        return {}

    def read(self, row: Row, wanted: Wanted) -> list[Found]:
        """Read the model calls of a row; spans of other kinds are passed over."""
        return [one for span in _spans(row) if (one := _call(span, wanted)) is not None]


def _spans(row: Row) -> Iterator[Mapping[str, Any]]:
    resources = row.get("resourceSpans", row.get("resource_spans"))
    if resources is None:
        yield row
        return
    for resource in resources or ():
        for scope in resource.get("scopeSpans", resource.get("scope_spans")) or ():
            yield from scope.get("spans") or ()


def _call(span: Mapping[str, Any], wanted: Wanted) -> Found | None:
    flat = _attributes(span.get("attributes"))
    for event in span.get("events") or ():
        flat = {**_event(event), **flat}
    data = _nested(flat)
    asked, answered, tools = _new_names(flat) or _old_names(data) or _openinference(data) or (None, None, None)
    if not asked:
        return None
    context = span.get("context")
    ids = context if isinstance(context, Mapping) else span
    session = next((str(flat[name]) for name in _SESSIONS if flat.get(name)), None)
    model = flat.get("gen_ai.response.model") or flat.get("gen_ai.request.model") or flat.get("llm.model_name") or ""
    body = {"messages": asked, "model": str(model)} | ({"tools": tools} if tools else {})
    usage = {
        "prompt_tokens": _tokens(flat, "input", "prompt"),
        "completion_tokens": _tokens(flat, "output", "completion"),
    }
    row = {
        "id": ids.get("spanId") or ids.get("span_id"),
        "session_id": session or ids.get("traceId") or ids.get("trace_id"),
        "request": body,
        "response": {"model": str(model), "usage": usage, "choices": [{"message": answered}]} if answered else None,
    }
    seconds = flat.get("gen_ai.response.time_to_first_chunk")
    return request_found(
        "otlp",
        row,
        wanted,
        latency_ms=_duration(span),
        ttft_ms=seconds * 1000 if isinstance(seconds, int | float) else None,
    )


def _tokens(flat: Mapping[str, Any], new: str, old: str) -> Any:
    names = (
        f"gen_ai.usage.{new}_tokens",
        f"gen_ai.usage.{old}_tokens",
        f"llm.token_count.{old}",
        f"llm.usage.{old}_tokens",
    )
    value = next((flat[name] for name in names if flat.get(name) is not None), None)
    return int(value) if isinstance(value, int | float | str) and str(value).isdigit() else None


def _attributes(data: Any) -> dict[str, Any]:
    """Return attributes by dotted name, however they are written: OTLP's list, an object, or objects in objects."""
    if isinstance(data, list):
        return {str(one.get("key")): _value(one.get("value")) for one in data if isinstance(one, Mapping)}
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


def _value(data: Any) -> Any:
    if not isinstance(data, Mapping):
        return data
    for name in ("stringValue", "boolValue", "doubleValue"):
        if name in data:
            return data[name]
    if "intValue" in data:
        return int(data["intValue"])
    if "arrayValue" in data:
        return [_value(one) for one in data["arrayValue"].get("values") or ()]
    if "kvlistValue" in data:
        return {str(one.get("key")): _value(one.get("value")) for one in data["kvlistValue"].get("values") or ()}
    return None


def _event(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event's attributes that hold messages, by the names the span would use."""
    flat = _attributes(event.get("attributes"))
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
    numbers = sorted(int(name) for name in data if name.isdigit() and int(name) < _MOST_ITEMS)
    return [data[str(number)] for number in numbers]


_Read = tuple[list[dict[str, Any]], dict[str, Any] | None, list[Any]]


def _new_names(flat: Mapping[str, Any]) -> _Read | None:
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


def _old_names(data: Mapping[str, Any]) -> _Read | None:
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


def _openinference(data: Mapping[str, Any]) -> _Read | None:
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


def _duration(span: Mapping[str, Any]) -> float | None:
    try:
        passed = (int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])) / _NS_PER_MS
    except (KeyError, TypeError, ValueError):
        return None
    return passed if passed >= 0 else None
