"""The conversation as Gemini wants it: user and model contents, system apart, results as objects with their tool's name."""

from __future__ import annotations

from typing import Any

from pointsman.catalog.models import Model
from pointsman.domain.message import Document, Image, Message, Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from pointsman.domain.turn import Turn
from pointsman.errors import RequestError, UnsupportedParameter
from pointsman.providers import parameters, reasoning
from pointsman.providers.conversation import OPENING, SYSTEM_MARK, document_text, leading_system, object_arguments
from pointsman.providers.tool_names import wire_id, wire_name

Json = dict[str, Any]


def contents(turn: Turn, model: Model) -> tuple[list[Json], list[Json]]:
    """Return the parts of the system instruction and the contents.

    Raises:
        RequestError: a message has nothing in it, or a result answers no call.
        UnsupportedParameter: a part has no form in this dialect.
    """
    leading = leading_system(turn.messages)
    system = [{"text": part.text} for message in turn.messages[:leading] for part in message.parts if _has_text(part)]  # type: ignore[union-attr]
    found: list[Json] = []
    calls: dict[str, ToolCall] = {}
    for number in range(leading, len(turn.messages)):
        message = turn.messages[number]
        if message.role == "assistant":
            calls.update({part.id: part for part in message.parts if type(part) is ToolCall})
        parts = _parts(message, number, model, calls, marked=number != leading)
        if not parts and message.role == "user":
            raise RequestError(
                "a user message without any content cannot be sent to this provider", param=f"messages.{number}.content"
            )
        role = "model" if message.role == "assistant" else "user"
        if found and found[-1]["role"] == role:
            found[-1]["parts"] += parts
        elif parts:
            found.append({"role": role, "parts": parts})
    if found and found[0]["role"] == "model":
        found.insert(0, {"role": "user", "parts": [{"text": OPENING}]})
    for content in found:
        if content["role"] == "user":
            # sort is stable: results first, everything else in its order.
            content["parts"].sort(key=lambda part: "functionResponse" not in part)
    return system, found


def _has_text(part: Part) -> bool:
    return type(part) is Text and bool(part.text)


def _parts(message: Message, number: int, model: Model, calls: dict[str, ToolCall], *, marked: bool) -> list[Json]:
    param = f"messages.{number}.content"
    if message.role == "system":
        text = message.text
        return [{"text": SYSTEM_MARK + text if marked else text}] if text else []
    if message.role == "tool":
        return _results(message, calls, param)
    return [entry for part in message.parts if (entry := _part(part, param, model)) is not None]


def _part(part: Part, param: str, model: Model) -> Json | None:
    match part:
        case Text(text=text) | Refusal(text=text):
            return {"text": text} if text else None
        case Image() | Document():
            return _data(part, param)
        case ToolCall():
            return _call(part, param, model)
        case Reasoning():
            # Only the signature matters; it may stand on an empty text. Thoughts themselves are not sent back.
            if part.state and reasoning.travels_to(part.origin, model):
                return {"text": "", "thoughtSignature": part.state}
            return None
        case _:
            raise RequestError("a tool result can only stand in a tool message", param=param)


def _call(part: ToolCall, param: str, model: Model) -> Json:
    entry: Json = {
        "functionCall": {
            "id": wire_id(part.id),
            "name": wire_name(part.name),
            "args": object_arguments(part, param),
        }
    }
    if part.origin_state and reasoning.travels_to(part.origin, model):
        entry["thoughtSignature"] = part.origin_state
    return entry


def _results(message: Message, calls: dict[str, ToolCall], param: str) -> list[Json]:
    """Return the responses in the order of their calls (older models match by name and order), attachments after."""
    order = {call_id: place for place, call_id in enumerate(calls)}
    results = [part for part in message.parts if type(part) is ToolResult]
    results.sort(key=lambda part: order.get(part.call_id, len(order)))
    responses: list[Json] = []
    attached: list[Json] = []
    for part in results:
        call = calls.get(part.call_id)
        name = part.name or (call.name if call is not None else "")
        if not name:
            raise RequestError(f"the tool result {part.call_id!r} answers no call of this conversation", param=param)
        text = "\n".join(item.text for item in part.content if type(item) is Text)
        attached += [_data(item, param) for item in part.content if type(item) is not Text]
        responses.append(
            {
                "functionResponse": {
                    "id": wire_id(part.call_id),
                    "name": wire_name(name),
                    "response": {"error" if part.is_error else "output": text},
                }
            }
        )
    return responses + attached


def _data(part: Image | Document | Text, param: str) -> Json:
    if type(part) is Text:
        return {"text": part.text}
    if type(part) is Document and parameters.modality(part) is None:
        return {"text": document_text(part, param)}
    if part.data is None:  # type: ignore[union-attr]
        raise UnsupportedParameter(
            "this provider takes images and documents only inside the request: send base64 instead of an address",
            param=param,
        )
    return {"inlineData": {"mimeType": part.media_type or "image/png", "data": part.data}}  # type: ignore[union-attr]
