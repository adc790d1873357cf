"""Request logs: what was sent to OpenAI's or Anthropic's API, one call a line, with what came back where it was kept.

Loggers wrap bodies differently, so a row may be the request itself, or hold it as ``request``, ``body``, ``input`` or ``kwargs``
(as an object or as JSON text) and the reply as ``response``, ``output`` or ``completion``. A response may stand in a ``body`` of
its own, as in batch files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from pointsman.domain.chat_json import messages_from_openai, tools_from_openai
from pointsman.domain.message import Message, OutputFormat, ToolChoice
from pointsman.domain.turn import Sampling, Turn
from pointsman.domain.usage import Usage
from pointsman.errors import RequestError
from pointsman.evaluation.case_rows import tags_of, with_ids
from pointsman.evaluation.cases import Case
from pointsman.evaluation.importers.anthropic_rows import (
    messages_from_anthropic,
    parts_from_anthropic,
    tools_from_anthropic,
)
from pointsman.evaluation.importers.case_seam import Found, Wanted
from pointsman.evaluation.importers.seam import Row
from pointsman.evaluation.importers.turn_cases import gold_of_message, shipped_of

_REQUEST = ("request", "body", "input", "kwargs", "request_body", "requestBody")
_REPLY = ("response", "output", "completion", "response_body", "responseBody")
_CONVERSATION = ("conversation", "conversation_id", "session_id", "thread_id", "trace_id")


class OpenAIRequests:
    """Chat Completions requests."""

    name = "openai"

    def recognises(self, row: Row) -> bool:
        """Tell by the body: messages and a model, and no mark of Anthropic's."""
        body = request_of(row)
        return body is not None and not _is_anthropic(body, reply_of(row))

    def companions(self, row: Row) -> Mapping[str, str]:  # noqa: ARG002 - requests bring everything
        """Name no other file."""
        return {}

    def read(self, row: Row, wanted: Wanted) -> list[Found]:
        """Read one call."""
        body = _body(row)
        messages = messages_from_openai(body.get("messages"))
        tools = tools_from_openai(body["tools"]) if body.get("tools") else wanted.book.everyone
        turn = msgspec.structs.replace(request_wishes(body, "openai_chat"), messages=messages, tools=tools)
        reply = reply_of(row)
        message = None if reply is None else _openai_message(reply)
        return [found(row, self.name, turn, wanted, message, reply)]


class AnthropicRequests:
    """Messages requests."""

    name = "anthropic"

    def recognises(self, row: Row) -> bool:
        """Tell by the body's or the reply's own marks."""
        body = request_of(row)
        return body is not None and _is_anthropic(body, reply_of(row))

    def companions(self, row: Row) -> Mapping[str, str]:  # noqa: ARG002 - requests bring everything
        """Name no other file."""
        return {}

    def read(self, row: Row, wanted: Wanted) -> list[Found]:
        """Read one call."""
        body = _body(row)
        messages = messages_from_anthropic(body.get("messages"), body.get("system"))
        tools = tools_from_anthropic(body.get("tools"))
        turn = msgspec.structs.replace(request_wishes(body, "anthropic"), messages=messages, tools=tools)
        reply = reply_of(row)
        message = None
        if reply is not None and reply.get("content") is not None:
            message = Message("assistant", parts_from_anthropic(reply["content"], "response.content"))
        return [found(row, self.name, turn, wanted, message, reply)]


def found(  # noqa: PLR0913, PLR0917 - the parts of one logged call
    row: Row, source: str, turn: Turn, wanted: Wanted, message: Message | None, reply: Mapping[str, Any] | None
) -> Found:
    """Return the case of one logged call, with the answer it got."""
    if not turn.messages or turn.messages[-1].role not in ("user", "tool"):
        raise RequestError(
            "the last message is not the customer's nor a tool result: nothing is to be answered", param="messages"
        )
    given = row.get("id") or row.get("request_id") or row.get("custom_id")
    case = Case(
        id=str(given) if isinstance(given, str | int) else "",
        conversation_id=_conversation(row) or opening(turn.messages),
        source=source,
        turn=turn,
        gold=gold_of_message(message) if message is not None and wanted.recorded_gold else None,
        tags=tags_of(row.get("tags") if isinstance(row.get("tags"), Mapping) else None),
    )
    case = with_ids(case)
    if message is None:
        return Found(case)
    said = reply or {}
    model = said.get("model")
    name = model if isinstance(model, str) and model else "recorded"
    return Found(case, shipped_of(case, message, model=name, usage=usage_of(said.get("usage"))))


def request_of(row: Row) -> Mapping[str, Any] | None:
    """Return the request's body, wherever the row holds it; None where it holds none."""
    for holder in (row, *(_object(row.get(name)) for name in _REQUEST)):
        if holder is not None and isinstance(holder.get("messages"), list) and (holder is not row or "model" in row):
            return holder
        inner = None if holder is None or holder is row else _object(holder.get("body"))
        if inner is not None and isinstance(inner.get("messages"), list):
            return inner
    return None


def reply_of(row: Row) -> Mapping[str, Any] | None:
    """Return the reply's body; None where the row holds none."""
    for name in _REPLY:
        holder = _object(row.get(name))
        if holder is not None:
            return _object(holder.get("body")) or holder
    return row if "choices" in row else None


