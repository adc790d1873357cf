"""What a Chat Completions server refuses in the messages: roles, content, and tool messages that do not fit their calls."""

from __future__ import annotations

from typing import Any, NoReturn

from pointsman.emulator.exchange import RejectedError
from pointsman.emulator.models import ModelFacts

Json = dict[str, Any]

_ROLES = ("system", "assistant", "user", "function", "tool", "developer")
_PARTS = {
    "system": {"text"},
    "developer": {"text"},
    "user": {"text", "image_url", "input_audio", "file"},
    "assistant": {"text", "refusal"},
    "tool": {"text"},
    "function": {"text"},
}
_LONGEST_TEXT = 10_485_760
_LONGEST_CALL_ID = 64


def _refuse(message: str, param: str, code: str | None = None) -> NoReturn:
    raise RejectedError(message, param=param, code=code)


def check_turns(body: Json, facts: ModelFacts) -> None:
    """Check the messages of a request.

    Raises:
        RejectedError: the real server would refuse them.
    """
    messages = body.get("messages")
    if not isinstance(messages, list):
        _refuse("Missing required parameter: 'messages'.", "messages", "missing_required_parameter")
    if not messages:
        _refuse("Invalid 'messages': empty array. Expected an array with minimum length 1.", "messages", "empty_array")
    for index, message in enumerate(messages):
        place = f"messages[{index}]"
        if not isinstance(message, dict):
            _refuse(f"Invalid type for '{place}': expected an object.", place, "invalid_type")
        if message.get("role") not in _ROLES:
            _refuse(
                f"Invalid value: {message.get('role')!r}. Supported values are: {', '.join(repr(role) for role in _ROLES)}.",
                f"{place}.role",
                "invalid_value",
            )
        if facts.vendor == "groq" and "name" in message and message["role"] != "function":
            _refuse(f"'{place}' : property 'name' is unsupported", f"{place}.name")
        _check_content(message, place, facts)
    _check_calls(messages)


def mentions_json(messages: list[Json]) -> bool:
    """Tell whether any message contains the word JSON."""
    return any("json" in text.lower() for message in messages for text in _texts(message.get("content")))


def _texts(content: Any) -> list[str]:
    if isinstance(content, str):
        return [content]
    return [part["text"] for part in content or () if isinstance(part.get("text"), str)]


def _check_content(message: Json, place: str, facts: ModelFacts) -> None:
    role, content = message["role"], message.get("content")
    if content is None:
        if role == "assistant" and (
            message.get("tool_calls") or message.get("refusal") or message.get("function_call")
        ):
            return
        _refuse(
            f"Invalid value for 'content': expected a string, got null. ({place}.content)",
            f"{place}.content",
            "invalid_type",
        )
    if isinstance(content, str):
        if len(content) > _LONGEST_TEXT:
            _refuse(
                f"Invalid '{place}.content': string too long. Expected a string with maximum length {_LONGEST_TEXT}.",
                f"{place}.content",
                "string_above_max_length",
            )
        return
    if not isinstance(content, list) or not content:
        _refuse(f"Invalid '{place}.content': expected a string or a list of parts.", f"{place}.content", "invalid_type")
    for number, part in enumerate(content):
        _check_part(part, _PARTS[role], f"{place}.content[{number}]", facts)


def _check_part(part: Any, allowed: set[str], place: str, facts: ModelFacts) -> None:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind not in allowed:
        words = ", ".join(repr(word) for word in sorted(allowed))
        _refuse(f"Invalid value: {kind!r}. Supported values are: {words}.", f"{place}.type", "invalid_value")
    if kind == "text" and not isinstance(part.get("text"), str):
        _refuse(f"Missing required parameter: '{place}.text'.", f"{place}.text", "missing_required_parameter")
    if kind != "image_url":
        return
    url = (part.get("image_url") or {}).get("url")
    if not facts.images:
        _refuse("Invalid content type. image_url is only supported by certain models.", place, "invalid_value")
    if not isinstance(url, str) or not url.startswith(("http://", "https://", "data:image/")):
        _refuse(
            f"Invalid '{place}.image_url.url'. Expected a URL or a data URL.",
            f"{place}.image_url.url",
            "invalid_image_url",
        )


def _check_calls(messages: list[Json]) -> None:
    """Check that every call is answered by the tool messages right after it, and every tool message answers a call."""
    open_ids: list[str] = []
    asked_at = -1
    for index, message in enumerate(messages):
        if message["role"] == "tool":
            _check_tool_message(message, index, open_ids, asked_at)
            continue
        _check_answered(open_ids, asked_at)
        open_ids, asked_at = [], -1
        if message["role"] == "assistant" and message.get("tool_calls"):
            open_ids, asked_at = _call_ids(message, index), index
    _check_answered(open_ids, asked_at)


def _check_tool_message(message: Json, index: int, open_ids: list[str], asked_at: int) -> None:
    if asked_at < 0:
        _refuse(
            "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
            f"messages.[{index}].role",
        )
    answered = message.get("tool_call_id")
    if not isinstance(answered, str):
        _refuse(
            f"Missing parameter 'tool_call_id' in messages[{index}].",
            f"messages[{index}].tool_call_id",
            "missing_required_parameter",
        )
    if answered not in open_ids:
        _refuse(
            f"Invalid parameter: 'tool_call_id' of '{answered}' not found in 'tool_calls' of previous message.",
            f"messages.[{index}].tool_call_id",
        )
    open_ids.remove(answered)


def _check_answered(open_ids: list[str], asked_at: int) -> None:
    if open_ids:
        _refuse(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
            f"The following tool_call_ids did not have response messages: {', '.join(open_ids)}",
            f"messages.[{asked_at}].role",
        )


def _call_ids(message: Json, index: int) -> list[str]:
    ids = []
    for number, call in enumerate(message["tool_calls"]):
        place = f"messages[{index}].tool_calls[{number}]"
        name = call.get("id") if isinstance(call, dict) else None
        if not isinstance(name, str) or not name:
            _refuse(f"Missing required parameter: '{place}.id'.", f"{place}.id", "missing_required_parameter")
        if len(name) > _LONGEST_CALL_ID:
            _refuse(
                f"Invalid '{place}.id': string too long. Expected a string with maximum length {_LONGEST_CALL_ID}.",
                f"{place}.id",
                "string_above_max_length",
            )
        function = call.get("function")
        if call.get("type", "function") == "function" and not (
            isinstance(function, dict)
            and isinstance(function.get("name"), str)
            and isinstance(function.get("arguments"), str)
        ):
            _refuse(
                f"Invalid type for '{place}.function.arguments': expected a string.",
                f"{place}.function.arguments",
                "invalid_type",
            )
        ids.append(name)
    return ids