def usage_of(data: Any) -> Usage | None:
    """Return token counts as either provider writes them; None where they are not there."""
    if not isinstance(data, Mapping):
        return None
    if isinstance(data.get("prompt_tokens"), int):
        details = data.get("prompt_tokens_details")
        read = details.get("cached_tokens") if isinstance(details, Mapping) else None
        read = read if isinstance(read, int) else None
        return Usage(
            max(0, data["prompt_tokens"] - (read or 0)), _count(data.get("completion_tokens")) or 0, cache_read=read
        )
    if isinstance(data.get("input_tokens"), int):
        return Usage(
            data["input_tokens"],
            _count(data.get("output_tokens")) or 0,
            cache_read=_count(data.get("cache_read_input_tokens")),
            cache_write=_count(data.get("cache_creation_input_tokens")),
        )
    return None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _body(row: Row) -> Mapping[str, Any]:
    body = request_of(row)
    if body is None:
        raise RequestError("there is no request with messages in it", param="messages")
    return body


def _object(value: Any) -> Mapping[str, Any] | None:
    value = json_value(value)
    return value if isinstance(value, Mapping) else None


def json_value(value: Any) -> Any:
    """Return what JSON text holds, where ``value`` is the text of an object or a list; anything else as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return value
    return value


def _is_anthropic(body: Mapping[str, Any], reply: Mapping[str, Any] | None) -> bool:
    if "system" in body or (
        reply is not None and (reply.get("type") == "message" or isinstance(reply.get("content"), list))
    ):
        return True
    tools = body.get("tools")
    if isinstance(tools, list) and any(isinstance(one, Mapping) and "input_schema" in one for one in tools):
        return True
    blocks = {"tool_use", "tool_result", "thinking", "image", "document"}
    return any(
        isinstance(block, Mapping) and block.get("type") in blocks
        for message in body.get("messages", ())
        if isinstance(message, Mapping) and isinstance(message.get("content"), list)
        for block in message["content"]
    )


def request_wishes(params: Mapping[str, Any], dialect: str) -> Turn:
    """Return a turn without messages that asks for its reply in the way ``params`` says; the model is not part of a case.

    Raises:
        RequestError: the wishes cannot be read.
    """
    if dialect == "anthropic":
        return _wishes(params, None, _anthropic_choice(params))
    if dialect == "openai_chat" or "response_format" in params:
        return _wishes(params, _openai_format(params), _openai_choice(params))
    try:
        turn = msgspec.convert({"messages": [], **params}, Turn)
    except msgspec.ValidationError:
        return _wishes(params, None, None)
    return msgspec.structs.replace(turn, model="auto", stream=False, metadata={}, extras={})


def _wishes(params: Mapping[str, Any], shape: OutputFormat | None, choice: ToolChoice | None) -> Turn:
    longest = params.get("max_completion_tokens") or params.get("max_tokens")
    temperature, top_p = params.get("temperature"), params.get("top_p")
    return Turn(
        messages=(),
        output_format=shape,
        tool_choice=choice,
        max_output_tokens=_count(longest) or None,
        sampling=Sampling(
            temperature=float(temperature) if isinstance(temperature, int | float) else None,
            top_p=float(top_p) if isinstance(top_p, int | float) else None,
        ),
    )


def _openai_format(body: Mapping[str, Any]) -> OutputFormat | None:
    wish = body.get("response_format")
    if not isinstance(wish, Mapping) or wish.get("type") not in ("json_object", "json_schema"):
        return None
    if wish["type"] == "json_object":
        return OutputFormat("json_object")
    inner = wish.get("json_schema")
    if not isinstance(inner, Mapping) or not isinstance(inner.get("schema"), Mapping):
        raise RequestError("response_format.json_schema.schema is missing", param="response_format")
    strict = inner.get("strict")
    return OutputFormat(
        "json_schema",
        dict(inner["schema"]),
        str(inner.get("name") or "reply"),
        strict if isinstance(strict, bool) else None,
    )


def _openai_choice(body: Mapping[str, Any]) -> ToolChoice | None:
    choice = body.get("tool_choice")
    if choice in ("auto", "none", "required"):
        return ToolChoice(choice)
    named = choice.get("function") if isinstance(choice, Mapping) else None
    return (
        ToolChoice("named", (named["name"],))
        if isinstance(named, Mapping) and isinstance(named.get("name"), str)
        else None
    )


def _anthropic_choice(body: Mapping[str, Any]) -> ToolChoice | None:
    choice = body.get("tool_choice")
    match choice:
        case {"type": "auto"}:
            return ToolChoice("auto")
        case {"type": "any"}:
            return ToolChoice("required")
        case {"type": "none"}:
            return ToolChoice("none")
        case {"type": "tool", "name": str(name)}:
            return ToolChoice("named", (name,))
        case _:
            return None


def _openai_message(reply: Mapping[str, Any]) -> Message | None:
    choices = reply.get("choices")
    raw = (
        choices[0].get("message") if isinstance(choices, list) and choices and isinstance(choices[0], Mapping) else None
    )
    if raw is None and "role" in reply:
        raw = reply
    return (
        None
        if not isinstance(raw, Mapping)
        else messages_from_openai([dict(raw) | {"role": "assistant"}], path="response")[0]
    )


def opening(messages: tuple[Message, ...]) -> str:
    """Return an id for a conversation that brings none: clients send the history again, so all its turns open alike."""
    first = next((n for n, message in enumerate(messages) if message.role == "user"), 0)
    return "auto-" + hashlib.blake2b(msgspec.json.encode(messages[: first + 1]), digest_size=6).hexdigest()


def _conversation(row: Row) -> str:
    places = (row, _object(row.get("metadata")) or {})
    return next(
        (str(where[name]) for where in places for name in _CONVERSATION if isinstance(where.get(name), str | int)), ""
    )
